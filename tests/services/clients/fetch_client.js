// A client on fetch (undici): one request for each line of standard input (see tests/src/client.rs for the line).
const readline = require("readline");

const now = () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [method, url, traceparent, tracestate, size] = line.split(" ");
    const headers = {};
    if (traceparent !== "-") headers.traceparent = traceparent;
    if (tracestate !== "-") headers.tracestate = tracestate;
    const body = Number(size) > 0 ? "b".repeat(Number(size)) : undefined;
    const start = now();
    try {
      const response = await fetch(url, { method, headers, body, redirect: "manual" });
      const content = await response.arrayBuffer();
      console.log(`${response.status} ${content.byteLength} ${start} ${now()}`);
    } catch (error) {
      console.log(`0 0 ${start} ${now()}`);
    }
  }
}

main();
