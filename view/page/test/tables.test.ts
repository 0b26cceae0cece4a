import assert from "node:assert/strict";
import test from "node:test";
import type { TraceRow } from "../src/agent/types";
import { fromLocal, toLocal } from "../src/search/local";
import { sorted as sortedTraces } from "../src/search/sort";
import { next, sorted } from "../src/services/order";
import { path } from "../src/services/Sparkline";
import { even } from "../src/services/series";
import { fits, KEEP, merge } from "../src/tail/filter";
import { COLOURS, Palette } from "../src/text/colour";

function row(trace_id: string, more: Partial<TraceRow> = {}): TraceRow {
  return {
    trace_id,
    service: "orders",
    operation: "GET /",
    start_ms: 0,
    duration_ms: 10,
    spans: 1,
    errors: 0,
    services: ["stock"],
    ...more,
  };
}

test("the live tail's filter looks at services, operation, duration and errors", () => {
  const any = { text: "", errors: false, minMs: null };
  assert.ok(fits(row("a"), any));
  assert.ok(fits(row("a"), { ...any, text: " STOCK " }));
  assert.ok(!fits(row("a"), { ...any, text: "payment" }));
  assert.ok(!fits(row("a"), { ...any, errors: true }));
  assert.ok(!fits(row("a"), { ...any, minMs: 11 }));
});

test("a trace that comes again takes its row's place, and old ones go", () => {
  const first = merge([], [row("a"), row("b")]);
  assert.deepEqual(
    first.map((one) => one.trace_id),
    ["b", "a"],
  );
  const second = merge(first, [row("a", { spans: 5 }), row("c")]);
  assert.deepEqual(
    second.map((one) => [one.trace_id, one.spans]),
    [
      ["c", 1],
      ["b", 1],
      ["a", 5],
    ],
  );
  const many = Array.from({ length: KEEP + 50 }, (_, i) => row(`t${i}`));
  assert.equal(merge(first, many).length, KEEP);
});

test("traces and services are sorted without changing what was given", () => {
  const rows = [row("a", { duration_ms: 1 }), row("b", { duration_ms: 5 })];
  assert.deepEqual(
    sortedTraces(rows, "longest").map((one) => one.trace_id),
    ["b", "a"],
  );
  assert.equal(rows[0]?.trace_id, "a");
  const red = { error_ratio: 0, p50_ms: null, p95_ms: null };
  const services = [
    { name: "b", requests_per_second: 1, ...red },
    { name: "a", requests_per_second: 1, ...red },
    { name: "c", requests_per_second: 9, ...red },
  ];
  const names = (order: Parameters<typeof sorted>[1]) => sorted(services, order).map((one) => one.name);
  assert.deepEqual(names({ column: "requests_per_second", ascending: false }), ["c", "a", "b"]);
  assert.deepEqual(names({ column: "name", ascending: false }), ["c", "b", "a"]);
  assert.deepEqual(next({ column: "name", ascending: true }, "p95_ms"), { column: "p95_ms", ascending: false });
});

test("a sparkline has gaps where nothing is known", () => {
  assert.equal(path([0, 10], 10, 10), "M0.0 10.0h0L10.0 0.0");
  assert.equal(path([1, null, 1], 10, 10), "M0.0 0.0h0M10.0 0.0h0");
  assert.equal(path([], 10, 10), "");
});

test("points are spread evenly, and the seconds that were left out are there", () => {
  const point = (t: number, requests: number, p95_ms: number | null) => ({ t, requests, errors: 0, p95_ms });
  const minute = even([point(40, 5, 2), point(100, 1, 3), point(99, 2, null)], 60, 100_900);
  assert.equal(minute.requests.length, 60);
  assert.deepEqual([minute.requests.at(-1), minute.requests.at(-2), minute.requests[0]], [1, 2, 0]);
  assert.deepEqual([minute.p95.at(-1), minute.p95.at(-2)], [3, null]);
  const long = even([point(591, 2, 4), point(595, 3, 9)], 600, 600_000);
  assert.equal(long.requests.length, 60);
  assert.deepEqual([long.requests.at(-1), long.p95.at(-1)], [5, 9]);
});

test("colours are stable and distinct as long as there are enough", () => {
  const names = Array.from({ length: COLOURS }, (_, i) => `service-${i}`);
  const palette = new Palette();
  assert.equal(new Set(names.map((name) => palette.of(name))).size, COLOURS);
  for (let i = 0; i < COLOURS; i++) palette.of(`other-${i}`);
  const uses = names.map((name) => palette.of(name));
  assert.equal(new Set(uses).size, COLOURS);
  assert.equal(palette.of("service-3"), palette.of("service-3"));
  assert.equal(new Palette().of("orders"), new Palette().of("orders"));
});

test("local times come back", () => {
  const time = new Date(2026, 1, 3, 4, 5, 6).getTime();
  assert.equal(fromLocal(toLocal(time)), time);
  assert.equal(fromLocal(""), null);
  assert.equal(toLocal(null), "");
});
