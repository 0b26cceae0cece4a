// Pointers and wheel on the map. A pointer that goes down on a service drags it, else the map; two pointers zoom. A short
// press without movement is a click and selects.

import { useEffect } from "preact/hooks";
import type { Point } from "./layout";
import { look, move, places, selected, viewport } from "./state";
import { pan, toMap, zoomAt } from "./viewport";

const CLICK_PIXELS = 4;
const WHEEL = 0.0015;
const WHEEL_LINE = 16;

interface Drag {
  node: string | null;
  start: Point;
  last: Point;
  moved: boolean;
}

function attribute(target: EventTarget | null, name: "node" | "link"): string | null {
  return (target as Element | null)?.closest?.(`[data-${name}]`)?.getAttribute(`data-${name}`) ?? null;
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

class Gestures {
  private readonly pointers = new Map<number, Point>();
  private drag: Drag | null = null;

  constructor(private readonly box: HTMLElement) {}

  private place(event: MouseEvent): Point {
    const area = this.box.getBoundingClientRect();
    return { x: event.clientX - area.left, y: event.clientY - area.top };
  }

  down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    const at = this.place(event);
    this.pointers.set(event.pointerId, at);
    const node = attribute(event.target, "node");
    this.drag = this.pointers.size === 1 ? { node, start: at, last: at, moved: false } : null;
  };

  move = (event: PointerEvent): void => {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const at = this.place(event);
    this.pointers.set(event.pointerId, at);
    if (this.pointers.size === 2) this.pinch(event.pointerId, before, at);
    const { drag } = this;
    if (!drag) return;
    if (!drag.moved && distance(at, drag.start) < CLICK_PIXELS) return;
    if (!drag.moved) this.box.setPointerCapture(event.pointerId);
    drag.moved = true;
    if (drag.node === null) {
      look(pan(viewport.peek(), at.x - drag.last.x, at.y - drag.last.y));
    } else {
      this.dragNode(drag.node, drag.last, at);
    }
    drag.last = at;
  };

  private dragNode(name: string, from: Point, to: Point): void {
    const place = places.peek().get(name);
    if (!place) return;
    const [a, b] = [toMap(viewport.peek(), from), toMap(viewport.peek(), to)];
    move(name, { x: place.x + b.x - a.x, y: place.y + b.y - a.y });
  }

  private pinch(id: number, before: Point, now: Point): void {
    const other = [...this.pointers].find(([pointer]) => pointer !== id)?.[1];
    if (!other) return;
    const centre = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    const zoomed = zoomAt(viewport.peek(), distance(now, other) / Math.max(distance(before, other), 1), centre);
    look(pan(zoomed, (now.x - before.x) / 2, (now.y - before.y) / 2));
  }

  up = (event: PointerEvent): void => {
    this.pointers.delete(event.pointerId);
    const { drag } = this;
    this.drag = null;
    if (!drag || drag.moved || event.type === "pointercancel") return;
    const link = attribute(event.target, "link");
    if (drag.node !== null) selected.value = { node: drag.node };
    else selected.value = link === null ? null : { link };
  };

  wheel = (event: WheelEvent): void => {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? WHEEL_LINE : 1;
    look(zoomAt(viewport.peek(), Math.exp(-event.deltaY * lines * WHEEL), this.place(event)));
  };
}

/** Binds pointers and wheel to the element. */
export function useGestures(element: { current: HTMLElement | null }): void {
  useEffect(() => {
    const box = element.current;
    if (!box) return;
    const gestures = new Gestures(box);
    box.addEventListener("pointerdown", gestures.down);
    box.addEventListener("pointermove", gestures.move);
    box.addEventListener("pointerup", gestures.up);
    box.addEventListener("pointercancel", gestures.up);
    box.addEventListener("wheel", gestures.wheel, { passive: false });
    return () => {
      box.removeEventListener("pointerdown", gestures.down);
      box.removeEventListener("pointermove", gestures.move);
      box.removeEventListener("pointerup", gestures.up);
      box.removeEventListener("pointercancel", gestures.up);
      box.removeEventListener("wheel", gestures.wheel);
    };
  }, [element]);
}
