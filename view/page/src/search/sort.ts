// Orders of traces.

import type { TraceRow } from "../agent/types";

export type Order = "newest" | "longest" | "shortest" | "spans" | "errors";

export const ORDERS: [Order, string][] = [
  ["newest", "newest first"],
  ["longest", "longest first"],
  ["shortest", "shortest first"],
  ["spans", "most spans first"],
  ["errors", "most errors first"],
];

const COMPARE: Record<Order, (a: TraceRow, b: TraceRow) => number> = {
  newest: (a, b) => b.start_ms - a.start_ms,
  longest: (a, b) => b.duration_ms - a.duration_ms,
  shortest: (a, b) => a.duration_ms - b.duration_ms,
  spans: (a, b) => b.spans - a.spans,
  errors: (a, b) => b.errors - a.errors,
};

/** The traces in this order; those that are equal stay as they were. */
export function sorted(rows: TraceRow[], order: Order): TraceRow[] {
  return [...rows].sort(COMPARE[order]);
}
