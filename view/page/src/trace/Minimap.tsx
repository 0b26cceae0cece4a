// The whole trace at a glance, drawn on a canvas; dragging over it zooms the time axis to that part. The keys `+`, `-` and
// `0` of the waterfall do the same without a pointer.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { themeChanges } from "../shell/theme";
import { serviceClass } from "../text/colour";
import { duration } from "../text/format";
import { place } from "./axis";
import type { Range, TraceModel } from "./model";
import { rows } from "./tree";

const HEIGHT = 44;
const LINE_MAX = 3;
/** A drag shorter than this share of the width is a click. */
const CLICK = 0.005;

/** The palette's colours as the style sheet has them now. */
function colours(services: string[]): Map<string, string> {
  const probe = document.createElement("span");
  document.body.append(probe);
  const found = new Map(
    services.map((name) => {
      probe.className = `service-name ${serviceClass(name)}`;
      return [name, getComputedStyle(probe).color];
    }),
  );
  probe.remove();
  return found;
}

function draw(canvas: HTMLCanvasElement, model: TraceModel, width: number): void {
  const scale = devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.round(HEIGHT * scale);
  const context = canvas.getContext("2d");
  if (!context) return;
  const { spans, services } = model.trace;
  const palette = colours(services);
  const order = rows(model.tree, new Set());
  const step = canvas.height / order.length;
  const line = Math.max(1, Math.min(step, LINE_MAX * scale));
  order.forEach((index, at) => {
    const span = spans[index];
    if (!span) return;
    context.fillStyle = palette.get(span.service) ?? "gray";
    const left = (place(span.start, model.whole) / 100) * canvas.width;
    const length = (span.duration / (model.whole[1] - model.whole[0])) * canvas.width;
    context.fillRect(left, at * step, Math.max(1, length), line);
  });
}

/** Which part of the trace a drag from one place to another covers; places are shares of the width. */
export function dragged(from: number, to: number, whole: Range): Range | null {
  const [a, b] = [Math.min(from, to), Math.max(from, to)].map((one) => Math.min(Math.max(one, 0), 1)) as [
    number,
    number,
  ];
  if (b - a < CLICK) return null;
  const length = whole[1] - whole[0];
  return [whole[0] + a * length, whole[0] + b * length];
}

export function Minimap({ model }: { model: TraceModel }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const drag = useSignal<{ from: number; to: number } | null>(null);
  const changes = themeChanges.value;

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const redraw = () => canvas.current && draw(canvas.current, model, element.clientWidth);
    const observer = new ResizeObserver(redraw);
    observer.observe(element);
    return () => observer.disconnect();
  }, [model, changes]);

  const share = (event: PointerEvent) => {
    const area = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return (event.clientX - area.left) / area.width;
  };
  const end = () => {
    const done = drag.peek();
    drag.value = null;
    const range = done && dragged(done.from, done.to, model.whole);
    if (range) model.setRange(range[0], range[1]);
  };

  const [start, stop] = model.range.value;
  const isWhole = start === model.whole[0] && stop === model.whole[1];
  return (
    <div class="minimap">
      <div class="minimap-side">
        {isWhole ? (
          <span class="faint">drag to zoom</span>
        ) : (
          <button type="button" onClick={() => model.resetRange()} title="Whole trace (0)">
            {duration(stop - start)} ✕
          </button>
        )}
      </div>
      <div
        ref={box}
        class="minimap-area"
        aria-hidden="true"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          drag.value = { from: share(event), to: share(event) };
        }}
        onPointerMove={(event) => {
          const current = drag.peek();
          if (current) drag.value = { from: current.from, to: share(event) };
        }}
        onPointerUp={end}
        onPointerCancel={() => {
          drag.value = null;
        }}
      >
        <canvas ref={canvas} class="minimap-canvas" />
        {!isWhole && (
          <>
            <div class="shade" style={{ left: 0, width: `${place(start, model.whole)}%` }} />
            <div class="shade" style={{ left: `${place(stop, model.whole)}%`, right: 0 }} />
          </>
        )}
        {drag.value && (
          <div
            class="dragging"
            style={{
              left: `${Math.min(drag.value.from, drag.value.to) * 100}%`,
              width: `${Math.abs(drag.value.to - drag.value.from) * 100}%`,
            }}
          />
        )}
      </div>
    </div>
  );
}
