// The time axis: round steps, and where a time is on it.

import type { Range } from "./model";

const STEPS = [1, 2, 5];

/** Round times within the range, at most `most` of them. */
export function ticks([start, end]: Range, most: number): number[] {
  const length = end - start;
  if (!(length > 0) || most < 1) return [];
  const rough = length / most;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = (STEPS.find((one) => one * magnitude >= rough) ?? 10) * magnitude;
  const found: number[] = [];
  for (let at = Math.ceil(start / step) * step; at <= end && found.length <= most; at += step) found.push(at);
  return found;
}

/** Place of a time, in per cent of the axis. */
export function place(time: number, [start, end]: Range): number {
  return ((time - start) / (end - start)) * 100;
}

/** The part of a bar that can be seen, in per cent of the axis; `null` if none of it can. */
export function bar(start: number, length: number, range: Range): { left: number; width: number } | null {
  const left = place(start, range);
  const right = place(start + length, range);
  if (right < 0 || left > 100) return null;
  const from = Math.max(left, 0);
  return { left: from, width: Math.min(right, 100) - from };
}
