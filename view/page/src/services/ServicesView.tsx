// The services table: rate, errors and duration of each, now and over the window.

import { useState } from "preact/hooks";
import { useOverview } from "../agent/overview";
import type { Service } from "../agent/types";
import { asking, format } from "../route/query";
import { address } from "../route/route";
import { WindowSelect, windowOf } from "../shell/WindowSelect";
import { serviceClass } from "../text/colour";
import { milliseconds, percent, rate, whole } from "../text/format";
import { Name } from "../text/Text";
import { label } from "../text/visible";
import { type Column, next, type Order, sorted } from "./order";
import { Sparkline } from "./Sparkline";
import { even } from "./series";

const COLUMNS: [column: Column, title: string, series: string][] = [
  ["requests_per_second", "Requests", "Requests over time"],
  ["error_ratio", "Errors", "Errors over time"],
  ["p50_ms", "p50", ""],
  ["p95_ms", "p95", "p95 over time"],
];

/** Errors at this share and above are marked. */
const BAD = 0.01;

function Row({ service, window, now }: { service: Service; window: number; now: number }) {
  const series = even(service.series ?? [], window, now);
  const search = (wanted: Parameters<typeof asking>[0]) =>
    address("search", format(asking({ service: service.name, ...wanted })));
  const p95 = service.p95_ms;
  const name = label(service.name, 60);
  return (
    <tr>
      <th scope="row">
        <a class={`service-name ${serviceClass(service.name)}`} href={search({})}>
          <Name text={service.name} length={60} />
        </a>
        {service.external && <span class="tag">external</span>}
      </th>
      <td class="number" data-label="requests">
        {rate(service.requests_per_second)}
      </td>
      <td class="spark">
        <Sparkline kind="requests" name={`Requests of ${name}`} values={series.requests} write={whole} />
      </td>
      <td class={`number ${service.error_ratio >= BAD ? "bad" : ""}`} data-label="errors">
        {service.error_ratio > 0 ? <a href={search({ errors: true })}>{percent(service.error_ratio)}</a> : "0 %"}
      </td>
      <td class="spark">
        <Sparkline kind="errors" name={`Errors of ${name}`} values={series.errors} write={whole} />
      </td>
      <td class="number" data-label="p50">
        {milliseconds(service.p50_ms)}
      </td>
      <td class="number" data-label="p95">
        {p95 !== null && p95 > 0 ? (
          <a href={search({ minMs: Math.floor(p95 * 1_000) / 1_000 })} title="Traces that took longer">
            {milliseconds(p95)}
          </a>
        ) : (
          milliseconds(p95)
        )}
      </td>
      <td class="spark">
        <Sparkline kind="duration" name={`p95 of ${name}`} values={series.p95} write={milliseconds} />
      </td>
    </tr>
  );
}

export function ServicesView({ parameters }: { parameters: URLSearchParams }) {
  const window = windowOf(parameters);
  const overview = useOverview(window);
  const [order, setOrder] = useState<Order>({ column: "requests_per_second", ascending: false });

  const heading = (column: Column, title: string, kind = "number") => (
    <th
      key={column}
      scope="col"
      class={kind}
      aria-sort={order.column === column ? (order.ascending ? "ascending" : "descending") : undefined}
    >
      <button type="button" class="sort" onClick={() => setOrder(next(order, column))}>
        {title}
        <span aria-hidden="true">{order.column === column ? (order.ascending ? " ▴" : " ▾") : ""}</span>
      </button>
    </th>
  );

  return (
    <div class="services-view">
      <div class="toolbar">
        <h1>Services</h1>
        <WindowSelect view="services" parameters={parameters} />
        <span class="faint counts">{overview ? `${whole(overview.services.length)} services` : ""}</span>
      </div>
      {overview && overview.services.length > 0 ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it
        <section class="table-box" tabIndex={0} aria-label="Services">
          <table class="services-table">
            <caption class="off-screen">Requests, errors and duration of each service</caption>
            <thead>
              <tr>
                {heading("name", "Service", "")}
                {COLUMNS.flatMap(([column, title, series]) => [
                  heading(column, title),
                  ...(series === "" ? [] : [<td key={series} class="spark" aria-hidden="true" />]),
                ])}
              </tr>
            </thead>
            <tbody>
              {sorted(overview.services, order).map((service) => (
                <Row key={service.name} service={service} window={overview.window} now={overview.now} />
              ))}
            </tbody>
          </table>
        </section>
      ) : (
        <p class="notice">{overview ? "No requests in this time." : "Waiting for the agent…"}</p>
      )}
    </div>
  );
}
