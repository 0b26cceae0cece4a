// Traces as rows: of a search, and of the live tail.

import type { TraceRow } from "../agent/types";
import { traceAddress } from "../route/route";
import { serviceClass } from "../text/colour";
import { clock, dateTime, milliseconds, whole } from "../text/format";
import { Name } from "../text/Text";
import { label } from "../text/visible";
import { CauseUnknown } from "../trace/CauseUnknown";

const SERVICES_SHOWN = 4;

function Services({ names }: { names: string[] }) {
  return (
    <span class="chips">
      {names.slice(0, SERVICES_SHOWN).map((name) => (
        <span key={name} class={`chip ${serviceClass(name)}`}>
          <Name text={name} length={30} />
        </span>
      ))}
      {names.length > SERVICES_SHOWN && (
        <span class="faint" title={label(names.slice(SERVICES_SHOWN).join(", "), 500)}>
          +{names.length - SERVICES_SHOWN}
        </span>
      )}
    </span>
  );
}

function Row({ row, longest }: { row: TraceRow; longest: number }) {
  const share = longest > 0 ? (row.duration_ms / longest) * 100 : 0;
  return (
    <tr class={row.errors > 0 ? "failed" : ""}>
      <td class="when" title={dateTime(row.start_ms)}>
        {clock(row.start_ms)}
      </td>
      <th scope="row">
        <a href={traceAddress(row.trace_id)}>
          <span class={`service-name ${serviceClass(row.service)}`}>
            <Name text={row.service} length={40} />
          </span>{" "}
          <Name text={row.operation} length={100} />
        </a>
        {row.fragment && <CauseUnknown />}
      </th>
      <td class="number long">
        <span class={`share ${serviceClass(row.service)}`} style={{ width: `${share}%` }} aria-hidden="true" />
        <span class="share-text">{milliseconds(row.duration_ms)}</span>
      </td>
      <td class="number" data-label="spans">
        {whole(row.spans)}
      </td>
      <td class={`number ${row.errors > 0 ? "bad" : "faint"}`} data-label="errors">
        {whole(row.errors)}
      </td>
      <td class="services">
        <Services names={row.services ?? []} />
      </td>
    </tr>
  );
}

export function TraceTable({ rows, caption }: { rows: TraceRow[]; caption: string }) {
  const longest = rows.reduce((most, row) => Math.max(most, row.duration_ms), 0);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it
    <section class="table-box" tabIndex={0} aria-label={caption}>
      <table class="traces">
        <caption class="off-screen">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Start</th>
            <th scope="col">Trace</th>
            <th scope="col" class="number">
              Duration
            </th>
            <th scope="col" class="number">
              Spans
            </th>
            <th scope="col" class="number">
              Errors
            </th>
            <th scope="col">Services</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={row.trace_id} row={row} longest={longest} />
          ))}
        </tbody>
      </table>
    </section>
  );
}
