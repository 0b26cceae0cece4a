// The graph that the map draws: what the overview has now, and what it had before. A service that is quiet for a minute
// stays where it was, drawn as idle, so that the map does not jump.

import type { Edge, Overview, Red, Service } from "../agent/types";

export interface Node extends Red {
  name: string;
  external: boolean;
  idle: boolean;
}

export interface Link extends Red {
  /** Unique among the links of a graph. */
  id: string;
  client: string;
  server: string;
  external: boolean;
  idle: boolean;
}

export interface Graph {
  nodes: Node[];
  links: Link[];
}

export const EMPTY: Graph = { nodes: [], links: [] };

const QUIET: Red = { requests_per_second: 0, error_ratio: 0, p50_ms: null, p95_ms: null };

function node(service: Service): Node {
  const { name, requests_per_second, error_ratio, p50_ms, p95_ms, external } = service;
  return { name, requests_per_second, error_ratio, p50_ms, p95_ms, external: external === true, idle: false };
}

/** Id of the link between two services. */
function linkId(client: string, server: string): string {
  return JSON.stringify([client, server]);
}

function link(edge: Edge): Link {
  const { client, server, requests_per_second, error_ratio, p50_ms, p95_ms, external } = edge;
  const id = linkId(client, server);
  return {
    id,
    client,
    server,
    requests_per_second,
    error_ratio,
    p50_ms,
    p95_ms,
    external: external === true,
    idle: false,
  };
}

/** The overview as a graph, with all of `before` that it lacks. */
export function merge(before: Graph, overview: Overview): Graph {
  const nodes = new Map<string, Node>();
  for (const old of before.nodes) nodes.set(old.name, { ...old, ...QUIET, idle: true });
  for (const service of overview.services) nodes.set(service.name, node(service));
  const links = new Map<string, Link>();
  for (const old of before.links) links.set(old.id, { ...old, ...QUIET, idle: true });
  for (const edge of overview.edges) {
    const made = link(edge);
    links.set(made.id, made);
    for (const name of [edge.client, edge.server]) {
      if (!nodes.has(name))
        nodes.set(name, { name, ...QUIET, external: made.external && name === edge.server, idle: false });
    }
  }
  return { nodes: [...nodes.values()], links: [...links.values()] };
}

/** Changes when nodes or links come, not when their figures change. */
export function shape(graph: Graph): string {
  return JSON.stringify([graph.nodes.map((one) => one.name).sort(), graph.links.map((one) => one.id).sort()]);
}
