// The line between names and time axis, which is dragged or moved by the arrow keys. Its place is a share of the width, and
// is remembered.

import { signal } from "@preact/signals";
import { useRef } from "preact/hooks";

const KEY = "sonde.names";
const LEAST = 15;
const MOST = 70;
const FIRST = 32;
const FIRST_NARROW = 44;
const NARROW_PIXELS = 760;
const STEP = 2;

function clamp(share: number): number {
  return Math.min(Math.max(share, LEAST), MOST);
}

function stored(): number {
  const first = innerWidth < NARROW_PIXELS ? FIRST_NARROW : FIRST;
  try {
    const found = Number(localStorage.getItem(KEY));
    return found > 0 ? clamp(found) : first;
  } catch {
    return first;
  }
}

/** Width of the names, in per cent. */
export const names = signal(stored());

function put(share: number): void {
  names.value = clamp(share);
  try {
    localStorage.setItem(KEY, String(Math.round(names.value)));
  } catch {
    // Without storage it lasts as long as the page.
  }
}

function press(event: KeyboardEvent): void {
  if (event.key === "ArrowLeft") put(names.peek() - STEP);
  else if (event.key === "ArrowRight") put(names.peek() + STEP);
  else return;
  event.preventDefault();
}

export function Splitter() {
  const line = useRef<HTMLHRElement>(null);
  const drag = (event: PointerEvent) => {
    const area = line.current?.closest(".waterfall")?.getBoundingClientRect();
    if (!area || !line.current?.hasPointerCapture(event.pointerId)) return;
    put(((event.clientX - area.left) / area.width) * 100);
  };
  return (
    <hr
      ref={line}
      class="splitter"
      tabIndex={0}
      aria-orientation="vertical"
      aria-label="Width of the names"
      aria-valuenow={Math.round(names.value)}
      aria-valuemin={LEAST}
      aria-valuemax={MOST}
      onKeyDown={press}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={drag}
    />
  );
}
