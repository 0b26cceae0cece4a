// When the traces found began and how long they took. For the eye alone: the table beside it has the same.

import type { TraceRow } from "../agent/types";
import { go } from "../route/navigate";
import { traceAddress } from "../route/route";
import { clock, milliseconds } from "../text/format";
import { label } from "../text/visible";

const WIDTH = 1_000;
const HEIGHT = 90;
const PADDING = 8;

/** Place on a logarithmic axis, from 0 to 1. */
function logarithmic(value: number, least: number, most: number): number {
  const low = Math.log10(Math.max(least, 0.001));
  const high = Math.log10(Math.max(most, 0.001));
  if (high - low < 1e-9) return 0.5;
  return (Math.log10(Math.max(value, 0.001)) - low) / (high - low);
}

export function Scatter({ rows }: { rows: TraceRow[] }) {
  const starts = rows.map((row) => row.start_ms);
  const durations = rows.map((row) => row.duration_ms);
  const [first, last] = [Math.min(...starts), Math.max(...starts)];
  const [least, most] = [Math.min(...durations), Math.max(...durations)];
  const x = (row: TraceRow) => PADDING + ((row.start_ms - first) / Math.max(last - first, 1)) * (WIDTH - 2 * PADDING);
  const y = (row: TraceRow) => HEIGHT - PADDING - logarithmic(row.duration_ms, least, most) * (HEIGHT - 2 * PADDING);
  return (
    <div class="scatter" aria-hidden="true">
      <div class="scatter-y">
        <span>{milliseconds(most)}</span>
        <span>{milliseconds(least)}</span>
      </div>
      <div class="scatter-box">
        {rows.map((row) => (
          // biome-ignore lint/a11y/noStaticElementInteractions: the table has the same as links
          // biome-ignore lint/a11y/useKeyWithClickEvents: the table has the same as links
          <span
            key={row.trace_id}
            class={`point ${row.errors > 0 ? "failed" : ""}`}
            style={{ left: `${(x(row) / WIDTH) * 100}%`, top: `${(y(row) / HEIGHT) * 100}%` }}
            title={`${label(row.service, 40)} ${label(row.operation, 60)}, ${milliseconds(row.duration_ms)}`}
            onClick={() => go(traceAddress(row.trace_id))}
          />
        ))}
      </div>
      <div class="scatter-x">
        <span>{clock(first)}</span>
        <span>{clock(last)}</span>
      </div>
    </div>
  );
}
