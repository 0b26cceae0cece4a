// Where the services of the map are: callers left of whom they call, in layers. Deterministic, so that the same system looks
// the same every time; a circle of calls is opened where a walk from the outermost callers closes it.

import type { Graph } from "./graph";

export interface Point {
  x: number;
  y: number;
}

export const NODE_WIDTH = 156;
export const NODE_HEIGHT = 46;

const BETWEEN_LAYERS = 320;
const BETWEEN_NODES = 92;
const SWEEPS = 6;

interface Adjacency {
  below: Map<string, string[]>;
  above: Map<string, string[]>;
}

/** Who calls whom, without the calls that close a circle. */
function acyclic(graph: Graph): Adjacency {
  const calls = new Map<string, string[]>(graph.nodes.map((node) => [node.name, []]));
  const called = new Set<string>();
  for (const { client, server } of [...graph.links].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    if (client === server) continue;
    calls.get(client)?.push(server);
    called.add(server);
  }
  const names = [...calls.keys()].sort();
  const sources = names.filter((name) => !called.has(name));
  const below = new Map<string, string[]>(names.map((name) => [name, []]));
  const above = new Map<string, string[]>(names.map((name) => [name, []]));
  const state = new Map<string, "open" | "done">();
  const visit = (name: string) => {
    state.set(name, "open");
    for (const next of calls.get(name) ?? []) {
      if (state.get(next) === "open") continue;
      below.get(name)?.push(next);
      above.get(next)?.push(name);
      if (!state.has(next)) visit(next);
    }
    state.set(name, "done");
  };
  for (const name of [...sources, ...names]) if (!state.has(name)) visit(name);
  return { below, above };
}

/** Layer of each service: one more than that of its furthest caller. */
function layers({ below, above }: Adjacency): string[][] {
  const rank = new Map<string, number>();
  const of = (name: string): number => {
    const known = rank.get(name);
    if (known !== undefined) return known;
    const found = (above.get(name) ?? []).reduce((most, caller) => Math.max(most, of(caller) + 1), 0);
    rank.set(name, found);
    return found;
  };
  const result: string[][] = [];
  for (const name of below.keys()) {
    const layer = of(name);
    result[layer] ??= [];
    result[layer].push(name);
  }
  return result.map((layer) => layer ?? []);
}

function mean(values: number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Orders each layer by the middle of its neighbours in the layer before, there and back. */
function untangle(result: string[][], { below, above }: Adjacency): void {
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const forwards = sweep % 2 === 0;
    const neighbours = forwards ? above : below;
    const order = forwards ? result : [...result].reverse();
    const at = new Map<string, number>();
    for (const layer of result) layer.forEach((name, index) => at.set(name, index - layer.length / 2));
    for (const layer of order) {
      const wanted = new Map(
        layer.map((name) => [name, mean((neighbours.get(name) ?? []).map((one) => at.get(one) ?? 0)) ?? at.get(name) ?? 0]),
      );
      layer.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0));
      layer.forEach((name, index) => at.set(name, index - layer.length / 2));
    }
  }
}

/** Draws each node towards its neighbours, as far as the order of the layer and the room allow. */
function settle(result: string[][], { below, above }: Adjacency, y: Map<string, number>): void {
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const layer of sweep % 2 === 0 ? result : [...result].reverse()) {
      const wanted = layer.map((name) => {
        const around = [...(above.get(name) ?? []), ...(below.get(name) ?? [])];
        return mean(around.map((one) => y.get(one) ?? 0)) ?? y.get(name) ?? 0;
      });
      for (let i = 1; i < wanted.length; i++) {
        wanted[i] = Math.max(wanted[i] ?? 0, (wanted[i - 1] ?? 0) + BETWEEN_NODES);
      }
      const before = mean(layer.map((name) => y.get(name) ?? 0)) ?? 0;
      const shift = layer.length > 1 ? before - (mean(wanted) ?? 0) : 0;
      layer.forEach((name, index) => y.set(name, (wanted[index] ?? 0) + shift));
    }
  }
}

/** Places of all nodes, the middle of each. */
export function layout(graph: Graph): Map<string, Point> {
  const adjacency = acyclic(graph);
  const result = layers(adjacency);
  untangle(result, adjacency);
  const y = new Map<string, number>();
  for (const layer of result) {
    layer.forEach((name, index) => y.set(name, (index - (layer.length - 1) / 2) * BETWEEN_NODES));
  }
  settle(result, adjacency, y);
  const places = new Map<string, Point>();
  result.forEach((layer, rank) => {
    for (const name of layer) places.set(name, { x: rank * BETWEEN_LAYERS, y: y.get(name) ?? 0 });
  });
  return places;
}
