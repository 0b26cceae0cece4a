// Requests to the agent that served this page. A refusal for want of the token is a state of the whole page, not of one view.

import { signal } from "@preact/signals";
import type { Overview, Status, TraceRow } from "./types";

/** Whether the agent wants a token. */
export const locked = signal(false);

/** Counts the unlockings: what failed for want of the token is asked for again. */
export const unlockings = signal(0);

/** An answer that is no success. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const UNAUTHORIZED = 401;
const NOT_FOUND = 404;

async function reason(response: Response): Promise<string> {
  const text = (await response.text().catch(() => "")).slice(0, 300);
  try {
    const said = (JSON.parse(text) as { errors?: { msg?: unknown }[] }).errors?.[0]?.msg;
    if (typeof said === "string") return said;
  } catch {
    // Not JSON: the status says enough.
  }
  return response.status === NOT_FOUND ? "not found" : `the agent answered with status ${response.status}`;
}

async function request(path: string, abort?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { signal: abort ?? null, headers: { accept: "application/json" } });
  } catch (error) {
    if (abort?.aborted) throw error;
    throw new Refused(0, "the agent cannot be reached");
  }
  if (response.status === UNAUTHORIZED) {
    locked.value = true;
    throw new Refused(UNAUTHORIZED, "the agent wants a token");
  }
  if (!response.ok) throw new Refused(response.status, await reason(response));
  return response;
}

async function json<T>(path: string, abort?: AbortSignal): Promise<T> {
  return (await (await request(path, abort)).json()) as T;
}

const traceId = encodeURIComponent;

/** What has happened in the last `window` seconds. */
export function overview(window: number, abort?: AbortSignal): Promise<Overview> {
  return json(`/api/sonde/overview?window=${window}`, abort);
}

/** Traces that fit. */
export async function search(parameters: URLSearchParams, abort?: AbortSignal): Promise<TraceRow[]> {
  return (await json<{ traces: TraceRow[] }>(`/api/sonde/search?${parameters}`, abort)).traces;
}

/** A trace as OTLP JSON, parsed. */
export function trace(id: string, abort?: AbortSignal): Promise<unknown> {
  return json(`/api/sonde/traces/${traceId(id)}`, abort);
}

/** A trace as text, in one of the formats it can be copied in. */
export async function traceText(id: string, format: "otlp" | "jaeger"): Promise<string> {
  const path = format === "otlp" ? "/api/sonde/traces" : "/api/traces";
  return (await request(`${path}/${traceId(id)}`)).text();
}

/** Names of the services the store knows. */
export async function services(abort?: AbortSignal): Promise<string[]> {
  return (await json<{ data: string[] | null }>("/api/services", abort)).data ?? [];
}

/** Names of a service's operations. */
export async function operations(service: string, abort?: AbortSignal): Promise<string[]> {
  const path = `/api/services/${encodeURIComponent(service)}/operations`;
  return (await json<{ data: string[] | null }>(path, abort)).data ?? [];
}

/** What the agent holds and what it lost. */
export function status(abort?: AbortSignal): Promise<Status> {
  return json("/api/sonde/status", abort);
}

/** Asks whether the agent is there and lets us in; never throws. */
export async function reachable(): Promise<boolean> {
  try {
    await request("/api/sonde/status");
    return true;
  } catch (error) {
    return error instanceof Refused && error.status !== 0 && error.status !== UNAUTHORIZED;
  }
}

/** Exchanges the token for a cookie; whether it was the right one. */
export async function unlock(token: string): Promise<boolean> {
  const answer = await fetch(`/?token=${encodeURIComponent(token)}`, { cache: "no-store" });
  if (answer.status === UNAUTHORIZED || !(await reachable())) return false;
  locked.value = false;
  unlockings.value++;
  return true;
}
