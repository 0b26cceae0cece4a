// Traces for the tests, as OTLP JSON: ordinary ones of a small shop, large ones, and hostile ones. Always the same for the
// same seed and time.

const NANOSECONDS = 1_000_000n;

/** A small generator of numbers from 0 to 1; the same for the same seed. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function hex(next, digits) {
  let text = "";
  while (text.length < digits) text += Math.floor(next() * 16).toString(16);
  return text;
}

function anyValue(value) {
  if (typeof value === "number") {
    return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  }
  return typeof value === "boolean" ? { boolValue: value } : { stringValue: value };
}

function keyValues(attributes) {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

/** Builds one trace: spans are added by service, times are milliseconds since its start. */
export class Builder {
  constructor(seed, startMs) {
    this.next = random(seed);
    this.traceId = hex(this.next, 32);
    this.startMs = startMs;
    this.byService = new Map();
    this.count = 0;
  }

  nano(ms) {
    return String(BigInt(Math.floor(this.startMs)) * NANOSECONDS + BigInt(Math.round(ms * 1e6)));
  }

  /** Adds a span; gives its id. */
  span(
    service,
    name,
    kind,
    start,
    duration,
    { parent = "", attributes = {}, error = "", events = [], links = [] } = {},
  ) {
    const spanId = hex(this.next, 16);
    const made = {
      traceId: this.traceId,
      spanId,
      parentSpanId: parent,
      name,
      kind,
      startTimeUnixNano: this.nano(start),
      endTimeUnixNano: this.nano(start + duration),
      attributes: keyValues(attributes),
      events: events.map(([at, event, about = {}]) => ({
        timeUnixNano: this.nano(at),
        name: event,
        attributes: keyValues(about),
      })),
      links: links.map(([traceId, linked]) => ({
        traceId,
        spanId: linked,
        attributes: keyValues({ "link.kind": "retry" }),
      })),
      status: error === "" ? {} : { code: 2, message: error },
    };
    const list = this.byService.get(service) ?? [];
    list.push(made);
    this.byService.set(service, list);
    this.count++;
    return spanId;
  }

  /** The trace as `TracesData`. */
  data() {
    return {
      resourceSpans: [...this.byService].map(([service, spans], index) => ({
        resource: {
          attributes: keyValues({
            "service.name": service,
            "service.version": "1.4.2",
            "process.pid": 4_000 + index,
            "process.executable.name": service,
            "process.command_line": `/usr/bin/${service} --port ${8_000 + index}`,
            "host.name": "node-1",
            "telemetry.sdk.name": "sonde",
            "telemetry.sdk.language": ["python", "nodejs", "go", "java"][index % 4],
          }),
        },
        scopeSpans: [{ scope: { name: "sonde", version: "0.1.0" }, spans }],
      })),
    };
  }
}

const INTERNAL = 1;
export const SERVER = 2;
export const CLIENT = 3;

function http(method, route, status, port) {
  return {
    "http.request.method": method,
    "http.route": route,
    "http.response.status_code": status,
    "url.scheme": "http",
    "url.path": route.replace("{id}", "4711"),
    "server.address": "127.0.0.1",
    "server.port": port,
    "network.peer.address": "127.0.0.1",
    "network.peer.port": 40_000 + port,
    "network.protocol.version": "1.1",
    ...(status >= 500 ? { "error.type": String(status) } : {}),
  };
}

/** Client span and server span of one call; gives the server's span id. */
function call(build, from, to, parent, { method, route, start, duration, status, port }) {
  const attributes = http(method, route, status, port);
  const error = status >= 500 ? `status ${status}` : "";
  const client = build.span(from, `${method} ${route}`, CLIENT, start, duration, { parent, attributes, error });
  return build.span(to, `${method} ${route}`, SERVER, start + duration * 0.06, duration * 0.88, {
    parent: client,
    attributes: { ...attributes, "sonde.queue.duration_ms": 0.12 },
    error,
    events: error
      ? [[start + duration * 0.6, "exception", { "exception.type": "Timeout", "exception.message": error }]]
      : [],
  });
}

/** An order of the shop: edge, orders, then stock and payment at once, which asks the bank. */
export function order(seed, startMs) {
  const build = new Builder(seed, startMs);
  const { next } = build;
  const slow = 1 + next() * next() * 6;
  const failed = next() < 0.08;
  build.failed = failed;
  const status = failed ? 503 : 200;
  const total = 40 * slow;
  const root = build.span("edge", "GET /orders/{id}", SERVER, 0, total, {
    attributes: { ...http("GET", "/orders/{id}", status, 8_000), "user_agent.original": "curl/8.9.1" },
    error: failed ? "status 503" : "",
    events: [[1.5, "cache.miss", { key: "order:4711" }]],
  });
  const orders = call(build, "edge", "orders", root, {
    method: "GET",
    route: "/orders/{id}",
    start: 2,
    duration: total - 4,
    status,
    port: 8_001,
  });
  call(build, "orders", "stock", orders, {
    method: "GET",
    route: "/items/{id}",
    start: total * 0.2,
    duration: total * 0.25,
    status: 200,
    port: 8_002,
  });
  const payment = call(build, "orders", "payment", orders, {
    method: "POST",
    route: "/charge",
    start: total * 0.22,
    duration: total * 0.6,
    status,
    port: 8_003,
  });
  call(build, "payment", "bank", payment, {
    method: "POST",
    route: "/v2/transfers",
    start: total * 0.3,
    duration: total * 0.4,
    status: failed ? 504 : 200,
    port: 8_004,
  });
  if (next() < 0.4) {
    build.span("orders", "mail.send", CLIENT, total * 0.85, total * 0.05, {
      parent: orders,
      attributes: { "server.address": "smtp.example.test", "server.port": 25, "network.peer.address": "192.0.2.7" },
    });
  }
  return build;
}

/** Who calls whom in the large traces. */
const CALLS = {
  gateway: ["catalog", "users", "search"],
  catalog: ["pricing", "inventory", "reviews"],
  search: ["catalog", "index"],
  users: ["sessions"],
  pricing: ["rules"],
  inventory: ["warehouse"],
  reviews: ["users"],
};

/** A trace of `count` spans, some levels deep, some of them failed. */
export function large(seed, startMs, count) {
  const build = new Builder(seed, startMs);
  const total = 2_000;
  const attributes = http("GET", "/everything", 200, 8_000);
  const root = build.span("gateway", "GET /everything", SERVER, 0, total, { attributes });
  const open = [{ id: root, service: "gateway", start: 0, duration: total }];
  const inside = ({ start, duration }) => {
    const from = start + duration * build.next() * 0.6;
    return [from, (start + duration - from) * (0.3 + 0.6 * build.next())];
  };
  while (build.count < count) {
    const above = open[Math.floor(build.next() * open.length)];
    const called = CALLS[above.service] ?? [];
    const to = called[Math.floor(build.next() * called.length)];
    const [start, duration] = inside(above);
    if (to === undefined || build.count + 1 === count) {
      build.span(above.service, `step ${build.count}`, INTERNAL, start, duration, { parent: above.id });
      continue;
    }
    const status = build.next() < 0.02 ? 500 : 200;
    const id = call(build, above.service, to, above.id, {
      method: "GET",
      route: `/${to}/{id}`,
      start,
      duration,
      status,
      port: 8_100,
    });
    open.push({ id, service: to, start: start + duration * 0.06, duration: duration * 0.88 });
    if (open.length > 60) open.splice(1, 1);
  }
  return build;
}

export const HOSTILE_SERVICE = '<img src=x onerror="document.title=1">';

/** Names and values that would break a careless page. */
export function hostile(seed, startMs) {
  const build = new Builder(seed, startMs);
  const root = build.span(HOSTILE_SERVICE, "<script>window.owned = true</script>", SERVER, 0, 30, {
    attributes: {
      html: '"><svg onload="window.owned=true"><b>bold</b>',
      control: "a\u0000b\u0007c\u001b[31mred\u007f",
      lines: "first\r\nsecond\tthird",
      direction: "user\u202egnp.exe",
      "zero\u200bwidth": "\u200b\ufeff",
      empty: "",
      megabyte: "x<y>".repeat(262_144),
      "javascript:alert(1)": "javascript:alert(1)",
      __proto__x: "constructor",
    },
    events: [[3, "<h1>event</h1>", { "e\u0000": "\u0085" }]],
    links: [["f".repeat(32), "0000000000000001"]],
    error: "<b>failed</b>",
  });
  build.span("constructor", "__proto__", CLIENT, 5, 20, {
    parent: root,
    attributes: { "url.full": "javascript:alert(1)" },
  });
  build.span("constructor", "an orphan", SERVER, 1, 2, { parent: "ffffffffffffffff" });
  return build;
}
