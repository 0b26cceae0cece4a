// A service's points over time as the sparklines want them: evenly spaced over the whole window. The agent leaves out the
// seconds without requests; a window of many seconds is drawn with fewer points.

import type { Point } from "../agent/types";

const POINTS = 60;

export interface Series {
  requests: number[];
  errors: number[];
  /** The worst of the seconds; `null` where there were no requests. */
  p95: (number | null)[];
}

/** Points of the last `window` seconds before `now`, which is a Unix time in milliseconds. */
export function even(points: Point[], window: number, now: number): Series {
  const step = Math.max(1, Math.ceil(window / POINTS));
  const length = Math.ceil(window / step);
  const end = Math.floor(now / 1_000);
  const requests = new Array<number>(length).fill(0);
  const errors = new Array<number>(length).fill(0);
  const p95 = new Array<number | null>(length).fill(null);
  for (const point of points) {
    const at = length - 1 - Math.floor((end - point.t) / step);
    if (at < 0 || at >= length) continue;
    requests[at] = (requests[at] ?? 0) + point.requests;
    errors[at] = (errors[at] ?? 0) + point.errors;
    if (point.p95_ms !== null) p95[at] = Math.max(p95[at] ?? 0, point.p95_ms);
  }
  return { requests, errors, p95 };
}
