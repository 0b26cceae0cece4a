// Name, figures and tools of a trace.

import { traceText } from "../agent/api";
import { useOverview } from "../agent/overview";
import { CopyButton } from "../shell/CopyButton";
import { serviceClass } from "../text/colour";
import { dateTime, duration, whole } from "../text/format";
import { Name } from "../text/Text";
import { CauseUnknown } from "./CauseUnknown";
import { isFragment } from "./fragment";
import type { TraceModel } from "./model";

/** Seconds in which a service that serves requests had one. */
const LONGEST_WINDOW = 600;
const SERVICES_SHOWN = 12;

function Figures({ model }: { model: TraceModel }) {
  const { trace } = model;
  const errors = trace.spans.filter((span) => span.status === "ERROR").length;
  const depth = model.tree.depth.reduce((most, one) => Math.max(most, one), 0) + 1;
  const figures: [string, string, string?][] = [
    ["Start", dateTime(trace.startMs)],
    ["Duration", duration(trace.duration)],
    ["Spans", whole(trace.spans.length)],
    ["Depth", String(depth)],
    ["Errors", whole(errors), errors > 0 ? "bad" : ""],
  ];
  return (
    <dl class="figures">
      {figures.map(([name, value, kind]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class={kind ?? ""}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Services({ services }: { services: string[] }) {
  return (
    <ul class="chips" aria-label="Services of this trace">
      {services.slice(0, SERVICES_SHOWN).map((name) => (
        <li key={name} class={`chip ${serviceClass(name)}`}>
          <Name text={name} length={60} />
        </li>
      ))}
      {services.length > SERVICES_SHOWN && <li class="faint">and {services.length - SERVICES_SHOWN} more</li>}
    </ul>
  );
}

function Tools({ model, reload }: { model: TraceModel; reload: () => void }) {
  const { trace } = model;
  const found = model.matches.value;
  return (
    <div class="trace-tools">
      <input
        id="span-filter"
        type="search"
        class="filter"
        placeholder="Filter: name, service, key=value"
        aria-label="Filter spans"
        value={model.filter.value}
        onInput={(event) => {
          model.filter.value = event.currentTarget.value;
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          model.seek((index) => model.matches.peek()?.has(index) ?? false, event.shiftKey ? -1 : 1);
        }}
      />
      <span class="found" role="status">
        {found === null ? "" : `${whole(found.size)} found`}
      </span>
      <label class="check">
        <input
          type="checkbox"
          checked={model.showCritical.value}
          onChange={(event) => {
            model.showCritical.value = event.currentTarget.checked;
          }}
        />
        Critical path
      </label>
      <span class="group">
        <button type="button" onClick={() => model.expandAll()}>
          Expand all
        </button>
        <button type="button" onClick={() => model.collapseAll()}>
          Collapse all
        </button>
      </span>
      <span class="group">
        <CopyButton text={() => traceText(trace.id, "jaeger")} title="Copy the trace as Jaeger's JSON">
          Copy Jaeger JSON
        </CopyButton>
        <CopyButton text={() => traceText(trace.id, "otlp")} title="Copy the trace as OTLP JSON">
          Copy OTLP JSON
        </CopyButton>
        <button type="button" onClick={reload} title="Spans may still arrive">
          Reload
        </button>
      </span>
    </div>
  );
}

export function Head({ model, reload }: { model: TraceModel; reload: () => void }) {
  const { trace } = model;
  const first = model.tree.roots[0] ?? 0;
  const root = trace.spans[first];
  const services = useOverview(LONGEST_WINDOW)?.services ?? [];
  return (
    <header class="trace-head">
      <h1>
        {root && (
          <>
            <span class={`service-name ${serviceClass(root.service)}`}>
              <Name text={root.service} length={60} />
            </span>{" "}
            <Name text={root.name} length={120} />
            {isFragment(trace, first, services) && <CauseUnknown />}
          </>
        )}
      </h1>
      <div class="trace-id">
        <code>{trace.id}</code>
        <CopyButton text={trace.id}>Copy ID</CopyButton>
        <CopyButton text={() => Promise.resolve(location.href)}>Copy link</CopyButton>
      </div>
      <Figures model={model} />
      <Services services={trace.services} />
      <Tools model={model} reload={reload} />
    </header>
  );
}
