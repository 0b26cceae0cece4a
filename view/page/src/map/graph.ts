// The graph that the map draws: what the overview has now, and what it had before. A service that is quiet for a minute
// stays where it was, drawn as idle, so that the map does not jump.

import type { Edge, Overview, Red, Service } from "../agent/types";

export interface Node extends Red {
  name: string;
  external: boolean;
  /** It calls others, and was not called itself. */
  calls: boolean;
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
  return {
    name,
    requests_per_second,
    error_ratio,
    p50_ms,
    p95_ms,
    external: external === true,
    calls: false,
    idle: requests_per_second === 0,
  };
}

/** An end of edges that is not among the services: all that is known of it is how it was called. */
function end(name: string, edges: Edge[]): Node {
  const into = edges.filter((edge) => edge.server === name);
  const rate = into.reduce((sum, edge) => sum + edge.requests_per_second, 0);
  const failed = into.reduce((sum, edge) => sum + edge.requests_per_second * edge.error_ratio, 0);
  const only = into.length === 1 ? into[0] : undefined;
  return {
    name,
    requests_per_second: rate,
    error_ratio: rate > 0 ? failed / rate : 0,
    p50_ms: only?.p50_ms ?? null,
    p95_ms: only?.p95_ms ?? null,
    external: into.some((edge) => edge.external === true),
    calls: false,
    idle: rate === 0,
  };
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
export function merge(before: Graph, { services, edges }: Overview): Graph {
  const links = new Map<string, Link>();
  for (const old of before.links) links.set(old.id, { ...old, ...QUIET, idle: true });
  for (const edge of edges) {
    const made = link(edge);
    links.set(made.id, made);
  }
  const nodes = new Map<string, Node>();
  for (const old of before.nodes) nodes.set(old.name, { ...old, ...QUIET, calls: false, idle: true });
  for (const service of services) nodes.set(service.name, node(service));
  const listed = new Set(services.map((service) => service.name));
  for (const name of edges.flatMap((edge) => [edge.client, edge.server])) {
    if (!listed.has(name)) nodes.set(name, end(name, edges));
  }
  for (const { client } of edges) {
    const caller = nodes.get(client);
    if (caller?.idle) nodes.set(client, { ...caller, calls: true, idle: false });
  }
  return { nodes: [...nodes.values()], links: [...links.values()] };
}

/** Changes when nodes or links come, not when their figures change. */
export function shape(graph: Graph): string {
  return JSON.stringify([graph.nodes.map((one) => one.name).sort(), graph.links.map((one) => one.id).sort()]);
}
