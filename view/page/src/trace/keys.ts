// What keys do in the waterfall.

import type { TraceModel } from "./model";

/** So many rows below the selected one stay in sight. */
export const PAGE_MARGIN = 2;

type Action = (model: TraceModel, page: number) => void;

function move(model: TraceModel, by: number): void {
  const order = model.rows.peek();
  const selected = model.selected.peek();
  const from = selected === null ? -1 : order.indexOf(selected);
  const to = Math.min(Math.max(from + by, 0), order.length - 1);
  model.select(order[to] ?? null);
}

/** Collapses; where there is nothing to collapse, goes to the parent. */
function left(model: TraceModel): void {
  const index = model.selected.peek();
  if (index === null) {
    move(model, 1);
    return;
  }
  const open = (model.tree.children[index] ?? []).length > 0 && !model.collapsed.peek().has(index);
  const up = model.tree.parent[index] ?? -1;
  if (open) model.setCollapsed(index, true);
  else if (up >= 0) model.select(up);
}

/** Expands; where that is done, goes to the first child. */
function right(model: TraceModel): void {
  const index = model.selected.peek();
  if (index === null) {
    move(model, 1);
    return;
  }
  const child = model.tree.children[index]?.[0];
  if (model.collapsed.peek().has(index)) model.setCollapsed(index, false);
  else if (child !== undefined) model.select(child);
}

function error(model: TraceModel, step: 1 | -1): void {
  model.seek((index) => model.trace.spans[index]?.status === "ERROR", step);
}

function found(model: TraceModel, step: 1 | -1): void {
  model.seek((index) => model.matches.peek()?.has(index) ?? false, step);
}

function details(model: TraceModel): void {
  if (model.selected.peek() === null) move(model, 1);
  model.details.value = !model.details.peek();
}

const ACTIONS: Record<string, Action> = {
  ArrowDown: (model) => move(model, 1),
  j: (model) => move(model, 1),
  ArrowUp: (model) => move(model, -1),
  k: (model) => move(model, -1),
  PageDown: (model, page) => move(model, page),
  PageUp: (model, page) => move(model, -page),
  Home: (model) => move(model, -model.rows.peek().length),
  End: (model) => move(model, model.rows.peek().length),
  ArrowLeft: left,
  ArrowRight: right,
  Enter: details,
  Escape: (model) => {
    model.details.value = false;
  },
  e: (model) => error(model, 1),
  E: (model) => error(model, -1),
  n: (model) => found(model, 1),
  N: (model) => found(model, -1),
  c: (model) => {
    model.showCritical.value = !model.showCritical.peek();
  },
  f: () => document.getElementById("span-filter")?.focus(),
  "+": (model) => model.zoom(1),
  "=": (model) => model.zoom(1),
  "-": (model) => model.zoom(-1),
  "0": (model) => model.resetRange(),
};

/** Acts on a key; `page` is how many rows are in sight. */
export function press(event: KeyboardEvent, model: TraceModel, page: number): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const action = ACTIONS[event.key];
  if (!action) return;
  event.preventDefault();
  action(model, Math.max(page, 1));
}
