// OTLP JSON into the trace that the page draws: times in microseconds since the trace's start as plain numbers (64-bit
// nanoseconds do not fit one), attributes as text. Total: what is missing or of the wrong kind becomes empty.

import type { AnyValue, KeyValue, OtlpSpan, TracesData } from "./types";

export type Kind = "INTERNAL" | "SERVER" | "CLIENT" | "PRODUCER" | "CONSUMER";
export type Status = "UNSET" | "OK" | "ERROR";

export interface Attribute {
  key: string;
  value: string;
}

export interface SpanEvent {
  name: string;
  /** Microseconds since the trace's start. */
  time: number;
  attributes: Attribute[];
}

export interface Link {
  traceId: string;
  spanId: string;
  attributes: Attribute[];
}

export interface Span {
  id: string;
  parentId: string;
  name: string;
  kind: Kind;
  service: string;
  /** Microseconds since the trace's start. */
  start: number;
  /** Microseconds. */
  duration: number;
  status: Status;
  statusMessage: string;
  traceState: string;
  attributes: Attribute[];
  events: SpanEvent[];
  links: Link[];
  resource: Attribute[];
  scope: string;
  /** Attributes, events and links that were dropped before they came here. */
  dropped: number;
}

export interface Trace {
  id: string;
  /** Unix time of the first start, in milliseconds. */
  startMs: number;
  /** Microseconds from the first start to the last end. */
  duration: number;
  /** By start. */
  spans: Span[];
  services: string[];
}

const KINDS: Kind[] = ["INTERNAL", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
const STATUSES: Status[] = ["UNSET", "OK", "ERROR"];
const UNKNOWN_SERVICE = "unknown_service";

function array<T>(value: T[] | undefined | null): T[] {
  return Array.isArray(value) ? value : [];
}

function string(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function amount(value: unknown): number {
  return typeof value === "number" && value > 0 ? value : 0;
}

/** Nanoseconds; 0 if it is no number. */
function nanoseconds(value: unknown): bigint {
  if (typeof value === "string" && /^\d{1,20}$/.test(value)) return BigInt(value);
  if (typeof value === "number" && Number.isFinite(value) && value > 0) return BigInt(Math.floor(value));
  return 0n;
}

/** A value as JSON would have it. */
function plain(value: AnyValue | undefined | null): unknown {
  if (value === undefined || value === null || typeof value !== "object") return null;
  if (value.stringValue !== undefined) return string(value.stringValue);
  if (value.boolValue !== undefined) return value.boolValue === true;
  if (value.intValue !== undefined) return integer(value.intValue);
  if (value.doubleValue !== undefined) return value.doubleValue;
  if (value.bytesValue !== undefined) return string(value.bytesValue);
  if (value.arrayValue) return array(value.arrayValue.values).map(plain);
  if (value.kvlistValue) {
    return Object.fromEntries(array(value.kvlistValue.values).map((pair) => [string(pair?.key), plain(pair?.value)]));
  }
  return null;
}

function integer(value: string | number): number | string {
  const parsed = Number(value);
  return Number.isSafeInteger(parsed) ? parsed : String(value);
}

/** A value as text: strings as they are, everything else as JSON. */
export function text(value: AnyValue | undefined | null): string {
  const found = plain(value);
  if (typeof found === "string") return found;
  return found === null ? "" : JSON.stringify(found);
}

function attributes(pairs: KeyValue[] | undefined): Attribute[] {
  return array(pairs).map((pair) => ({ key: string(pair?.key), value: text(pair?.value) }));
}

function enumerated<T extends string>(value: unknown, names: T[], prefix: string): T {
  if (typeof value === "number") return names[value] ?? (names[0] as T);
  const name = string(value).replace(prefix, "") as T;
  return names.includes(name) ? name : (names[0] as T);
}

/** The value of an attribute; empty if there is none. */
export function find(list: Attribute[], key: string): string {
  return list.find((attribute) => attribute.key === key)?.value ?? "";
}

interface Context {
  resource: Attribute[];
  service: string;
  scope: string;
  origin: bigint;
}

function microseconds(time: bigint): number {
  return Number(time) / 1_000;
}

function span(found: OtlpSpan, { resource, service, scope, origin }: Context): Span {
  const start = nanoseconds(found.startTimeUnixNano);
  const end = nanoseconds(found.endTimeUnixNano);
  return {
    id: string(found.spanId).toLowerCase(),
    parentId: string(found.parentSpanId).toLowerCase(),
    name: string(found.name),
    kind: enumerated(found.kind, KINDS, "SPAN_KIND_"),
    service,
    start: microseconds(start - origin),
    duration: end > start ? microseconds(end - start) : 0,
    status: enumerated(found.status?.code, STATUSES, "STATUS_CODE_"),
    statusMessage: string(found.status?.message),
    traceState: string(found.traceState),
    attributes: attributes(found.attributes),
    events: array(found.events).map((event) => ({
      name: string(event?.name),
      time: microseconds(nanoseconds(event?.timeUnixNano) - origin),
      attributes: attributes(event?.attributes),
    })),
    links: array(found.links).map((link) => ({
      traceId: string(link?.traceId).toLowerCase(),
      spanId: string(link?.spanId).toLowerCase(),
      attributes: attributes(link?.attributes),
    })),
    resource,
    scope,
    dropped: amount(found.droppedAttributesCount) + amount(found.droppedEventsCount) + amount(found.droppedLinksCount),
  };
}

function earliest(data: TracesData): bigint {
  let first: bigint | null = null;
  for (const group of array(data.resourceSpans)) {
    for (const scoped of array(group?.scopeSpans)) {
      for (const found of array(scoped?.spans)) {
        const start = nanoseconds(found?.startTimeUnixNano);
        if (first === null || start < first) first = start;
      }
    }
  }
  return first ?? 0n;
}

/** The trace in an answer of the API; `null` if there is no span in it. */
export function decode(id: string, answer: unknown): Trace | null {
  const data = (answer ?? {}) as TracesData;
  const origin = earliest(data);
  const spans: Span[] = [];
  for (const group of array(data.resourceSpans)) {
    const resource = attributes(group?.resource?.attributes);
    const service = find(resource, "service.name") || UNKNOWN_SERVICE;
    for (const scoped of array(group?.scopeSpans)) {
      const scope = [string(scoped?.scope?.name), string(scoped?.scope?.version)].filter(Boolean).join(" ");
      for (const found of array(scoped?.spans)) {
        if (found) spans.push(span(found, { resource, service, scope, origin }));
      }
    }
  }
  if (spans.length === 0) return null;
  spans.sort((a, b) => a.start - b.start || b.duration - a.duration);
  const end = spans.reduce((last, one) => Math.max(last, one.start + one.duration), 0);
  const services = [...new Set(spans.map((one) => one.service))];
  return { id, startMs: Number(origin / 1_000n) / 1_000, duration: end, spans, services };
}
