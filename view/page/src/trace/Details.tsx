// All that is known of one span.

import type { Attribute, Span, SpanEvent, Trace } from "../otlp/decode";
import { asking, format } from "../route/query";
import { address, traceAddress } from "../route/route";
import { CopyButton } from "../shell/CopyButton";
import { serviceClass } from "../text/colour";
import { dateTime, duration, percent, whole } from "../text/format";
import { Key, Name, Value } from "../text/Text";
import { label } from "../text/visible";
import { type Group, resourceFacts, spanFacts } from "./facts";
import type { TraceModel } from "./model";

const EVENTS_MAX = 200;

function Attributes({ list, searchable = false }: { list: Attribute[]; searchable?: boolean }) {
  return (
    <dl class="attributes">
      {list.map(({ key, value }, number) => (
        <div key={number}>
          <dt>
            <Key text={key} />
          </dt>
          <dd>
            <Value text={value} />
            {searchable && value.length < 200 && (
              <a
                class="find"
                aria-label={`find traces with this ${label(key, 60)}`}
                title="Search for traces with this value"
                href={address("search", format(asking({ attributes: [`${key}=${value}`] })))}
              >
                find
              </a>
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Groups({ groups, searchable = false }: { groups: Group[]; searchable?: boolean }) {
  return (
    <>
      {groups.map(({ title, attributes }) => (
        <section key={title}>
          <h3>{title}</h3>
          <Attributes list={attributes} searchable={searchable} />
        </section>
      ))}
    </>
  );
}

function Events({ events, span, trace }: { events: SpanEvent[]; span: Span; trace: Trace }) {
  if (events.length === 0) return null;
  return (
    <section>
      <h3>Events ({whole(events.length)})</h3>
      <ol class="events">
        {events.slice(0, EVENTS_MAX).map((event, number) => (
          <li key={number}>
            <span class="event-head">
              <span class="time" title={dateTime(trace.startMs + event.time / 1_000)}>
                +{duration(event.time - span.start)}
              </span>{" "}
              <strong>
                <Name text={event.name} />
              </strong>
            </span>
            <Attributes list={event.attributes} />
          </li>
        ))}
      </ol>
      {events.length > EVENTS_MAX && <p class="faint">and {whole(events.length - EVENTS_MAX)} more</p>}
    </section>
  );
}

function Links({ span }: { span: Span }) {
  if (span.links.length === 0) return null;
  return (
    <section>
      <h3>Links ({whole(span.links.length)})</h3>
      <ul class="links">
        {span.links.map(({ traceId, spanId, attributes }) => (
          <li key={`${traceId}${spanId}`}>
            <a href={traceAddress(traceId, spanId)}>
              <code>{label(traceId, 32)}</code> <span class="faint">span</span> <code>{label(spanId, 16)}</code>
            </a>
            <Attributes list={attributes} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What is odd about a span's place in the trace. */
function oddities(model: TraceModel, index: number): string[] {
  const span = model.trace.spans[index];
  if (!span) return [];
  const found: string[] = [];
  const up = model.tree.parent[index] ?? -1;
  const parent = model.trace.spans[up];
  if (span.parentId !== "" && !parent) found.push(`Its parent ${span.parentId} is not in this trace.`);
  if (parent && span.start < parent.start) found.push("It begins before its parent: their clocks differ.");
  if (span.dropped > 0)
    found.push(`${whole(span.dropped)} attributes, events or links were dropped before they came here.`);
  return found;
}

function Summary({ model, index, span }: { model: TraceModel; index: number; span: Span }) {
  const critical = model.criticalTime(index);
  const share = model.trace.duration > 0 ? critical / model.trace.duration : 0;
  const up = model.tree.parent[index] ?? -1;
  return (
    <dl class="attributes summary">
      <div>
        <dt>Duration</dt>
        <dd>{duration(span.duration)}</dd>
      </div>
      <div>
        <dt>Begins</dt>
        <dd>
          +{duration(span.start)} <span class="faint">{dateTime(model.trace.startMs + span.start / 1_000)}</span>
        </dd>
      </div>
      <div>
        <dt>Critical path</dt>
        <dd>{critical > 0 ? `${duration(critical)}, ${percent(share)} of the trace` : "not on it"}</dd>
      </div>
      <div>
        <dt>Kind</dt>
        <dd>{span.kind}</dd>
      </div>
      <div>
        <dt>Status</dt>
        <dd class={span.status === "ERROR" ? "bad" : ""}>
          {span.status} {span.statusMessage && <Value text={span.statusMessage} />}
        </dd>
      </div>
      <div>
        <dt>Span ID</dt>
        <dd>
          <code>{label(span.id, 32)}</code>
        </dd>
      </div>
      {span.parentId !== "" && (
        <div>
          <dt>Parent</dt>
          <dd>
            <code>{label(span.parentId, 32)}</code>{" "}
            {up >= 0 && (
              <button type="button" class="link" onClick={() => model.select(up)}>
                go there
              </button>
            )}
          </dd>
        </div>
      )}
      {span.traceState !== "" && (
        <div>
          <dt>tracestate</dt>
          <dd>
            <Value text={span.traceState} />
          </dd>
        </div>
      )}
      {span.scope !== "" && (
        <div>
          <dt>Scope</dt>
          <dd>
            <Value text={span.scope} />
          </dd>
        </div>
      )}
    </dl>
  );
}

export function Details({ model, index }: { model: TraceModel; index: number }) {
  const span = model.trace.spans[index];
  if (!span) return null;
  const here = () => Promise.resolve(new URL(traceAddress(model.trace.id, span.id), location.href).href);
  return (
    <aside class="details" aria-label="Details of the span" key={index}>
      <div class="details-head">
        <h2 class={serviceClass(span.service)}>
          <span class="service-name">
            <Name text={span.service} length={80} />
          </span>{" "}
          <Name text={span.name} />
        </h2>
        <button
          type="button"
          class="plain"
          aria-label="Close the details"
          onClick={() => {
            model.details.value = false;
          }}
        >
          ✕
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it */}
      <div class="details-body" tabIndex={0}>
        {oddities(model, index).map((text) => (
          <p key={text} class="oddity">
            {label(text, 300)}
          </p>
        ))}
        <Summary model={model} index={index} span={span} />
        <Groups groups={spanFacts(span.attributes)} searchable />
        <Events events={span.events} span={span} trace={model.trace} />
        <Links span={span} />
        <Groups groups={resourceFacts(span.resource)} searchable />
        <p class="details-foot">
          <CopyButton text={here}>Copy link to this span</CopyButton>
        </p>
      </div>
    </aside>
  );
}
