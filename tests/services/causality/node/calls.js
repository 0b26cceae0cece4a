// Four calls a request: two in sequence, a database-like one between them, two in parallel.
const http = require('http');
const net = require('net');

const agent = new http.Agent({ keepAlive: true });

module.exports = (callee, database, pause = () => {}) => {
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

  const sequence = async (id) => {
    await get(`/down/${id}/1`, agent);
    await pause();
    await ping(id);
    await get(`/down/${id}/2`, agent);
  };

  const parallel = (id) => Promise.all([
    get(`/down/${id}/3`, false),
    fetch(`http://127.0.0.1:${callee}/down/${id}/4`).then((answer) => answer.text()),
  ]);

  const all = async (id) => {
    await sequence(id);
    await pause();
    await parallel(id);
  };

  return { sequence, parallel, all };
};
