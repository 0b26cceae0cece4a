// The critical path of a trace: at each moment the span that its end had to wait for. Walked from the root's end backwards:
// the child that ended last before the present moment is what was waited for until it began; the rest is the span's own
// time. A child that ends after its parent counts until the parent's end: most often their clocks differ a little.

import type { Span } from "../otlp/decode";
import type { Tree } from "./tree";

export interface Section {
  /** Place of the span. */
  span: number;
  /** Microseconds since the trace's start. */
  start: number;
  end: number;
}

/** The root that lasts longest. */
function mainRoot(spans: Span[], tree: Tree): number | undefined {
  return [...tree.roots].sort((a, b) => (spans[b]?.duration ?? 0) - (spans[a]?.duration ?? 0))[0];
}

interface Task {
  span: number;
  end: number;
}

/** Sections of the critical path below the longest root, in no order. */
export function criticalPath(spans: Span[], tree: Tree): Section[] {
  const root = mainRoot(spans, tree);
  if (root === undefined) return [];
  const sections: Section[] = [];
  const first = spans[root];
  const tasks: Task[] = first ? [{ span: root, end: first.start + first.duration }] : [];
  for (let task = tasks.pop(); task; task = tasks.pop()) walk(spans, tree, task, sections, tasks);
  return sections;
}

function walk(spans: Span[], tree: Tree, task: Task, sections: Section[], tasks: Task[]): void {
  const span = spans[task.span];
  if (!span) return;
  const ended = (tree.children[task.span] ?? [])
    .map((index) => ({ index, child: spans[index] as Span }))
    .sort((a, b) => b.child.start + b.child.duration - (a.child.start + a.child.duration));
  let now = task.end;
  for (const { index, child } of ended) {
    const end = Math.min(child.start + child.duration, task.end);
    if (end > now || end <= span.start || child.start >= now) continue;
    if (end < now) sections.push({ span: task.span, start: end, end: now });
    tasks.push({ span: index, end });
    now = Math.max(child.start, span.start);
    if (now <= span.start) break;
  }
  if (now > span.start) sections.push({ span: task.span, start: span.start, end: now });
}

/** Sections of each span, and the time they take together. */
export function bySpan(sections: Section[]): Map<number, Section[]> {
  const found = new Map<number, Section[]>();
  for (const section of sections) {
    const list = found.get(section.span);
    if (list) list.push(section);
    else found.set(section.span, [section]);
  }
  return found;
}

/** Microseconds of these sections. */
export function total(sections: Section[] | undefined): number {
  return (sections ?? []).reduce((sum, section) => sum + section.end - section.start, 0);
}
