// The lines between services, and where their labels are: on the line, where they cover neither a service nor each other.

import { NODE_HEIGHT, NODE_WIDTH, type Point } from "./layout";

/** A cubic Bézier curve: start, two controls, end. */
export type Curve = readonly [Point, Point, Point, Point];

export const LABEL_WIDTH = 124;
export const LABEL_HEIGHT = 32;

const CANDIDATES = [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74];
const ARROW = 7;
const BULGE = 70;

function side(at: Point, dx: number, dy: number): Point {
  return { x: at.x + (dx * NODE_WIDTH) / 2, y: at.y + (dy * NODE_HEIGHT) / 2 };
}

/** The line of a call; calls to the left go below the services, calls to oneself in a loop above. */
export function curve(client: Point, server: Point, toItself: boolean): Curve {
  if (toItself) {
    const from = side(client, 0.5, -1);
    const to = side(client, -0.5, -1);
    return [from, { x: from.x + 30, y: from.y - BULGE }, { x: to.x - 30, y: to.y - BULGE }, { x: to.x, y: to.y - ARROW }];
  }
  const dx = server.x - client.x;
  if (dx > NODE_WIDTH) {
    const from = side(client, 1, 0);
    const to = side(server, -1, 0);
    const bend = Math.max((to.x - from.x) / 2, 30);
    return [from, { x: from.x + bend, y: from.y }, { x: to.x - bend - ARROW, y: to.y }, { x: to.x - ARROW, y: to.y }];
  }
  if (dx < -NODE_WIDTH) {
    const from = side(client, -0.2, 1);
    const to = side(server, 0.2, 1);
    const deep = Math.max(from.y, to.y) + BULGE;
    return [from, { x: from.x - 40, y: deep }, { x: to.x + 40, y: deep }, { x: to.x, y: to.y + ARROW }];
  }
  const down = server.y > client.y ? 1 : -1;
  const from = side(client, 0.15 * down, down);
  const to = side(server, 0.15 * down, -down);
  const bend = Math.abs(to.y - from.y) / 2;
  return [
    from,
    { x: from.x, y: from.y + bend * down },
    { x: to.x, y: to.y - bend * down },
    { x: to.x, y: to.y - ARROW * down },
  ];
}

/** The point at a share of the curve. */
export function pointAt([a, b, c, d]: Curve, t: number): Point {
  const u = 1 - t;
  const weigh = (p: number, q: number, r: number, s: number) =>
    u * u * u * p + 3 * u * u * t * q + 3 * u * t * t * r + t * t * t * s;
  return { x: weigh(a.x, b.x, c.x, d.x), y: weigh(a.y, b.y, c.y, d.y) };
}

/** The curve as SVG writes it. */
export function svgPath([a, b, c, d]: Curve): string {
  const write = ({ x, y }: Point) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  return `M${write(a)}C${write(b)} ${write(c)} ${write(d)}`;
}

interface Box {
  at: Point;
  width: number;
  height: number;
}

function overlap(a: Box, b: Box): number {
  const x = (a.width + b.width) / 2 - Math.abs(a.at.x - b.at.x);
  const y = (a.height + b.height) / 2 - Math.abs(a.at.y - b.at.y);
  return x > 0 && y > 0 ? x * y : 0;
}

/** A place for each label, in the order of the curves. */
export function labelPlaces(curves: Curve[], nodes: Iterable<Point>): Point[] {
  const taken: Box[] = [...nodes].map((at) => ({ at, width: NODE_WIDTH, height: NODE_HEIGHT }));
  return curves.map((line) => {
    let best: Box | null = null;
    let least = Infinity;
    for (const t of CANDIDATES) {
      const box = { at: pointAt(line, t), width: LABEL_WIDTH, height: LABEL_HEIGHT };
      const covered = taken.reduce((sum, other) => sum + overlap(box, other), 0);
      if (covered < least) {
        best = box;
        least = covered;
      }
      if (covered === 0) break;
    }
    const found = best ?? { at: pointAt(line, 0.5), width: LABEL_WIDTH, height: LABEL_HEIGHT };
    taken.push(found);
    return found.at;
  });
}
