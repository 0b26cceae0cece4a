// The layers of the map's layout: in which of them each service is, and what stands for a call in the layers it crosses.

import type { Graph, Link } from "./graph";

export interface Adjacency {
  below: Map<string, string[]>;
  above: Map<string, string[]>;
}

export interface Layered {
  layers: string[][];
  /** Neighbours in the layers beside. */
  adjacency: Adjacency;
  /** Of each link that crosses layers: what stands for it there. */
  bends: Map<string, string[]>;
  virtual: Set<string>;
}

/** Links that go forwards, that is without those that close a circle. */
function forwards(graph: Graph): Link[] {
  const calls = new Map<string, Link[]>(graph.nodes.map((node) => [node.name, []]));
  const called = new Set<string>();
  for (const link of [...graph.links].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    if (link.client === link.server) continue;
    calls.get(link.client)?.push(link);
    called.add(link.server);
  }
  const names = [...calls.keys()].sort();
  const found: Link[] = [];
  const state = new Map<string, "open" | "done">();
  const visit = (name: string) => {
    state.set(name, "open");
    for (const link of calls.get(name) ?? []) {
      if (state.get(link.server) === "open") continue;
      found.push(link);
      if (!state.has(link.server)) visit(link.server);
    }
    state.set(name, "done");
  };
  const sources = names.filter((name) => !called.has(name));
  for (const name of [...sources, ...names]) if (!state.has(name)) visit(name);
  return found;
}

/** Layer of each service: one more than that of its furthest caller; a caller stands right before whom it calls. */
function ranks(names: string[], links: Link[]): Map<string, number> {
  const callers = new Map<string, string[]>();
  const servers = new Map<string, string[]>();
  for (const { client, server } of links) {
    callers.set(server, [...(callers.get(server) ?? []), client]);
    servers.set(client, [...(servers.get(client) ?? []), server]);
  }
  const rank = new Map<string, number>();
  const of = (name: string): number => {
    const known = rank.get(name);
    if (known !== undefined) return known;
    const found = (callers.get(name) ?? []).reduce((most, caller) => Math.max(most, of(caller) + 1), 0);
    rank.set(name, found);
    return found;
  };
  for (const name of names) of(name);
  for (const name of names) {
    const below = (servers.get(name) ?? []).map((server) => rank.get(server) ?? 1);
    if (!callers.has(name) && below.length > 0) rank.set(name, Math.min(...below) - 1);
  }
  return rank;
}

/** Puts services, and what stands for calls, into layers. */
export function layered(graph: Graph): Layered {
  const names = graph.nodes.map((node) => node.name).sort();
  const links = forwards(graph);
  const rank = ranks(names, links);
  const layers: string[][] = [];
  const below = new Map<string, string[]>();
  const above = new Map<string, string[]>();
  const put = (name: string, layer: number) => {
    while (layers.length <= layer) layers.push([]);
    layers[layer]?.push(name);
    below.set(name, []);
    above.set(name, []);
  };
  for (const name of names) put(name, rank.get(name) ?? 0);

  const bends = new Map<string, string[]>();
  for (const { id, client, server } of links) {
    const between: string[] = [];
    for (let layer = (rank.get(client) ?? 0) + 1; layer < (rank.get(server) ?? 0); layer++) {
      const name = `${layer} ${id}`;
      put(name, layer);
      between.push(name);
    }
    if (between.length > 0) bends.set(id, between);
    const chain = [client, ...between, server];
    for (let i = 1; i < chain.length; i++) {
      const [up, down] = [chain[i - 1] as string, chain[i] as string];
      below.get(up)?.push(down);
      above.get(down)?.push(up);
    }
  }
  return { layers, adjacency: { below, above }, bends, virtual: new Set([...bends.values()].flat()) };
}
