// The waterfall: a tree of spans beside their bars on a time axis. Only the rows in sight are in the document, so that ten
// thousand spans scroll like ten. The focus stays on the whole; which row is meant is told by `aria-activedescendant`.

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { duration } from "../text/format";
import { place, ticks } from "./axis";
import { PAGE_MARGIN, press } from "./keys";
import { Minimap } from "./Minimap";
import type { Range, TraceModel } from "./model";
import { Row, rowId } from "./Row";
import { names, Splitter } from "./Splitter";

/** Height of a row in pixels; the style sheet has the same. */
const ROW = 26;
const OVERSCAN = 10;
const PIXELS_PER_TICK = 130;
const TICKS_MAX = 8;
/** Ticks after this, in per cent of the axis, have their label at the left. */
const TICK_END = 84;

interface Window {
  top: number;
  height: number;
  width: number;
}

/** Follows what part of the element is in sight. */
function useWindow(element: { current: HTMLElement | null }) {
  const seen = useSignal<Window>({ top: 0, height: 800, width: 800 });
  useLayoutEffect(() => {
    const area = element.current;
    if (!area) return;
    const measure = () => {
      const next = { top: area.scrollTop, height: area.clientHeight, width: area.clientWidth };
      const old = seen.peek();
      if (next.top !== old.top || next.height !== old.height || next.width !== old.width) seen.value = next;
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(area);
    area.addEventListener("scroll", measure, { passive: true });
    return () => {
      observer.disconnect();
      area.removeEventListener("scroll", measure);
    };
  }, [element, seen]);
  return seen;
}

/** Keeps the selected row in sight. */
function useFollow(model: TraceModel, element: { current: HTMLElement | null }) {
  const selected = model.selected.value;
  useEffect(() => {
    const area = element.current;
    const at = selected === null ? -1 : model.rows.peek().indexOf(selected);
    if (!area || at < 0) return;
    const top = at * ROW;
    const bottom = top + ROW * PAGE_MARGIN;
    if (top < area.scrollTop) area.scrollTop = top;
    else if (bottom > area.scrollTop + area.clientHeight) area.scrollTop = bottom - area.clientHeight;
  }, [model, selected, element]);
}

function Axis({ range, times }: { range: Range; times: number[] }) {
  return (
    <div class="axis">
      <div class="axis-name">Service and operation</div>
      <Splitter />
      <div class="axis-time" aria-hidden="true">
        {times.map((time) => {
          const at = place(time, range);
          return (
            <span key={time} class={at > TICK_END ? "tick end" : "tick"} style={{ left: `${at}%` }}>
              {duration(time)}
            </span>
          );
        })}
      </div>
    </div>
  );
}

/** The axis's ticks, behind all rows. */
function Lines({ range, times }: { range: Range; times: number[] }) {
  return (
    <div class="lines" aria-hidden="true">
      {times.map((time) => (
        <span key={time} class="line" style={{ left: `${place(time, range)}%` }} />
      ))}
    </div>
  );
}

export function Waterfall({ model }: { model: TraceModel }) {
  const area = useRef<HTMLDivElement>(null);
  const seen = useWindow(area);
  useFollow(model, area);

  const rows = model.rows.value;
  const { top, height, width } = seen.value;
  const first = Math.max(0, Math.floor(top / ROW) - OVERSCAN);
  const last = Math.min(rows.length, Math.ceil((top + height) / ROW) + OVERSCAN);
  const range = model.range.value;
  const most = Math.max(2, Math.min(TICKS_MAX, Math.floor(width / 2 / PIXELS_PER_TICK)));
  const times = ticks(range, most);
  const selected = model.selected.value;
  const selectedAt = selected === null ? -1 : rows.indexOf(selected);
  const shown = rows.slice(first, last).map((index, offset) => ({ index, at: first + offset }));
  if (selected !== null && selectedAt >= 0 && (selectedAt < first || selectedAt >= last)) {
    shown.push({ index: selected, at: selectedAt });
  }

  return (
    <section class="waterfall" aria-label="Waterfall" style={{ "--names": `${names.value}%` }}>
      <Minimap model={model} />
      <Axis range={range} times={times} />
      <div
        ref={area}
        class="rows"
        role="treegrid"
        aria-label="Spans"
        aria-rowcount={rows.length}
        aria-activedescendant={selectedAt < 0 ? undefined : rowId(selected as number)}
        tabIndex={0}
        onKeyDown={(event) => press(event, model, Math.floor(height / ROW) - 1)}
      >
        <div class="rows-inner" role="presentation" style={{ height: `${rows.length * ROW}px` }}>
          <Lines range={range} times={times} />
          {shown.map(({ index, at }) => (
            <Row key={index} model={model} index={index} at={at} top={at * ROW} />
          ))}
        </div>
      </div>
    </section>
  );
}
