// A client on Node's http2 (nghttp2) that sends random requests to an echo and compares what comes back: node exact.js PORT SECONDS SEED
//
// What the h2 crate (grpc/rust/src/bin/exact-h2.rs) cannot do: every HEADERS and DATA frame is padded, and requests have a priority. It
// says `ready`, waits for a line, and ends like the other with `requests=N inserted=N bytes=N`, or at the first difference with status 1.
const http2 = require("http2");
const readline = require("readline");

const [port, seconds, seed] = process.argv.slice(2).map(Number);
const paddings = [http2.constants.PADDING_STRATEGY_MAX, http2.constants.PADDING_STRATEGY_ALIGNED];
const totals = { requests: 0, inserted: 0, bytes: 0 };
let state = BigInt(seed);

/** Below `bound`, of a linear congruential generator. */
function below(bound) {
  state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
  return Number((state >> 33n) % BigInt(bound));
}

function text(length) {
  return Array.from({ length }, () => String.fromCharCode(33 + below(94))).join("");
}

function hex(length) {
  return Array.from({ length }, () => (1 + below(15)).toString(16)).join("");
}

// Few enough to be repeated, so that most are only referred to: one that came with an entry nobody has seen is the hard case.
const own_contexts = Array.from({ length: 10 }, () => `00-${hex(32)}-${hex(16)}-01`);

function fields() {
  const all = {};
  for (let number = below(10); number > 0; number -= 1) all[`x-${below(20)}`] = text(1 + below([4, 40, 300, 4000][below(4)]));
  if (below(12) === 0) for (let number = 0; number < 6; number += 1) all[`x-large-${number}`] = text(4000);
  return all;
}

function fail(what) {
  console.error(what);
  process.exit(1);
}

function compare(sent, content, own, head, received) {
  const count = Number(head["x-traceparents"]);
  if (!(count <= 1) || (own && count !== 1)) fail(`${head["x-traceparents"]} traceparent fields, own: ${own}`);
  if (Buffer.compare(content, received)) fail(`content of ${content.length} came as ${received.length}`);
  const names = Object.keys(head).filter((name) => name.startsWith("x-") && name !== "x-traceparents");
  if (names.length !== Object.keys(sent).length || names.some((name) => head[name] !== sent[name])) fail("the fields differ");
  totals.requests += 1;
  totals.bytes += content.length;
  totals.inserted += count - Number(own);
}

function exchange(session) {
  const sent = fields();
  const content = Buffer.from(Array.from({ length: below([1, 100, 5000, 60000][below(4)]) }, () => below(256)));
  const own = below(10) === 0;
  const headers = { ":method": "POST", ":path": `/${below(1000)}`, ...sent };
  if (own) headers.traceparent = own_contexts[below(own_contexts.length)];
  return new Promise((done) => {
    const stream = session.request(headers, { weight: 1 + below(256), exclusive: below(2) === 0, endStream: content.length === 0 });
    const parts = [];
    let head;
    stream.on("response", (fields) => { head = fields; });
    stream.on("data", (part) => parts.push(part));
    stream.on("error", (error) => fail(`a stream failed: ${error}`));
    stream.on("end", () => { compare(sent, content, own, head, Buffer.concat(parts)); done(); });
    if (content.length) stream.end(content);
  });
}

/** Connections of a second each, with up to 32 streams at once. */
async function worker(end) {
  while (Date.now() < end) {
    const session = http2.connect(`http://127.0.0.1:${port}`, { paddingStrategy: paddings[below(2)], maxSendHeaderBlockLength: 1 << 20 });
    session.on("error", (error) => fail(`a connection failed: ${error}`));
    const until = Math.min(end, Date.now() + 1000);
    const slot = async () => { while (Date.now() < until) await exchange(session); };
    await Promise.all(Array.from({ length: 1 + below(32) }, slot));
    await new Promise((closed) => session.close(closed));
  }
}

console.log("ready");
readline.createInterface({ input: process.stdin }).once("line", async () => {
  const end = Date.now() + seconds * 1000;
  await Promise.all(Array.from({ length: 4 }, () => worker(end)));
  console.log(Object.entries(totals).map(([name, total]) => `${name}=${total}`).join(" "));
  process.exit(0);
});
