// The tree of a trace's spans, by their place in the list. Whatever comes is a tree afterwards: a span whose parent is not
// there is a root, a span that has been seen twice stays twice, and a circle of parents is cut.

import type { Span } from "../otlp/decode";

const NONE = -1;

export interface Tree {
  /** Spans without a parent in the trace, by start. */
  roots: number[];
  /** Of each span, by start. */
  children: number[][];
  /** Of each span; -1 for a root. */
  parent: number[];
  /** Of each span; 0 for a root. */
  depth: number[];
  /** Of each span: how many spans are below it. */
  descendants: number[];
  /** Place of the first span with this id. */
  byId: Map<string, number>;
}

function parents(spans: Span[], byId: Map<string, number>): number[] {
  const parent = spans.map((span, index) => {
    const found = span.parentId === "" ? undefined : byId.get(span.parentId);
    return found === undefined || found === index ? NONE : found;
  });
  const FRESH = 0;
  const ON_PATH = 1;
  const DONE = 2;
  const state = new Uint8Array(spans.length);
  for (let start = 0; start < spans.length; start++) {
    const path: number[] = [];
    let at = start;
    while (at !== NONE && state[at] === FRESH) {
      state[at] = ON_PATH;
      path.push(at);
      const up = parent[at] ?? NONE;
      if (up !== NONE && state[up] === ON_PATH) parent[at] = NONE;
      at = parent[at] ?? NONE;
    }
    for (const index of path) state[index] = DONE;
  }
  return parent;
}

/** Builds the tree of spans that are sorted by start. */
export function build(spans: Span[]): Tree {
  const byId = new Map<string, number>();
  spans.forEach((span, index) => {
    if (!byId.has(span.id)) byId.set(span.id, index);
  });
  const parent = parents(spans, byId);
  const children: number[][] = spans.map(() => []);
  const roots: number[] = [];
  parent.forEach((up, index) => {
    if (up === NONE) roots.push(index);
    else children[up]?.push(index);
  });
  const depth = new Array<number>(spans.length).fill(0);
  const descendants = new Array<number>(spans.length).fill(0);
  const order = preorder(roots, children);
  for (const index of order) {
    const up = parent[index] ?? NONE;
    if (up !== NONE) depth[index] = (depth[up] ?? 0) + 1;
  }
  for (const index of order.reverse()) {
    const up = parent[index] ?? NONE;
    if (up !== NONE) descendants[up] = (descendants[up] ?? 0) + (descendants[index] ?? 0) + 1;
  }
  return { roots, children, parent, depth, descendants, byId };
}

function preorder(roots: number[], children: number[][], enter: (index: number) => boolean = () => true): number[] {
  const order: number[] = [];
  const stack = [...roots].reverse();
  for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
    order.push(index);
    if (!enter(index)) continue;
    const below = children[index] ?? [];
    for (let i = below.length - 1; i >= 0; i--) stack.push(below[i] as number);
  }
  return order;
}

/** The spans to show, from top to bottom; what is below a collapsed one is left out. */
export function rows(tree: Tree, collapsed: ReadonlySet<number>): number[] {
  return preorder(tree.roots, tree.children, (index) => !collapsed.has(index));
}

/** All that are above a span, nearest first. */
export function ancestors(tree: Tree, index: number): number[] {
  const found: number[] = [];
  for (let up = tree.parent[index] ?? NONE; up !== NONE; up = tree.parent[up] ?? NONE) found.push(up);
  return found;
}
