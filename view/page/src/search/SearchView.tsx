// Search for traces: the form, what was found and when it happened. The address holds the query, so that it can be kept and
// sent on.

import { useMemo, useState } from "preact/hooks";
import { search } from "../agent/api";
import { useResource } from "../agent/resource";
import { go } from "../route/navigate";
import { forApi, format, parse } from "../route/query";
import { address } from "../route/route";
import { whole } from "../text/format";
import { label } from "../text/visible";
import { Form } from "./Form";
import { Scatter } from "./Scatter";
import { ORDERS, type Order, sorted } from "./sort";
import { TraceTable } from "./TraceTable";

export function SearchView({ parameters }: { parameters: URLSearchParams }) {
  const key = parameters.toString();
  const query = useMemo(() => parse(new URLSearchParams(key)), [key]);
  const [order, setOrder] = useState<Order>("newest");
  const found = useResource(key, (abort) => search(forApi(query, Date.now()), abort), true);
  const rows = useMemo(() => sorted(found.value ?? [], order), [found.value, order]);

  const [asking, setAsking] = useState(false);

  const submit = (next: typeof query) => {
    setAsking(false);
    const target = address("search", format(next));
    if (location.hash === target) found.reload();
    else go(target);
  };

  return (
    <div class="search">
      <h1 class="off-screen">Search for traces</h1>
      <button type="button" class="only-narrow" aria-expanded={asking} onClick={() => setAsking(!asking)}>
        {asking ? "Hide the conditions" : "Change the conditions"}
      </button>
      <div class={`search-form ${asking ? "open" : ""}`}>
        <Form key={key} query={query} onSubmit={submit} />
      </div>
      <section class="results" aria-label="Results" aria-busy={found.loading}>
        <div class="results-head">
          <p role="status">{said(found.loading, found.error, rows.length, query.limit)}</p>
          <label>
            Order{" "}
            <select value={order} onChange={(event) => setOrder(event.currentTarget.value as Order)}>
              {ORDERS.map(([name, title]) => (
                <option key={name} value={name}>
                  {title}
                </option>
              ))}
            </select>
          </label>
        </div>
        {rows.length > 1 && <Scatter rows={rows} />}
        {rows.length > 0 && <TraceTable rows={rows} caption="Traces found" />}
        {rows.length === 0 && !found.loading && !found.error && (
          <p class="notice">No trace fits. Widen the time or leave out a condition.</p>
        )}
      </section>
    </div>
  );
}

function said(loading: boolean, error: string | null, found: number, limit: number): string {
  if (error !== null) return `The search failed: ${label(error, 300)}`;
  if (loading && found === 0) return "Searching…";
  const many = found >= limit ? ", more may fit" : "";
  return `${whole(found)} ${found === 1 ? "trace" : "traces"}${many}`;
}
