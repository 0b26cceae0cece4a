// Which traces the live tail shows, and how many it keeps.

import type { TraceRow } from "../agent/types";

export interface Filter {
  text: string;
  errors: boolean;
  minMs: number | null;
}

export const KEEP = 300;

/** Whether a trace fits; the text is sought in services, operation and trace id. */
export function fits(row: TraceRow, filter: Filter): boolean {
  if (filter.errors && row.errors === 0) return false;
  if (filter.minMs !== null && row.duration_ms < filter.minMs) return false;
  const wanted = filter.text.trim().toLowerCase();
  if (wanted === "") return true;
  return [row.service, row.operation, row.trace_id, ...(row.services ?? [])].some((text) =>
    text.toLowerCase().includes(wanted),
  );
}

/** The newest first; a trace that comes again, with more spans, takes the place of its old row. */
export function merge(old: TraceRow[], arrived: TraceRow[]): TraceRow[] {
  const newest = new Map<string, TraceRow>();
  for (const row of arrived) newest.set(row.trace_id, row);
  const kept = old.map((row) => {
    const update = newest.get(row.trace_id);
    if (update) newest.delete(row.trace_id);
    return update ?? row;
  });
  return [...[...newest.values()].reverse(), ...kept].slice(0, KEEP);
}
