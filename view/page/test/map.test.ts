import assert from "node:assert/strict";
import test from "node:test";
import type { Overview } from "../src/agent/types";
import { curves, LABEL_HEIGHT, LABEL_WIDTH, labelPlaces, pointAt, svgPath } from "../src/map/curves";
import { EMPTY, type Graph, merge, shape } from "../src/map/graph";
import { apart, layout, NODE_HEIGHT, NODE_WIDTH } from "../src/map/layout";
import { severity } from "../src/map/severity";
import { fit, pan, toMap, zoomAt } from "../src/map/viewport";

const RED = { requests_per_second: 1, error_ratio: 0, p50_ms: 1, p95_ms: 2 };

function overview(...edges: [string, string][]): Overview {
  const names = [...new Set(edges.flat())];
  return {
    now: 0,
    window: 60,
    services: names.map((name) => ({ name, ...RED })),
    edges: edges.map(([client, server]) => ({ client, server, ...RED })),
  };
}

function graph(...edges: [string, string][]): Graph {
  return merge(EMPTY, overview(...edges));
}

test("callers are left of whom they call", () => {
  const { places } = layout(
    graph(["web", "edge"], ["edge", "orders"], ["orders", "stock"], ["orders", "payment"], ["web", "orders"]),
  );
  const x = (name: string) => places.get(name)?.x ?? Number.NaN;
  assert.ok(x("web") < x("edge") && x("edge") < x("orders") && x("orders") < x("stock"));
  assert.equal(x("stock"), x("payment"));
});

test("circles, calls to oneself and lone services have a place", () => {
  const circle = graph(["a", "b"], ["b", "c"], ["c", "a"], ["d", "d"]);
  const { places } = layout(circle);
  assert.equal(places.size, 4);
  for (const { x, y } of places.values()) assert.ok(Number.isFinite(x) && Number.isFinite(y));
  assert.deepEqual(layout(circle).places, places);
  assert.equal(layout(EMPTY).places.size, 0);
});

test("no two services overlap, not even in a large graph", () => {
  const edges = Array.from({ length: 120 }, (_, i): [string, string] => [`s${i % 40}`, `s${(i * 7 + 3) % 40}`]);
  const places = [...layout(graph(...edges)).places.values()];
  for (const [i, a] of places.entries()) {
    for (const b of places.slice(i + 1)) {
      assert.ok(Math.abs(a.x - b.x) >= NODE_WIDTH || Math.abs(a.y - b.y) >= NODE_HEIGHT);
    }
  }
});

test("services without calls stand below the others", () => {
  const found = graph(["a", "b"]);
  for (const name of ["x", "y"]) found.nodes.push({ name, external: false, calls: false, idle: false, ...RED });
  const { places } = layout(found);
  const y = (name: string) => places.get(name)?.y ?? Number.NaN;
  assert.ok(y("x") >= y("a") + NODE_HEIGHT);
  assert.equal(y("x"), y("y"));
});

test("a call over several layers bends in those between", () => {
  const found = graph(["a", "b"], ["b", "c"], ["a", "c"]);
  const { places, bends } = layout(found);
  const over = bends.get(JSON.stringify(["a", "c"])) ?? [];
  assert.equal(over.length, 1);
  assert.ok(Math.abs((over[0]?.y ?? 0) - (places.get("b")?.y ?? 0)) >= NODE_HEIGHT);
});

test("things are put apart around the same middle", () => {
  const placed = apart([0, 0, 0]);
  assert.equal(placed[1], 0);
  assert.ok((placed[0] ?? 0) < 0 && (placed[2] ?? 0) > 0);
});

test("labels cover no service and no other label of a small map", () => {
  const found = graph(["a", "b"], ["b", "c"], ["b", "d"], ["b", "e"], ["c", "b"]);
  const { places, bends } = layout(found);
  const labels = [...labelPlaces(curves(found.links, places, bends), places.values()).values()];
  assert.equal(labels.length, 5);
  for (const [i, a] of labels.entries()) {
    for (const b of labels.slice(i + 1)) {
      assert.ok(Math.abs(a.x - b.x) >= LABEL_WIDTH || Math.abs(a.y - b.y) >= LABEL_HEIGHT, `${i}`);
    }
  }
});

test("a line begins and ends where it says", () => {
  const places = new Map([
    ["a", { x: 0, y: 0 }],
    ["b", { x: 400, y: 0 }],
  ]);
  const line = curves([{ id: "x", client: "a", server: "b" }], places, new Map()).get("x");
  assert.ok(line);
  assert.deepEqual(pointAt(line, 0), { x: NODE_WIDTH / 2, y: 0 });
  assert.ok(pointAt(line, 1).x < 400 - NODE_WIDTH / 2);
  assert.match(svgPath(line), /^M78\.0 0\.0C/);
});

test("what is quiet stays on the map as idle", () => {
  const before = graph(["a", "b"], ["b", "c"]);
  const after = merge(before, overview(["a", "b"]));
  assert.equal(shape(after), shape(before));
  assert.equal(after.nodes.find((node) => node.name === "c")?.idle, true);
  assert.equal(after.links.find((link) => link.server === "c")?.requests_per_second, 0);
});

test("figures of an end that is no service are those of its edges", () => {
  const edges = [
    { client: "a", server: "db", external: true, ...RED, requests_per_second: 3, error_ratio: 0.1 },
    { client: "b", server: "db", external: true, ...RED, requests_per_second: 1, error_ratio: 0.5 },
  ];
  const found = merge(EMPTY, { ...overview(), edges }).nodes;
  const [db, a] = ["db", "a"].map((name) => found.find((node) => node.name === name));
  assert.deepEqual([db?.requests_per_second, db?.error_ratio, db?.p50_ms], [4, 0.2, null]);
  assert.deepEqual([a?.calls, a?.idle], [true, false]);
});

test("an edge to a service that is not listed brings it along", () => {
  const bare = merge(EMPTY, { ...overview(), edges: [{ client: "a", server: "__proto__", external: true, ...RED }] });
  assert.deepEqual(
    bare.nodes.map((node) => [node.name, node.external]),
    [
      ["a", false],
      ["__proto__", true],
    ],
  );
});

test("what is under the pointer stays there while zooming", () => {
  const view = { x: 10, y: 20, scale: 1 };
  const at = { x: 100, y: 50 };
  assert.deepEqual(toMap(zoomAt(view, 2, at), at), toMap(view, at));
  assert.deepEqual(pan(view, 5, -5), { x: 15, y: 15, scale: 1 });
  assert.equal(zoomAt(view, 1_000, at).scale, 3);
});

test("the whole map fits, or begins at the outermost callers", () => {
  const size = { width: 1_000, height: 500 };
  const small = fit([{ x: 0, y: 0 }], size);
  assert.deepEqual([small.x, small.y], [500, 250]);
  const wide = fit(
    [
      { x: 0, y: 0 },
      { x: 9_000, y: 0 },
    ],
    size,
  );
  assert.ok(wide.x - (NODE_WIDTH / 2) * wide.scale >= 0);
  assert.equal(fit([], size).scale, 1);
});

test("shares of errors have three severities", () => {
  assert.deepEqual([0, 0.009, 0.01, 0.05].map(severity), ["healthy", "healthy", "suspect", "failing"]);
});
