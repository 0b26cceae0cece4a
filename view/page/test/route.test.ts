import assert from "node:assert/strict";
import test from "node:test";
import { asking, EMPTY, forApi, format, LIMIT_MAX, parse as parseQuery } from "../src/route/query";
import { address, parse, traceAddress } from "../src/route/route";

test("addresses of views are read", () => {
  assert.equal(parse("").view, "map");
  assert.equal(parse("#/services?window=300").parameters.get("window"), "300");
  assert.equal(parse("#/nowhere").view, "unknown");
  assert.equal(parse("#/map/extra").view, "unknown");
});

test("permalinks come back as they were", () => {
  const id = "0af7651916cd43dd8448eb211c80319c";
  const route = parse(traceAddress(id, "b7ad6b7169203331"));
  assert.ok(route.view === "trace");
  assert.deepEqual([route.id, route.span], [id, "b7ad6b7169203331"]);
  const short = parse("#/trace/ABC");
  assert.ok(short.view === "trace");
  assert.equal(short.id, "abc".padStart(32, "0"));
  assert.equal(parse("#/trace/not-hex").view, "unknown");
});

test("a query survives the way through the address", () => {
  const query = asking({
    service: "orders & more",
    operation: "GET /a?b=c#d",
    minMs: 12.5,
    maxMs: 900,
    errors: true,
    status: "503",
    attributes: ["http.route=/x", "key=a=b&c"],
    last: 3_600,
    limit: 7,
  });
  const route = parse(address("search", format(query)));
  assert.deepEqual(parseQuery(route.parameters), query);
  assert.equal(format(EMPTY).toString(), "");
});

test("what is not understood is left out", () => {
  const query = parseQuery(
    new URLSearchParams("min_ms=x&max_ms=-1&limit=999999&attribute=none&attribute=%3Dx&errors=yes"),
  );
  assert.deepEqual(query, { ...EMPTY, limit: LIMIT_MAX });
});

test("a relative window becomes a start for the API", () => {
  const parameters = forApi(asking({ last: 60, endMs: 5 }), 100_000);
  assert.equal(parameters.get("start_ms"), "40000");
  assert.equal(parameters.get("end_ms"), null);
  assert.equal(parameters.get("last"), null);
});
