// The gRPC service on @grpc/grpc-js: node server.js PORT
const path = require("path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const { sonde } = grpc.loadPackageDefinition(loader.loadSync(path.join(__dirname, "..", "echo.proto"), { defaults: true }));
const reply = (request, received) => ({ text: request.text, payload: Buffer.alloc(request.size), received });
const failure = (request) => (request.code ? { code: request.code, details: "as asked" } : null);
const pause = (request) => new Promise((done) => (request.milliseconds ? setTimeout(done, request.milliseconds) : done()));

async function say({ request }, callback) {
  await pause(request);
  callback(failure(request), reply(request, 1));
}

function collect(call, callback) {
  let received = 0;
  let last = {};
  call.on("data", (request) => { received += 1; last = request; });
  call.on("error", () => {});
  call.on("end", async () => {
    await pause(last);
    callback(failure(last), reply(last, received));
  });
}

async function spread(call) {
  for (let i = 0; i < call.request.count; i++) {
    await pause(call.request);
    call.write(reply(call.request, 1));
  }
  const error = failure(call.request);
  if (error) call.emit("error", error);
  else call.end();
}

function chat(call) {
  let received = 0;
  let turn = Promise.resolve();
  const answer = async (request, number) => {
    for (let i = 0; i < Math.max(request.count, 1); i++) {
      await pause(request);
      call.write(reply(request, number));
    }
    const error = failure(request);
    if (error) call.emit("error", error);
  };
  call.on("error", () => {});
  call.on("data", (request) => {
    received += 1;
    const number = received;
    turn = turn.then(() => answer(request, number));
  });
  call.on("end", () => turn.then(() => call.end()));
}

const server = new grpc.Server();
server.addService(sonde.test.v1.Echo.service, { say, wait: say, fail: say, collect, spread, chat });
server.bindAsync(`127.0.0.1:${process.argv[2]}`, grpc.ServerCredentials.createInsecure(), (error) => { if (error) throw error; });
process.on("SIGTERM", () => server.tryShutdown(() => process.exit(0)));
