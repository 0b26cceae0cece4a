// The state of the map: the graph, where the reader has put services, what is seen and what is selected. It outlives the
// view, so that the map is as it was when the reader comes back.

import { batch, computed, signal } from "@preact/signals";
import type { Overview } from "../agent/types";
import { EMPTY, type Graph, merge, shape } from "./graph";
import { layout, type Point } from "./layout";
import { fit, type Size, type Viewport } from "./viewport";

const KEY = "sonde.map";

export type Selected = { node: string } | { link: string } | null;

function stored(): Record<string, Point> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Record<string, Point>;
  } catch {
    return {};
  }
}

export const graph = signal<Graph>(EMPTY);
export const selected = signal<Selected>(null);
export const viewport = signal<Viewport>({ x: 0, y: 0, scale: 1 });

/** Where the reader has put services by hand. */
const moved = signal<Record<string, Point>>(stored());
/** Whether the reader has moved or zoomed the view: it is not fitted again by itself then. */
let touched = false;
let size: Size = { width: 0, height: 0 };
let shown = 0;

const shaped = computed(() => shape(graph.value));
const laidOut = computed(() => {
  void shaped.value;
  return layout(graph.peek());
});

/** Where each service is. */
export const places = computed(() => {
  const result = new Map(laidOut.value.places);
  for (const name of result.keys()) {
    const own = Object.hasOwn(moved.value, name) ? moved.value[name] : undefined;
    if (own && Number.isFinite(own.x) && Number.isFinite(own.y)) result.set(name, own);
  }
  return result;
});

/** Where lines bend: those whose ends are where the layout has them. */
export const bends = computed(() => {
  const own = moved.value;
  const kept = graph.value.links.filter((link) => !Object.hasOwn(own, link.client) && !Object.hasOwn(own, link.server));
  return new Map(kept.map(({ id }) => [id, laidOut.value.bends.get(id) ?? []]));
});

/** Whether any service was put somewhere by hand. */
export const anyMoved = computed(() => Object.keys(moved.value).length > 0);

function fitAgain(): void {
  if (size.width > 0 && places.peek().size > 0) viewport.value = fit(places.peek().values(), size);
}

/** Takes in the newest overview of a window of so many seconds. */
export function take(overview: Overview): void {
  const before = shown === overview.window ? graph.peek() : EMPTY;
  shown = overview.window;
  const old = shaped.peek();
  batch(() => {
    graph.value = merge(before, overview);
    if (shaped.peek() !== old && !touched) fitAgain();
  });
}

/** The room for the map has changed. */
export function resize(next: Size): void {
  const first = size.width === 0;
  size = next;
  if (first || !touched) fitAgain();
}

/** Shows everything. */
export function showAll(): void {
  touched = false;
  fitAgain();
}

/** The reader looks somewhere else. */
export function look(next: Viewport): void {
  touched = true;
  viewport.value = next;
}

/** The middle of what is seen, on the screen. */
export function middle(): Point {
  return { x: size.width / 2, y: size.height / 2 };
}

function store(): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(moved.peek()));
  } catch {
    // Without storage the places last as long as the page.
  }
}

/** The reader puts a service somewhere. */
export function move(name: string, to: Point): void {
  touched = true;
  moved.value = { ...moved.peek(), [name]: to };
  store();
}

/** Puts all services where the layout has them. */
export function resetPlaces(): void {
  moved.value = {};
  store();
  showAll();
}

/** The service nearest to `name` in a direction, for the arrow keys. */
export function neighbour(name: string, dx: number, dy: number): string | null {
  const from = places.peek().get(name);
  if (!from) return null;
  let best: string | null = null;
  let least = Infinity;
  for (const [other, at] of places.peek()) {
    const along = (at.x - from.x) * dx + (at.y - from.y) * dy;
    const across = Math.abs((at.x - from.x) * dy) + Math.abs((at.y - from.y) * dx);
    if (other === name || along <= 0) continue;
    const distance = along + 2 * across;
    if (distance < least) {
      best = other;
      least = distance;
    }
  }
  return best;
}
