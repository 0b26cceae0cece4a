// Keys that work in every view. Views bind their own to what has the focus; both are listed in the help.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { go } from "../route/navigate";
import { nextTheme } from "./theme";

export const helpOpen = signal(false);

export const SHORTCUTS: { where: string; keys: [keys: string[], what: string][] }[] = [
  {
    where: "Everywhere",
    keys: [
      [["?"], "this help"],
      [["1"], "service map"],
      [["2"], "services"],
      [["3"], "search"],
      [["4"], "live tail"],
      [["/"], "search, from the first field"],
      [["t"], "theme: system, dark, light"],
    ],
  },
  {
    where: "Waterfall",
    keys: [
      [["↑", "↓", "j", "k"], "previous, next span"],
      [["←", "→"], "collapse, expand; to the parent, to the first child"],
      [["Home", "End", "PgUp", "PgDn"], "move far"],
      [["Enter"], "details of the span"],
      [["Esc"], "close the details"],
      [["e", "E"], "next, previous error"],
      [["n", "N"], "next, previous match of the filter"],
      [["c"], "critical path on, off"],
      [["+", "−", "0"], "zoom the time axis in, out, whole"],
      [["f"], "filter spans"],
      [["←", "→"], "on the line between names and time: move it"],
    ],
  },
  {
    where: "Map",
    keys: [
      [["Tab"], "next service or edge"],
      [["Enter"], "details"],
      [["↑", "↓", "←", "→"], "on the map: pan; on a service: to the next in that direction"],
      [["Shift", "↑ ↓ ← →"], "on a service: move it"],
      [["+", "−", "0"], "zoom in, out, fit"],
    ],
  },
  { where: "Live tail", keys: [[["p"], "pause, go on"]] },
];

/** Whether a key goes into a field and is no shortcut. */
export function typing(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement | null;
  return target?.matches?.("input, select, textarea, [contenteditable]") ?? false;
}

export const FIRST_FIELD = "search-service";

/** Whether the search's first field is to take the focus, as soon as it is there. */
export const fieldWanted = signal(false);

function focusSearch(): void {
  fieldWanted.value = true;
  go("#/search");
}

const ACTIONS: Record<string, () => void> = {
  "?": () => {
    helpOpen.value = !helpOpen.value;
  },
  "1": () => go("#/map"),
  "2": () => go("#/services"),
  "3": () => go("#/search"),
  "4": () => go("#/live"),
  "/": focusSearch,
  t: nextTheme,
};

/** Binds the keys. */
export function useShortcuts(): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event)) return;
      if (document.querySelector("dialog[open]")) return;
      const action = ACTIONS[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}
