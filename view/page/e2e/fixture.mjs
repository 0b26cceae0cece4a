// A stand-in for the agent: serves `dist` and answers the API from spans it was given, so that the page can be worked on
// without one. `node e2e/fixture.mjs [PORT]`.

import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { hostile, large, order } from "./spans.mjs";

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };

/** What the search says of a trace. */
function row(build) {
  const spans = build
    .data()
    .resourceSpans.flatMap((group) => group.scopeSpans[0].spans.map((span) => ({ group, span })));
  const root = spans.find(({ span }) => span.parentSpanId === "") ?? spans[0];
  const service = (group) => group.resource.attributes[0].value.stringValue;
  const ends = spans.map(({ span }) => Number(BigInt(span.endTimeUnixNano) / 1000n) / 1000);
  const start = Number(BigInt(root.span.startTimeUnixNano) / 1000n) / 1000;
  return {
    trace_id: build.traceId,
    service: service(root.group),
    operation: root.span.name,
    start_ms: start,
    duration_ms: Math.max(...ends) - start,
    spans: spans.length,
    errors: spans.filter(({ span }) => span.status.code === 2).length,
    services: [...new Set(spans.map(({ group }) => service(group)))],
  };
}

const EDGES = [
  ["edge", "orders", 41.2, 0.021, 18, 96],
  ["orders", "stock", 40.9, 0, 4.1, 11],
  ["orders", "payment", 40.7, 0.083, 22, 140],
  ["payment", "bank", 40.7, 0.083, 14, 121, true],
  ["orders", "smtp.example.test:25", 16.1, 0, 2.2, 4.6, true],
  ["web", "edge", 12.6, 0.004, 21, 99],
  ["web", "sessions", 25.2, 0, 0.6, 1.4],
  ["reports", "orders", 0.4, 0, 120, 800],
  ["payment", "orders", 3.1, 0, 1.5, 3],
  ["stock", "stock", 1.2, 0.011, 0.4, 1.1],
];

function overview(window) {
  const names = [...new Set(EDGES.flatMap((edge) => edge.slice(0, 2)))];
  const now = Date.now();
  const wave = (n, at) => 1 + 0.3 * Math.sin(at / 4 + n) + 0.1 * Math.sin(at * 1.7 + n);
  return {
    now,
    window,
    services: names.map((name, n) => {
      const into = EDGES.filter(([, server]) => server === name);
      const rate = into.reduce((sum, edge) => sum + edge[2], 0) * wave(n, now / 2000);
      return {
        name,
        requests_per_second: rate,
        error_ratio: Math.max(0, ...into.map((edge) => edge[3])),
        p50_ms: into[0]?.[4] ?? null,
        p95_ms: into[0]?.[5] ?? null,
        external: into.length > 0 && into.every((edge) => edge[6]),
        series: Array.from({ length: 30 }, (_, i) => {
          const t = Math.floor(now / 1000) - 60 + 2 * i;
          return {
            t,
            requests: Math.round(rate * wave(n, t)),
            errors: Math.round(Math.max(0, wave(n * 3, t) - 1.2) * 5),
            p95_ms: (into[0]?.[5] ?? 10) * wave(n * 2, t),
          };
        }),
      };
    }),
    edges: EDGES.map(([client, server, rate, errors, p50, p95, external], n) => ({
      client,
      server,
      requests_per_second: rate * wave(n, now / 2000),
      error_ratio: errors,
      p50_ms: p50,
      p95_ms: p95,
      external: external === true,
    })),
  };
}

function fits(found, asked) {
  const service = asked.get("service");
  if (service && !found.services.includes(service)) return false;
  if (asked.get("operation") && found.operation !== asked.get("operation")) return false;
  if (asked.get("errors") === "true" && found.errors === 0) return false;
  if (found.duration_ms < Number(asked.get("min_ms") ?? 0)) return false;
  return found.duration_ms <= Number(asked.get("max_ms") ?? Infinity);
}

const now = Date.now();
const traces = new Map();
const keep = (build) => {
  traces.set(build.traceId, build);
  return build;
};
for (let i = 0; i < 60; i++) keep(order(i + 1, now - i * 7_300));
for (const count of [1_000, 10_000]) keep(large(count, now - 30_000, count));
keep(hostile(7, now - 20_000));

function api(url, response) {
  const json = (body) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(body));
  };
  const path = url.pathname;
  const trace = /^\/api(\/sonde)?\/traces\/([0-9a-f]+)$/.exec(path);
  if (trace) {
    const found = traces.get(trace[2]);
    if (found) return json(found.data());
    response.statusCode = 404;
    return json({ errors: [{ code: 404, msg: "there is no such trace" }] });
  }
  if (path === "/api/sonde/overview") return json(overview(Number(url.searchParams.get("window") ?? 60)));
  if (path === "/api/sonde/status")
    return json({
      version: "0",
      memory: { used: 5e7, limit: 134217728 },
      traces: traces.size,
      spans: 12_000,
      received: 12_000,
      evicted: {},
      lost: {},
    });
  const rows = [...traces.values()].map(row);
  if (path === "/api/sonde/search") {
    const found = rows.filter((one) => fits(one, url.searchParams)).sort((a, b) => b.start_ms - a.start_ms);
    return json({ traces: found.slice(0, Number(url.searchParams.get("limit") ?? 20)) });
  }
  if (path === "/api/services") return json({ data: [...new Set(rows.flatMap((one) => one.services))].sort() });
  if (path.endsWith("/operations")) return json({ data: [...new Set(rows.map((one) => one.operation))] });
  response.statusCode = 404;
  json({ errors: [{ code: 404, msg: "not found" }] });
}

let seed = 1_000_000;

function live(response) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const send = (name, data) => response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  send("overview", overview(60));
  const timers = [
    setInterval(() => send("overview", overview(60)), 1_000),
    setInterval(() => send("trace", row(keep(order(seed++, Date.now())))), 300),
  ];
  response.on("close", () => timers.forEach(clearInterval));
}

createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  response.setHeader("content-security-policy", "default-src 'self'; style-src 'self'");
  if (url.pathname === "/api/sonde/live") return live(response);
  if (url.pathname.startsWith("/api/")) return api(url, response);
  const name = url.pathname === "/" ? "index.html" : url.pathname.slice(1);
  if (!/^[\w.]+$/.test(name) || !existsSync(dist + name)) {
    response.statusCode = 404;
    return response.end();
  }
  response.setHeader("content-type", TYPES[name.split(".").at(-1)] ?? "application/octet-stream");
  createReadStream(dist + name).pipe(response);
}).listen(Number(process.argv[2] ?? 7_071), "127.0.0.1", function () {
  console.log(`http://127.0.0.1:${this.address().port}/`);
});
