// The lines between services, and where their labels are: on the line, where they cover neither a service nor each other.

import { NODE_HEIGHT, NODE_WIDTH, type Point } from "./layout";

/** Cubic Bézier curves, each beginning where the one before ends: start, two controls, end. */
export type Curve = readonly (readonly [Point, Point, Point, Point])[];

export const LABEL_WIDTH = 158;
export const LABEL_HEIGHT = 32;

/** Shares of the line where its label may be, the best first. */
const CANDIDATES = [0.5, 0.45, 0.55, 0.4, 0.6, 0.35, 0.65, 0.3, 0.7, 0.25, 0.75, 0.2, 0.8];
/** Length of an arrow's head. */
export const ARROW = 7;
const LOOP = 62;
/** How far the controls of a call to the left are beyond the services. */
const BULGE = 80;
/** Room between lines that leave or arrive at one side. */
const PORT = 9;
const PORTS_MAX = NODE_HEIGHT / 2 - 6;

function loop({ x, y }: Point): Curve {
  const [right, top] = [x + NODE_WIDTH / 2, y - NODE_HEIGHT / 2];
  return [
    [
      { x: right - 24, y: top },
      { x: right - 24, y: top - LOOP },
      { x: right + LOOP, y: y - 4 },
      { x: right + ARROW, y: y - 8 },
    ],
  ];
}

/** From one point to the next, level at both. */
function level(from: Point, to: Point): Curve[number] {
  const bend = Math.max(Math.abs(to.x - from.x) / 2, 30) * Math.sign(to.x - from.x || 1);
  return [from, { x: from.x + bend, y: from.y }, { x: to.x - bend, y: to.y }, to];
}

interface Ports {
  /** How far from the middle of its side a line leaves and arrives. */
  leave: number;
  arrive: number;
}

/** The line of a call to another service, through its bends. */
function between(client: Point, server: Point, bends: Point[], ports: Ports): Curve {
  const half = NODE_WIDTH / 2;
  const dx = server.x - client.x;
  if (dx < -NODE_WIDTH) return backwards(client, server);
  if (dx <= NODE_WIDTH) return vertical(client, server);
  const from = { x: client.x + half, y: client.y + ports.leave };
  const to = { x: server.x - half - ARROW, y: server.y + ports.arrive };
  const through = [
    from,
    ...bends.flatMap(({ x, y }) => [
      { x: x - half, y },
      { x: x + half, y },
    ]),
    to,
  ];
  return through.slice(1).map((point, index) => level(through[index] as Point, point));
}

/** A call to the left goes round: above the lines to the right, or below them. */
function backwards(client: Point, server: Point): Curve {
  const up = client.y <= server.y ? -1 : 1;
  const half = (NODE_HEIGHT / 2) * up;
  const outermost = up < 0 ? Math.min(client.y, server.y) : Math.max(client.y, server.y);
  const far = outermost + half + BULGE * up;
  const from = { x: client.x - NODE_WIDTH / 8, y: client.y + half };
  const to = { x: server.x + NODE_WIDTH / 8, y: server.y + half + ARROW * up };
  return [[from, { x: from.x - 30, y: far }, { x: to.x + 30, y: far }, to]];
}

function vertical(client: Point, server: Point): Curve {
  const down = server.y > client.y ? 1 : -1;
  const aside = (NODE_WIDTH / 8) * down;
  const from = { x: client.x + aside, y: client.y + (NODE_HEIGHT / 2) * down };
  const to = { x: server.x + aside, y: server.y - (NODE_HEIGHT / 2 + ARROW) * down };
  const middle = (from.y + to.y) / 2;
  return [[from, { x: from.x, y: middle }, { x: to.x, y: middle }, to]];
}

/** A call that is to be drawn. */
export interface Call {
  id: string;
  client: string;
  server: string;
}

/** The share of each line in the height of a side: in the order of where its other end is, so that they do not cross. */
function ports(calls: Call[], places: Map<string, Point>, end: "client" | "server"): Map<string, number> {
  const other = end === "client" ? "server" : "client";
  const sides = new Map<string, Call[]>();
  for (const call of calls) {
    const [here, there] = [places.get(call[end]), places.get(call[other])];
    if (!here || !there || call.client === call.server) continue;
    const key = `${Math.sign(there.x - here.x)} ${end === "client"} ${call[end]}`;
    sides.set(key, [...(sides.get(key) ?? []), call]);
  }
  const found = new Map<string, number>();
  for (const side of sides.values()) {
    side.sort((a, b) => (places.get(a[other])?.y ?? 0) - (places.get(b[other])?.y ?? 0));
    const step = Math.min(PORT, (2 * PORTS_MAX) / Math.max(side.length - 1, 1));
    for (const [index, call] of side.entries()) found.set(call.id, (index - (side.length - 1) / 2) * step);
  }
  return found;
}

/** The lines of all calls between services that have a place, by id. */
export function curves(calls: Call[], places: Map<string, Point>, bends: Map<string, Point[]>): Map<string, Curve> {
  const leave = ports(calls, places, "client");
  const arrive = ports(calls, places, "server");
  const found = new Map<string, Curve>();
  for (const { id, client, server } of calls) {
    const [from, to] = [places.get(client), places.get(server)];
    if (!from || !to) continue;
    const at = { leave: leave.get(id) ?? 0, arrive: arrive.get(id) ?? 0 };
    found.set(id, client === server ? loop(from) : between(from, to, bends.get(id) ?? [], at));
  }
  return found;
}

/** The point at a share of the line. */
export function pointAt(curve: Curve, share: number): Point {
  const at = Math.min(Math.max(share, 0), 1) * curve.length;
  const part = curve[Math.min(Math.floor(at), curve.length - 1)];
  if (!part) return { x: 0, y: 0 };
  const [a, b, c, d] = part;
  const t = Math.min(at - Math.min(Math.floor(at), curve.length - 1), 1);
  const u = 1 - t;
  const weigh = (p: number, q: number, r: number, s: number) =>
    u * u * u * p + 3 * u * u * t * q + 3 * u * t * t * r + t * t * t * s;
  return { x: weigh(a.x, b.x, c.x, d.x), y: weigh(a.y, b.y, c.y, d.y) };
}

/** The line as SVG writes it. */
export function svgPath(curve: Curve): string {
  const write = ({ x, y }: Point) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const first = curve[0]?.[0];
  if (!first) return "";
  return `M${write(first)}${curve.map(([, b, c, d]) => `C${write(b)} ${write(c)} ${write(d)}`).join("")}`;
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

function best(line: Curve, taken: Box[]): Box {
  let found: Box | null = null;
  let least = Infinity;
  for (const share of CANDIDATES) {
    const box = { at: pointAt(line, share), width: LABEL_WIDTH, height: LABEL_HEIGHT };
    const covered = taken.reduce((sum, other) => sum + overlap(box, other), 0);
    if (covered < least) {
      found = box;
      least = covered;
    }
    if (covered === 0) break;
  }
  return found ?? { at: pointAt(line, 0.5), width: LABEL_WIDTH, height: LABEL_HEIGHT };
}

/** A place for the label of each line. */
export function labelPlaces(lines: Map<string, Curve>, nodes: Iterable<Point>): Map<string, Point> {
  const taken: Box[] = [...nodes].map((at) => ({ at, width: NODE_WIDTH + 8, height: NODE_HEIGHT + 4 }));
  const found = new Map<string, Point>();
  for (const [id, line] of [...lines].sort(([, a], [, b]) => a.length - b.length)) {
    const box = best(line, taken);
    taken.push(box);
    found.set(id, box.at);
  }
  return found;
}
