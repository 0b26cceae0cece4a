// The overview of a chosen window: from the stream where it has that window, else asked for every two seconds.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { overview as fetchOverview, locked, unlockings } from "./api";
import { liveOverview } from "./live";
import type { Overview } from "./types";

export const WINDOWS: [seconds: number, name: string][] = [
  [60, "1 min"],
  [300, "5 min"],
  [600, "10 min"],
];
export const DEFAULT_WINDOW = 60;

const POLL_MS = 2_000;
const polled = signal<Overview | null>(null);

/** The newest overview of the last `window` seconds; `null` until there is one. */
export function useOverview(window: number): Overview | null {
  const streamed = liveOverview.value?.window === window ? liveOverview.value : null;
  const streaming = streamed !== null;
  const unlocked = unlockings.value;
  useEffect(() => {
    if (streaming) return;
    const abort = new AbortController();
    const ask = () => {
      if (document.hidden || locked.peek()) return;
      fetchOverview(window, abort.signal).then(
        (answer) => {
          polled.value = answer;
        },
        () => undefined,
      );
    };
    ask();
    const timer = setInterval(ask, POLL_MS);
    return () => {
      clearInterval(timer);
      abort.abort();
    };
  }, [window, streaming, unlocked]);
  return streamed ?? (polled.value?.window === window ? polled.value : null);
}
