// What the agent's API answers; see `view/openapi.yaml`.

export interface Point {
  t: number;
  requests: number;
  errors: number;
  p95_ms: number | null;
}

/** Rate, errors and duration: of a service, or of the calls along an edge. */
export interface Red {
  requests_per_second: number;
  error_ratio: number;
  p50_ms: number | null;
  p95_ms: number | null;
}

export interface Service extends Red {
  name: string;
  series?: Point[];
  external?: boolean;
}

export interface Edge extends Red {
  client: string;
  server: string;
  external?: boolean;
}

export interface Overview {
  now: number;
  window: number;
  services: Service[];
  edges: Edge[];
}

export interface TraceRow {
  trace_id: string;
  service: string;
  operation: string;
  start_ms: number;
  duration_ms: number;
  spans: number;
  errors: number;
  services: string[];
  /** It begins with a call of a service that serves requests too. */
  fragment?: boolean;
}

export interface Status {
  version: string;
  memory: { used: number; limit: number };
  traces: number;
  spans: number;
  received: number;
  /** Traces that had to go, by what they were. */
  evicted: Record<string, number>;
  /** Spans that were not taken in, by reason. */
  lost: Record<string, number>;
}
