// A row of the waterfall. Rows are placed by hand, so they are no table's: roles say what they are, and the focus stays on
// the whole grid (which is why the linter's two rules about this are off for this file).

import type { Span } from "../otlp/decode";
import { serviceClass } from "../text/colour";
import { duration } from "../text/format";
import { label } from "../text/visible";
import { bar, place } from "./axis";
import type { Section } from "./critical";
import type { Range, TraceModel } from "./model";

/** Levels beyond this are not indented further. */
const DEPTH_MAX = 24;
/** Per cent of the axis that a label needs beside its bar. */
const LABEL_ROOM = 14;
const EVENTS_MAX = 50;

/** Id of a span's row in the document. */
export function rowId(index: number): string {
  return `span-${index}`;
}

interface Properties {
  model: TraceModel;
  index: number;
  at: number;
  top: number;
}

function Critical({ sections, range }: { sections: Section[]; range: Range }) {
  return (
    <>
      {sections.map(({ start, end }) => {
        const part = bar(start, end - start, range);
        return part && <span key={start} class="critical" style={{ left: `${part.left}%`, width: `${part.width}%` }} />;
      })}
    </>
  );
}

function Events({ span, range }: { span: Span; range: Range }) {
  return (
    <>
      {span.events.slice(0, EVENTS_MAX).map((event, number) => {
        const left = place(event.time, range);
        if (left < 0 || left > 100) return null;
        return <span key={number} class="event" title={label(event.name)} style={{ left: `${left}%` }} />;
      })}
    </>
  );
}

function Bar({ model, index, span }: { model: TraceModel; index: number; span: Span }) {
  const range = model.range.value;
  const part = bar(span.start, span.duration, range);
  if (!part) return null;
  const sections = model.showCritical.value ? model.critical.get(index) : undefined;
  const end = part.left + part.width;
  const side = end <= 100 - LABEL_ROOM ? "right" : part.left >= LABEL_ROOM ? "left" : "inside";
  const at = side === "right" ? { left: `${end}%` } : { right: `${100 - (side === "left" ? part.left : end)}%` };
  return (
    <>
      <span class="bar" style={{ left: `${part.left}%`, width: `${part.width}%` }} />
      {sections && <Critical sections={sections} range={range} />}
      <Events span={span} range={range} />
      <span class={`bar-label ${side}`} style={at}>
        {duration(span.duration)}
      </span>
    </>
  );
}

function Toggle({ model, index }: { model: TraceModel; index: number }) {
  if ((model.tree.children[index] ?? []).length === 0) return <span class="leaf" aria-hidden="true" />;
  const collapsed = model.collapsed.value.has(index);
  return (
    <button
      type="button"
      class="toggle"
      tabIndex={-1}
      aria-label={collapsed ? "Expand" : "Collapse"}
      onClick={(event) => {
        event.stopPropagation();
        model.toggle(index);
      }}
    >
      {collapsed ? `▸ ${model.tree.descendants[index]}` : "▾"}
    </button>
  );
}

export function Row({ model, index, at, top }: Properties) {
  const span = model.trace.spans[index];
  if (!span) return null;
  const { tree } = model;
  const depth = tree.depth[index] ?? 0;
  const below = (tree.children[index] ?? []).length > 0;
  const isSelected = model.selected.value === index;
  const matches = model.matches.value;
  const classes = ["row", serviceClass(span.service)];
  if (isSelected) classes.push("selected");
  if (span.status === "ERROR") classes.push("failed");
  if (matches !== null) classes.push(matches.has(index) ? "match" : "no-match");
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: keys go to the whole waterfall
    <div
      id={rowId(index)}
      role="row"
      class={classes.join(" ")}
      style={{ transform: `translateY(${top}px)` }}
      tabIndex={-1}
      aria-rowindex={at + 1}
      aria-level={depth + 1}
      aria-expanded={below ? !model.collapsed.value.has(index) : undefined}
      aria-selected={isSelected}
      onClick={() => {
        model.select(index);
        model.details.value = true;
      }}
    >
      <div role="gridcell" class="row-name" style={{ paddingLeft: `${4 + Math.min(depth, DEPTH_MAX) * 12}px` }}>
        <Toggle model={model} index={index} />
        <span class="stripe" aria-hidden="true" />
        {span.status === "ERROR" && (
          <span class="mark" role="img" aria-label="error">
            !
          </span>
        )}
        <bdi class="row-service">{label(span.service, 60)}</bdi>{" "}
        <bdi class="row-operation">{label(span.name, 120)}</bdi>
      </div>
      <div
        role="gridcell"
        class="row-bar"
        aria-label={`${duration(span.duration)}, ${duration(span.start)} after the start`}
      >
        <Bar model={model} index={index} span={span} />
      </div>
    </div>
  );
}
