// Four gRPC calls a request on one channel: two in sequence, two in parallel. Messages are bytes that nobody decodes.
const grpc = require('@grpc/grpc-js');

const [port, callee] = process.argv.slice(2);
const bytes = (message) => message;
const client = new grpc.Client(`127.0.0.1:${callee}`, grpc.credentials.createInsecure());

const call = (id, number) => new Promise((resolve, reject) => {
  const done = (error, answer) => (error ? reject(error) : resolve(answer));
  client.makeUnaryRequest(`/down/${id}-${number}`, bytes, bytes, Buffer.alloc(0), done);
});

async function serve(id) {
  await call(id, 1);
  await call(id, 2);
  await Promise.all([call(id, 3), call(id, 4)]);
  return Buffer.from('ok');
}

const server = new grpc.Server();
const method = {
  path: '/causality.Service/Serve',
  requestStream: false,
  responseStream: false,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};
server.addService({ serve: method }, {
  serve: ({ request }, respond) => serve(request.toString()).then((answer) => respond(null, answer), respond),
});
server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
