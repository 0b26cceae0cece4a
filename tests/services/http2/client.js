// An HTTP/2 client without TLS on Node's own http2: one request for each line of standard input, one after another, all over one
// connection (see tests/src/client.rs for the lines): node client.js [WINDOW PAUSE]
//
// With WINDOW a server may send only so many bytes of a response ahead, and each response is read after PAUSE milliseconds only.
const http2 = require("http2");
const readline = require("readline");

const [window, pause] = process.argv.slice(2).map(Number);
const options = window ? { settings: { initialWindowSize: window } } : {};
const sessions = new Map();
const now = () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e3)) * 1000n;

function ask(line) {
  const [method, url, traceparent, tracestate, size] = line.split(" ");
  const { origin, pathname, search } = new URL(url);
  if (!sessions.has(origin)) sessions.set(origin, http2.connect(origin, options));
  const headers = { ":method": method, ":path": pathname + search };
  if (traceparent !== "-") headers.traceparent = traceparent;
  if (tracestate !== "-") headers.tracestate = tracestate;
  const start = now();
  return new Promise((done) => {
    const request = sessions.get(origin).request(headers);
    let status = 0;
    let bytes = 0;
    request.on("response", (fields) => {
      status = fields[":status"];
      if (!pause) return;
      request.pause();
      setTimeout(() => request.resume(), pause);
    });
    request.on("data", (part) => { bytes += part.length; });
    request.on("error", () => { status = 0; });
    request.on("close", () => {
      console.log(`${status} ${bytes} ${start} ${now()}`);
      done();
    });
    request.end(Number(size) ? Buffer.alloc(Number(size), "b") : undefined);
  });
}

let last = Promise.resolve();
readline.createInterface({ input: process.stdin }).on("line", (line) => { last = last.then(() => ask(line)); });
