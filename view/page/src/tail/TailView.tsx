// The live tail: traces as they arrive. They are put in a few times a second, however many there are; while paused they are
// counted and kept.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { dropped, onTrace } from "../agent/live";
import type { TraceRow } from "../agent/types";
import { TraceTable } from "../search/TraceTable";
import { typing } from "../shell/shortcuts";
import { parseDuration, whole } from "../text/format";
import { type Filter, fits, KEEP, merge } from "./filter";

const EVERY_MS = 250;

function useTail(paused: { value: boolean; peek: () => boolean }) {
  const rows = useSignal<TraceRow[]>([]);
  const waiting = useSignal(0);
  const arrived = useRef<TraceRow[]>([]);
  useEffect(() => {
    const stop = onTrace((row) => {
      arrived.current.push(row);
      if (arrived.current.length > 4 * KEEP) arrived.current.splice(0, KEEP);
    });
    const timer = setInterval(() => {
      const batch = arrived.current;
      if (paused.peek()) {
        waiting.value = batch.length;
        return;
      }
      waiting.value = 0;
      if (batch.length === 0) return;
      arrived.current = [];
      rows.value = merge(rows.peek(), batch);
    }, EVERY_MS);
    return () => {
      stop();
      clearInterval(timer);
    };
  }, [rows, waiting, paused]);
  return { rows, waiting };
}

export function TailView() {
  const paused = useSignal(false);
  const filter = useSignal<Filter>({ text: "", errors: false, minMs: null });
  const { rows, waiting } = useTail(paused);

  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key !== "p" || typing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      paused.value = !paused.peek();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [paused]);

  const shown = rows.value.filter((row) => fits(row, filter.value));
  return (
    <div class="tail">
      <div class="toolbar">
        <h1>Live tail</h1>
        <button
          type="button"
          aria-pressed={paused.value}
          title="p"
          onClick={() => {
            paused.value = !paused.value;
          }}
        >
          {paused.value ? `▶ Go on (${whole(waiting.value)} waiting)` : "❚❚ Pause"}
        </button>
        <input
          type="search"
          aria-label="Filter by service, operation or trace ID"
          placeholder="Filter: service, operation, trace ID"
          onInput={(event) => {
            filter.value = { ...filter.peek(), text: event.currentTarget.value };
          }}
        />
        <input
          class="short"
          aria-label="Shortest duration"
          placeholder="min, 100ms"
          onInput={(event) => {
            filter.value = { ...filter.peek(), minMs: parseDuration(event.currentTarget.value) };
          }}
        />
        <label class="check">
          <input
            type="checkbox"
            onChange={(event) => {
              filter.value = { ...filter.peek(), errors: event.currentTarget.checked };
            }}
          />
          Only with errors
        </label>
        <button
          type="button"
          onClick={() => {
            rows.value = [];
          }}
        >
          Clear
        </button>
        <span class="faint counts">
          {whole(shown.length)} of {whole(rows.value.length)} shown
          {dropped.value > 0 && `, ${whole(dropped.value)} more arrived too fast to be sent`}
        </span>
      </div>
      {shown.length > 0 ? (
        <TraceTable rows={shown} caption="Traces as they arrive" />
      ) : (
        <p class="notice">{rows.value.length > 0 ? "No trace fits the filter." : "Waiting for traces…"}</p>
      )}
    </div>
  );
}
