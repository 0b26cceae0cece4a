// What part of the map is seen: `screen = map * scale + offset`.

import { NODE_HEIGHT, NODE_WIDTH, type Point } from "./layout";

export interface Viewport {
  x: number;
  y: number;
  scale: number;
}

export interface Size {
  width: number;
  height: number;
}

const SCALE_MIN = 0.15;
const SCALE_MAX = 3;
/** A small map is not blown up, a large one stays legible and is panned. */
const FIT_MAX = 1.25;
const FIT_MIN = 0.6;
const MARGIN = 40;

/** Moves the view by so many pixels of the screen. */
export function pan(view: Viewport, dx: number, dy: number): Viewport {
  return { ...view, x: view.x + dx, y: view.y + dy };
}

/** Zooms so that what is under a place of the screen stays there. */
export function zoomAt(view: Viewport, factor: number, at: Point): Viewport {
  const scale = Math.min(Math.max(view.scale * factor, SCALE_MIN), SCALE_MAX);
  const ratio = scale / view.scale;
  return { scale, x: at.x - (at.x - view.x) * ratio, y: at.y - (at.y - view.y) * ratio };
}

/** Shows all places, in the middle; where they do not fit, from the outermost callers on. */
export function fit(places: Iterable<Point>, size: Size): Viewport {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y } of places) {
    left = Math.min(left, x - NODE_WIDTH / 2);
    right = Math.max(right, x + NODE_WIDTH / 2);
    top = Math.min(top, y - NODE_HEIGHT);
    bottom = Math.max(bottom, y + NODE_HEIGHT);
  }
  if (left > right) return { x: size.width / 2, y: size.height / 2, scale: 1 };
  const room = Math.min((size.width - 2 * MARGIN) / (right - left), (size.height - 2 * MARGIN) / (bottom - top));
  const scale = Math.min(Math.max(room, FIT_MIN), FIT_MAX);
  const wide = (right - left) * scale > size.width;
  return {
    scale,
    x: wide ? MARGIN / 2 - left * scale : size.width / 2 - ((left + right) / 2) * scale,
    y: size.height / 2 - ((top + bottom) / 2) * scale,
  };
}

/** The place of the map under a place of the screen. */
export function toMap(view: Viewport, at: Point): Point {
  return { x: (at.x - view.x) / view.scale, y: (at.y - view.y) / view.scale };
}
