// A client on axios: one request for each line of standard input (see tests/src/client.rs for the line).
const http = require("http");
const readline = require("readline");
const axios = require("axios");

const agent = new http.Agent({ keepAlive: true });
const now = () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [method, url, traceparent, tracestate, size] = line.split(" ");
    const headers = {};
    if (traceparent !== "-") headers.traceparent = traceparent;
    if (tracestate !== "-") headers.tracestate = tracestate;
    const data = Number(size) > 0 ? "b".repeat(Number(size)) : undefined;
    const start = now();
    try {
      const response = await axios.request({
        method, url, headers, data, proxy: false, httpAgent: agent, responseType: "arraybuffer", validateStatus: () => true,
      });
      console.log(`${response.status} ${response.data.length} ${start} ${now()}`);
    } catch (error) {
      console.log(`0 0 ${start} ${now()}`);
    }
  }
}

main();
