import assert from "node:assert/strict";
import test from "node:test";
import { decode, type Span, text } from "../src/otlp/decode";
import { bar, ticks } from "../src/trace/axis";
import { bySpan, criticalPath, total } from "../src/trace/critical";
import { resourceFacts, spanFacts } from "../src/trace/facts";
import { isFragment } from "../src/trace/fragment";
import { TraceModel } from "../src/trace/model";
import { ancestors, build, rows } from "../src/trace/tree";

function span(id: string, parentId: string, start: number, duration: number): Span {
  return {
    id,
    parentId,
    name: id,
    kind: "SERVER",
    service: "s",
    start,
    duration,
    status: "UNSET",
    statusMessage: "",
    traceState: "",
    attributes: [],
    events: [],
    links: [],
    resource: [],
    scope: "",
    dropped: 0,
  };
}

function sections(spans: Span[]): [string, number, number][] {
  return criticalPath(spans, build(spans))
    .map((section): [string, number, number] => [spans[section.span]?.id ?? "", section.start, section.end])
    .sort((a, b) => a[1] - b[1]);
}

test("the tree has orphans and circles as roots, and every span once", () => {
  const spans = [
    span("a", "", 0, 9),
    span("b", "a", 1, 2),
    span("c", "lost", 2, 1),
    span("d", "e", 3, 1),
    span("e", "d", 4, 1),
  ];
  const tree = build(spans);
  assert.deepEqual(rows(tree, new Set()).slice().sort(), [0, 1, 2, 3, 4]);
  assert.deepEqual(tree.roots.slice(0, 2), [0, 2]);
  assert.equal(tree.roots.length, 3);
  assert.equal(tree.descendants[0], 1);
  assert.deepEqual(ancestors(tree, 1), [0]);
});

test("a span that is its own parent, and one that comes twice, do no harm", () => {
  const tree = build([span("a", "a", 0, 1), span("b", "", 0, 1), span("b", "", 0, 1)]);
  assert.deepEqual(tree.roots, [0, 1, 2]);
});

test("what is below a collapsed span is not shown", () => {
  const tree = build([span("a", "", 0, 9), span("b", "a", 1, 5), span("c", "b", 2, 1), span("d", "a", 7, 1)]);
  assert.deepEqual(rows(tree, new Set([1])), [0, 1, 3]);
});

test("a chain ten thousand deep is walked without recursion", () => {
  const spans = Array.from({ length: 10_000 }, (_, i) => span(`s${i}`, i === 0 ? "" : `s${i - 1}`, i, 20_000 - i));
  const tree = build(spans);
  assert.equal(tree.depth[9_999], 9_999);
  assert.equal(tree.descendants[0], 9_999);
  assert.ok(criticalPath(spans, tree).length > 0);
});

test("the critical path goes back through whom the end waited for", () => {
  const spans = [
    span("root", "", 0, 100),
    span("early", "root", 10, 30),
    span("late", "root", 20, 60),
    span("inner", "late", 30, 20),
  ];
  assert.deepEqual(sections(spans), [
    ["root", 0, 20],
    ["late", 20, 30],
    ["inner", 30, 50],
    ["late", 50, 80],
    ["root", 80, 100],
  ]);
});

test("calls in sequence are all on it, and its sections cover the root once", () => {
  const spans = [span("root", "", 0, 100), span("one", "root", 10, 20), span("two", "root", 40, 20)];
  const found = criticalPath(spans, build(spans));
  assert.equal(total(found), 100);
  assert.equal(total(bySpan(found).get(1)), 20);
});

test("a child that ends after its parent counts until the parent ends", () => {
  assert.deepEqual(sections([span("root", "", 0, 10), span("late", "root", 5, 50)]), [
    ["root", 0, 5],
    ["late", 5, 10],
  ]);
});

test("OTLP JSON is decoded, times to the nanosecond's thousandth", () => {
  const trace = decode("t", {
    resourceSpans: [
      {
        resource: { attributes: [{ key: "service.name", value: { stringValue: "orders" } }] },
        scopeSpans: [
          {
            scope: { name: "sonde", version: "1" },
            spans: [
              {
                spanId: "B7AD6B7169203331",
                name: "GET /",
                kind: 3,
                startTimeUnixNano: "1700000000000000500",
                endTimeUnixNano: "1700000000001500500",
                status: { code: "STATUS_CODE_ERROR", message: "no" },
                attributes: [{ key: "n", value: { intValue: "9007199254740993" } }],
              },
            ],
          },
        ],
      },
    ],
  });
  const first = trace?.spans[0];
  assert.ok(trace && first);
  assert.deepEqual(
    [first.id, first.kind, first.service, first.duration, first.status, first.scope],
    ["b7ad6b7169203331", "CLIENT", "orders", 1_500, "ERROR", "sonde 1"],
  );
  assert.equal(first.attributes[0]?.value, "9007199254740993");
  assert.equal(Math.floor(trace.startMs), 1_700_000_000_000);
});

test("an answer of the wrong form is no trace, or an empty span", () => {
  for (const answer of [null, 1, "x", [], {}, { resourceSpans: [null, {}, { scopeSpans: [{}] }] }]) {
    assert.equal(decode("t", answer), null);
  }
  const odd = decode("t", {
    resourceSpans: [{ scopeSpans: [{ spans: [{ name: 5, attributes: [null, {}], events: [null] }] }] }],
  });
  assert.equal(odd?.spans[0]?.service, "unknown_service");
});

test("values of every type are text", () => {
  assert.equal(
    text({ arrayValue: { values: [{ stringValue: "a" }, { intValue: 1 }, { boolValue: false }] } }),
    '["a",1,false]',
  );
  assert.equal(
    text({ kvlistValue: { values: [{ key: "__proto__", value: { doubleValue: 1.5 } }] } }),
    '{"__proto__":1.5}',
  );
  assert.equal(text({}), "");
});

test("facts are grouped and sorted", () => {
  const list = ["url.path", "http.route", "server.port", "error.type", "sonde.queue.duration_ms"].map((key) => ({
    key,
    value: "",
  }));
  assert.deepEqual(
    spanFacts(list).map((group) => [group.title, group.attributes.map((one) => one.key)]),
    [
      ["Error", ["error.type"]],
      ["Request", ["http.route", "url.path"]],
      ["Network", ["server.port"]],
      ["Other attributes", ["sonde.queue.duration_ms"]],
    ],
  );
  assert.deepEqual(resourceFacts([{ key: "process.pid", value: "1" }])[0]?.title, "Process");
});

test("the axis has round steps", () => {
  assert.deepEqual(ticks([0, 1_000], 5), [0, 200, 400, 600, 800, 1_000]);
  assert.deepEqual(ticks([0, 0], 5), []);
  assert.deepEqual(bar(50, 100, [0, 100]), { left: 50, width: 50 });
  assert.equal(bar(200, 10, [0, 100]), null);
});

test("the model finds, collapses and zooms", () => {
  const spans = [span("a", "", 0, 100), span("b", "a", 10, 50), span("c", "b", 20, 10)];
  const model = new TraceModel({ id: "t", startMs: 0, duration: 100, spans, services: ["s"] });
  model.collapseAll();
  assert.deepEqual(model.rows.value, [0]);
  model.select(2);
  assert.deepEqual(model.rows.value, [0, 1, 2]);
  model.setCollapsed(0, true);
  assert.equal(model.selected.value, 0);
  model.filter.value = "c";
  assert.deepEqual([...(model.matches.value ?? [])], [2]);
  model.seek((index) => index === 2, 1);
  assert.equal(model.selected.value, 2);
  model.zoom(1);
  assert.deepEqual(model.range.value, [0, 50]);
  model.resetRange();
  assert.deepEqual(model.range.value, [0, 100]);
});

test("a trace that begins with a call of a service that serves is a fragment", () => {
  const serving = (name: string, rate: number) => ({
    name,
    requests_per_second: rate,
    error_ratio: 0,
    p50_ms: null,
    p95_ms: null,
  });
  const of = (...spans: Span[]) => ({ id: "t", startMs: 0, duration: 9, spans, services: ["s"] });
  const call: Span = { ...span("a", "", 0, 9), kind: "CLIENT" };
  assert.equal(isFragment(of(call), 0, [serving("s", 2)]), true);
  assert.equal(isFragment(of(call), 0, [serving("s", 0), serving("other", 2)]), false);
  assert.equal(isFragment(of(call), 0, []), false);
  assert.equal(isFragment(of(call, span("b", "a", 1, 2)), 0, []), true);
  assert.equal(isFragment(of({ ...call, parentId: "elsewhere" }), 0, [serving("s", 2)]), false);
  assert.equal(isFragment(of(span("a", "", 0, 9)), 0, [serving("s", 2)]), false);
  assert.equal(isFragment(of(), 0, [serving("s", 2)]), false);
});
