// Traces that begin with a call of a service that serves requests too: part of another trace, of which it is not known.

import type { Service } from "../agent/types";
import type { Trace } from "../otlp/decode";

/** Whether what caused the span at `root` is not known; `services` are those of the overview. */
export function isFragment(trace: Trace, root: number, services: readonly Service[]): boolean {
  const span = trace.spans[root];
  if (span?.parentId !== "") return false;
  if (span.kind !== "CLIENT" && span.kind !== "PRODUCER") return false;
  return (
    services.some((service) => service.name === span.service && service.requests_per_second > 0) ||
    trace.spans.some((other) => other.service === span.service && other.kind === "SERVER")
  );
}
