// The stream of events from the agent: one for the whole page. `EventSource` comes back by itself after a broken
// connection, but not after an answer that is an error, and it does not notice a peer that has gone silent: both are
// looked after here.

import { effect, signal } from "@preact/signals";
import { locked, reachable } from "./api";
import type { Overview, TraceRow } from "./types";

export type Connection = "connecting" | "open" | "lost";

const SILENCE_MS = 6_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 10_000;

/** State of the stream. */
export const connection = signal<Connection>("connecting");

/** The overview that came last. */
export const liveOverview = signal<Overview | null>(null);

/** How many traces the agent has left out: it sends so many a second at most. */
export const dropped = signal(0);

type Listener = (row: TraceRow) => void;
const listeners = new Set<Listener>();

let source: EventSource | null = null;
let watchdog: ReturnType<typeof setTimeout> | undefined;
let retry: ReturnType<typeof setTimeout> | undefined;
let pause = RETRY_FIRST_MS;

/** Calls `listener` with each trace that arrives, until the returned function is called. */
export function onTrace(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function close(): void {
  clearTimeout(watchdog);
  clearTimeout(retry);
  source?.close();
  source = null;
}

async function lost(): Promise<void> {
  close();
  connection.value = "lost";
  if (!(await reachable()) && locked.peek()) return;
  retry = setTimeout(open, pause);
  pause = Math.min(pause * 2, RETRY_MAX_MS);
}

function alive(): void {
  connection.value = "open";
  pause = RETRY_FIRST_MS;
  clearTimeout(watchdog);
  watchdog = setTimeout(lost, SILENCE_MS);
}

function read<T>(event: Event): T | null {
  alive();
  try {
    const data = JSON.parse((event as MessageEvent<string>).data) as T & { dropped?: number };
    if (typeof data.dropped === "number") dropped.value += data.dropped;
    return data;
  } catch {
    return null;
  }
}

function open(): void {
  close();
  const opened = new EventSource("/api/sonde/live");
  source = opened;
  opened.onopen = alive;
  opened.onerror = () => {
    if (source === opened) void lost();
  };
  opened.addEventListener("overview", (event) => {
    const overview = read<Overview>(event);
    if (overview?.services) liveOverview.value = overview;
  });
  opened.addEventListener("trace", (event) => {
    const row = read<TraceRow>(event);
    if (!row?.trace_id) return;
    for (const listener of listeners) listener(row);
  });
  opened.addEventListener("dropped", read);
}

/** Opens the stream, and again whenever the page has been unlocked. */
export function start(): void {
  effect(() => {
    if (!locked.value) open();
    else close();
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => {
    if (event.persisted && !locked.peek()) open();
  });
}

/** Tries at once instead of after the pause. */
export function reconnect(): void {
  pause = RETRY_FIRST_MS;
  connection.value = "connecting";
  open();
}
