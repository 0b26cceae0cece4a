// What the clients share: one request for each line of standard input (see tests/src/client.rs for the line).
const readline = require("readline");

const now = () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;

// `send` takes method, url, headers and body; gives status and length of the content.
module.exports = async (send) => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [method, url, traceparent, tracestate, size] = line.split(" ");
    const headers = {};
    if (traceparent !== "-") headers.traceparent = traceparent;
    if (tracestate !== "-") headers.tracestate = tracestate;
    const body = Number(size) > 0 ? "b".repeat(Number(size)) : undefined;
    const start = now();
    try {
      const [status, length] = await send(method, url, headers, body);
      console.log(`${status} ${length} ${start} ${now()}`);
    } catch (error) {
      console.log(`0 0 ${start} ${now()}`);
    }
  }
};
