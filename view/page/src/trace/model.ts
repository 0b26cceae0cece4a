// The state of one trace's view: what is selected, collapsed, sought and zoomed. Views read its signals; only its methods
// change them.

import { computed, signal } from "@preact/signals";
import type { Span, Trace } from "../otlp/decode";
import { bySpan, criticalPath, total } from "./critical";
import { ancestors, build, rows } from "./tree";

export type Range = readonly [start: number, end: number];

const ZOOM_STEP = 2;
/** The axis is never shorter than this many microseconds. */
const RANGE_MIN = 1;
/** Traces with more spans than this are shown with only their upper levels expanded. */
const COLLAPSE_ABOVE = 20_000;
const LEVELS_THEN = 2;

export class TraceModel {
  readonly tree;
  /** Sections of the critical path, of each span on it. */
  readonly critical;
  readonly whole: Range;

  readonly selected = signal<number | null>(null);
  readonly details = signal(false);
  readonly showCritical = signal(true);
  readonly filter = signal("");
  readonly range;
  readonly collapsed = signal<ReadonlySet<number>>(new Set());

  /** Spans to show, from top to bottom. */
  readonly rows = computed(() => rows(this.tree, this.collapsed.value));
  /** Spans that the filter finds; `null` without a filter. */
  readonly matches = computed(() => this.match(this.filter.value.trim().toLowerCase()));

  constructor(readonly trace: Trace) {
    this.tree = build(trace.spans);
    this.critical = bySpan(criticalPath(trace.spans, this.tree));
    this.whole = [0, Math.max(trace.duration, RANGE_MIN)];
    this.range = signal<Range>(this.whole);
    if (trace.spans.length > COLLAPSE_ABOVE) {
      this.collapsed.value = this.collapsible((depth) => depth >= LEVELS_THEN);
    }
  }

  /** Spans with children, of the depths that `which` names. */
  private collapsible(which: (depth: number) => boolean): Set<number> {
    const found = new Set<number>();
    this.tree.children.forEach((below, index) => {
      if (below.length > 0 && which(this.tree.depth[index] ?? 0)) found.add(index);
    });
    return found;
  }

  private match(wanted: string): Set<number> | null {
    if (wanted === "") return null;
    const found = new Set<number>();
    this.trace.spans.forEach((span, index) => {
      if (contains(span, wanted)) found.add(index);
    });
    return found;
  }

  /** Selects a span, and expands what hides it. */
  select(index: number | null): void {
    if (index !== null) this.reveal(index);
    this.selected.value = index;
  }

  private reveal(index: number): void {
    const hiding = ancestors(this.tree, index).filter((up) => this.collapsed.peek().has(up));
    if (hiding.length === 0) return;
    const next = new Set(this.collapsed.peek());
    for (const up of hiding) next.delete(up);
    this.collapsed.value = next;
  }

  setCollapsed(index: number, whether: boolean): void {
    if ((this.tree.children[index] ?? []).length === 0) return;
    const next = new Set(this.collapsed.peek());
    if (whether) next.add(index);
    else next.delete(index);
    this.collapsed.value = next;
    const selected = this.selected.peek();
    if (whether && selected !== null && ancestors(this.tree, selected).includes(index)) this.selected.value = index;
  }

  toggle(index: number): void {
    this.setCollapsed(index, !this.collapsed.peek().has(index));
  }

  collapseAll(): void {
    this.collapsed.value = this.collapsible(() => true);
    const selected = this.selected.peek();
    if (selected === null) return;
    this.selected.value = ancestors(this.tree, selected).at(-1) ?? selected;
  }

  expandAll(): void {
    this.collapsed.value = new Set();
  }

  /** Selects the next span that `wanted` holds for, from the selected one on, around the end. */
  seek(wanted: (index: number) => boolean, step: 1 | -1): void {
    const order = rows(this.tree, new Set());
    const from = order.indexOf(this.selected.peek() ?? -1);
    const base = from < 0 && step < 0 ? 0 : from;
    for (let i = 1; i <= order.length; i++) {
      const index = order[(base + i * step + order.length * 2) % order.length];
      if (index === undefined || !wanted(index)) continue;
      this.select(index);
      return;
    }
  }

  /** Zooms by one step, around the selected span or the middle. */
  zoom(direction: 1 | -1): void {
    const [start, end] = this.range.peek();
    const span = this.trace.spans[this.selected.peek() ?? -1];
    const middle = span ? span.start + span.duration / 2 : (start + end) / 2;
    const length = direction > 0 ? (end - start) / ZOOM_STEP : (end - start) * ZOOM_STEP;
    this.setRange(middle - length / 2, middle + length / 2);
  }

  /** Shows a part of the time, as far as the trace has it. */
  setRange(start: number, end: number): void {
    const [first, last] = this.whole;
    const length = Math.min(Math.max(end - start, RANGE_MIN), last - first);
    const begin = Math.min(Math.max(start, first), last - length);
    this.range.value = [begin, begin + length];
  }

  resetRange(): void {
    this.range.value = this.whole;
  }

  /** Microseconds that a span is on the critical path for. */
  criticalTime(index: number): number {
    return total(this.critical.get(index));
  }
}

function contains(span: Span, wanted: string): boolean {
  const pairs = [...span.attributes, ...span.resource];
  return (
    span.id === wanted ||
    span.name.toLowerCase().includes(wanted) ||
    span.service.toLowerCase().includes(wanted) ||
    pairs.some(({ key, value }) => `${key}=${value}`.toLowerCase().includes(wanted))
  );
}
