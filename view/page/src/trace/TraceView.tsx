// One trace: its head, the waterfall and the details of the selected span.

import { useEffect, useMemo } from "preact/hooks";
import { trace as fetchTrace } from "../agent/api";
import { useResource } from "../agent/resource";
import { decode, type Trace } from "../otlp/decode";
import { replace, route } from "../route/navigate";
import { traceAddress } from "../route/route";
import { label } from "../text/visible";
import { Details } from "./Details";
import { Head } from "./Head";
import { TraceModel } from "./model";
import { Waterfall } from "./Waterfall";

interface Properties {
  id: string;
  /** The span that the address names. */
  span: string | null;
}

export function TraceView({ id, span }: Properties) {
  const resource = useResource(id, async (abort) => decode(id, await fetchTrace(id, abort)));
  if (resource.value) return <Loaded trace={resource.value} span={span} reload={resource.reload} />;
  if (resource.loading) return <p class="notice">Loading the trace…</p>;
  return (
    <div class="notice">
      <h1>No such trace</h1>
      <p>
        Trace <code>{id}</code>: {label(resource.error ?? "it has no spans")}. The store keeps the newest traces, errors
        and slow ones longest.
      </p>
      <p class="actions">
        <button type="button" onClick={resource.reload}>
          Try again
        </button>
        <a href="#/search">Search for traces</a>
      </p>
    </div>
  );
}

function Loaded({ trace, span, reload }: { trace: Trace; span: string | null; reload: () => void }) {
  const model = useMemo(() => new TraceModel(trace), [trace]);

  useEffect(() => {
    // The address may have moved on since this was drawn: an earlier one must not bring its span back.
    const now = route.peek();
    if (now.view !== "trace" || now.span !== span) return;
    const index = span === null ? undefined : model.tree.byId.get(span.toLowerCase());
    if (index === undefined || index === model.selected.peek()) return;
    model.select(index);
    model.details.value = true;
  }, [model, span]);

  const { selected } = model;
  useEffect(
    () =>
      selected.subscribe((index) => {
        const id = index === null ? null : (trace.spans[index]?.id ?? null);
        if (id !== null) replace(traceAddress(trace.id, id));
      }),
    [trace, selected],
  );

  return (
    <div class={`trace ${model.details.value ? "with-details" : ""}`}>
      <Head model={model} reload={reload} />
      <Waterfall model={model} />
      {model.details.value && selected.value !== null && <Details model={model} index={selected.value} />}
    </div>
  );
}
