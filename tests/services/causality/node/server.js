// Four calls a request: two in sequence, a database-like one between them, two in parallel. With "timers" as the
// fourth argument it sleeps between the calls.
const http = require('http');
const net = require('net');

const [port, callee, database, mode] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true });

const get = (path, agent) => new Promise((resolve, reject) => {
  http.get({ host: '127.0.0.1', port: callee, path, agent }, (response) => {
    response.resume();
    response.on('end', resolve);
  }).on('error', reject);
});

const idle = [];
const ping = (id) => new Promise((resolve, reject) => {
  const socket = idle.pop() || net.connect(database, '127.0.0.1');
  const failed = (error) => reject(error);
  socket.once('error', failed);
  socket.once('data', () => {
    socket.removeListener('error', failed);
    idle.push(socket);
    resolve();
  });
  socket.write(`PING ${id}\n`);
});

const pause = () => (mode === 'timers'
  ? new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 3))
  : undefined);

http.createServer(async (request, response) => {
  const id = request.url.split('/')[2];
  try {
    await get(`/down/${id}/1`, agent);
    await pause();
    await ping(id);
    await get(`/down/${id}/2`, agent);
    await pause();
    await Promise.all([
      get(`/down/${id}/3`, false),
      fetch(`http://127.0.0.1:${callee}/down/${id}/4`).then((answer) => answer.text()),
    ]);
    response.setHeader('Content-Length', 2);
    response.end('ok');
  } catch (error) {
    console.error(error);
    response.statusCode = 500;
    response.end();
  }
}).listen(port, '127.0.0.1');
