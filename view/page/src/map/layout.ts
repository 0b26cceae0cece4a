// Where the services of the map are: callers left of whom they call, in layers (after Sugiyama). Deterministic, so that the
// same system looks the same every time; a circle of calls is opened where a walk from the outermost callers closes it.
// A call over several layers has a bend in each layer between, which takes room there like a service.

import type { Graph } from "./graph";
import { type Adjacency, type Layered, layered } from "./layers";

export interface Point {
  x: number;
  y: number;
}

export interface Layout {
  /** The middle of each service. */
  places: Map<string, Point>;
  /** Where calls over several layers bend, by the id of the link. */
  bends: Map<string, Point[]>;
}

export const NODE_WIDTH = 156;
export const NODE_HEIGHT = 46;

const BETWEEN_LAYERS = 386;
const BETWEEN_NODES = 104;
const ALONE_ROWS = 70;
const ALONE_COLUMNS = 4;
/** Even, so that the last sweep goes back and callers end in the middle of whom they call. */
const SWEEPS = 8;

function mean(values: number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function inTurn(layers: string[][], sweep: number): string[][] {
  return sweep % 2 === 0 ? layers : [...layers].reverse();
}

/** Orders each layer by the middle of its neighbours in the layer before, there and back. */
function untangle(layers: string[][], { below, above }: Adjacency): void {
  const at = new Map<string, number>();
  const number = (layer: string[]) => {
    for (const [index, name] of layer.entries()) at.set(name, index - layer.length / 2);
  };
  layers.forEach(number);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const neighbours = sweep % 2 === 0 ? above : below;
    for (const layer of inTurn(layers, sweep)) {
      const wanted = new Map<string, number>();
      for (const name of layer) {
        const around = (neighbours.get(name) ?? []).map((one) => at.get(one) ?? 0);
        wanted.set(name, mean(around) ?? at.get(name) ?? 0);
      }
      layer.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0));
      number(layer);
    }
  }
}

/** Draws each layer towards its neighbours, as far as its order and the room allow. */
function settle(layers: string[][], { below, above }: Adjacency): Map<string, number> {
  const y = new Map<string, number>();
  for (const layer of layers) {
    for (const [index, name] of layer.entries()) y.set(name, (index - (layer.length - 1) / 2) * BETWEEN_NODES);
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const neighbours = sweep % 2 === 0 ? above : below;
    for (const layer of inTurn(layers, sweep)) {
      const wanted = layer.map((name) => {
        const around = (neighbours.get(name) ?? []).map((one) => y.get(one) ?? 0);
        return mean(around) ?? y.get(name) ?? 0;
      });
      const placed = apart(wanted);
      for (const [index, name] of layer.entries()) y.set(name, placed[index] ?? 0);
    }
  }
  return y;
}

/** The same order, at least one step apart, with the same middle. */
export function apart(wanted: number[]): number[] {
  const placed: number[] = [];
  for (const value of wanted) placed.push(Math.max(value, (placed.at(-1) ?? -Infinity) + BETWEEN_NODES));
  const shift = (mean(wanted) ?? 0) - (mean(placed) ?? 0);
  return placed.map((value) => value + shift);
}

function bendsOf({ bends, layers }: Layered, y: Map<string, number>): Map<string, Point[]> {
  const rank = new Map<string, number>();
  for (const [index, layer] of layers.entries()) for (const name of layer) rank.set(name, index);
  const point = (name: string) => ({ x: (rank.get(name) ?? 0) * BETWEEN_LAYERS, y: y.get(name) ?? 0 });
  return new Map([...bends].map(([id, names]) => [id, names.map(point)]));
}

/** Services without calls stand in rows below the others. */
function putAlone(names: string[], places: Map<string, Point>, layers: number): void {
  const bottom = [...places.values()].reduce((most, { y }) => Math.max(most, y), -BETWEEN_NODES);
  const step = BETWEEN_LAYERS / 2;
  const columns = Math.max(ALONE_COLUMNS, layers * 2 - 1);
  for (const [index, name] of names.entries()) {
    const row = Math.floor(index / columns);
    places.set(name, { x: (index % columns) * step, y: bottom + BETWEEN_NODES + row * ALONE_ROWS });
  }
}

/** Places of all services and bends. */
export function layout(graph: Graph): Layout {
  const called = new Set(graph.links.flatMap(({ client, server }) => [client, server]));
  const alone = graph.nodes.map((node) => node.name).filter((name) => !called.has(name));
  const found = layered({ nodes: graph.nodes.filter((node) => called.has(node.name)), links: graph.links });
  untangle(found.layers, found.adjacency);
  const y = settle(found.layers, found.adjacency);
  const places = new Map<string, Point>();
  for (const [rank, layer] of found.layers.entries()) {
    for (const name of layer) {
      if (!found.virtual.has(name)) places.set(name, { x: rank * BETWEEN_LAYERS, y: y.get(name) ?? 0 });
    }
  }
  putAlone(alone.sort(), places, found.layers.length);
  return { places, bends: bendsOf(found, y) };
}
