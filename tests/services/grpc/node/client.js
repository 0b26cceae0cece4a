// A gRPC client on @grpc/grpc-js, one connection: node client.js HOST:PORT CONCURRENCY
//
// One call for each line of standard input (see tests/src/rpc.rs for the lines), so many at once.
const path = require("path");
const readline = require("readline");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const { sonde } = grpc.loadPackageDefinition(loader.loadSync(path.join(__dirname, "..", "echo.proto"), { defaults: true }));
const client = new sonde.test.v1.Echo(process.argv[2], grpc.credentials.createInsecure());
const concurrency = Number(process.argv[3]);
const waiting = [];
let running = 0;
const now = () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e3)) * 1000n;

function make(line) {
  const fields = line.split(" ");
  const [index, method, traceparent] = [fields[0], fields[1], fields[10]];
  const [messages, payload, size, count, code, milliseconds, deadline, cut] = fields.slice(2, 10).map(Number);
  const request = { text: index, payload: Buffer.alloc(payload), size, count, code, milliseconds };
  const metadata = new grpc.Metadata();
  if (traceparent !== "-") metadata.set("traceparent", traceparent);
  const options = deadline ? { deadline: Date.now() + deadline } : {};
  const start = now();
  let replies = 0;
  const end = (status) => {
    console.log(`${index} ${status} ${replies} ${start} ${now()}`);
    running -= 1;
    next();
  };
  const callback = (error) => {
    replies = error ? 0 : 1;
    end(error ? error.code : 0);
  };
  let call;
  if (method === "Collect") call = client.Collect(metadata, options, callback);
  else if (method === "Spread") call = client.Spread(request, metadata, options);
  else if (method === "Chat") call = client.Chat(metadata, options);
  else call = client[method](request, metadata, options, callback);
  if (method === "Spread" || method === "Chat") {
    call.on("data", () => { replies += 1; });
    call.on("error", () => {});
    call.on("status", (status) => end(status.code));
  }
  if (method === "Collect" || method === "Chat") {
    for (let i = 0; i < messages; i++) call.write(request);
    call.end();
  }
  if (cut) setTimeout(() => call.cancel(), cut);
}

function next() {
  while (running < concurrency && waiting.length) {
    running += 1;
    make(waiting.shift());
  }
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  waiting.push(line);
  next();
});
