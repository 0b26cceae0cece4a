// What requests wait for together, or in queues, and what other threads and timers do for them. `mode` is a name below.
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const net = require('net');
const zlib = require('zlib');
const serve = require('./serve');

const [port, callee, database, mode] = process.argv.slice(2);
const kept = new http.Agent({ keepAlive: true });
const few = new http.Agent({ keepAlive: true, maxSockets: 4 });
const few_fresh = new http.Agent({ keepAlive: false, maxSockets: 4 });

const get = (path, agent = kept, host = '127.0.0.1') => new Promise((resolve, reject) => {
  http.get({ host, port: callee, path, agent }, (response) => {
    response.resume();
    response.on('end', resolve);
  }).on('error', reject);
});

// One exchange of the line protocol at a time and socket.
const connect = () => net.connect(database, '127.0.0.1');
const query = (socket, text) => new Promise((resolve, reject) => {
  socket.once('error', reject);
  socket.once('data', () => {
    socket.removeListener('error', reject);
    resolve();
  });
  socket.write(`${text}\n`);
});

// At most `most` at a time; the others wait for a place.
const places = (most) => {
  const waiting = [];
  let taken = 0;
  return async (work) => {
    if (taken === most) await new Promise((resolve) => waiting.push(resolve));
    else taken += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else taken -= 1;
    }
  };
};

// A token that all requests wait for while one of them fetches it.
let token = null;
const authorized = () => {
  token ??= query(connect(), 'token').finally(() => { token = null; });
  return token;
};

// Keys that requests ask for are fetched together.
let batch = null;
const loaded = () => {
  batch ??= new Promise((resolve) => {
    setImmediate(() => {
      batch = null;
      resolve(query(connect(), 'keys'));
    });
  });
  return batch;
};

const limited = places(4);
const idle = [];
const borrowed = places(4);
const pooled = (work) => borrowed(async () => {
  const socket = idle.pop() ?? connect();
  await work(socket);
  idle.push(socket);
});

const hash = () => new Promise((resolve, reject) => {
  crypto.pbkdf2('secret', 'salt', 10, 16, 'sha256', (error) => (error ? reject(error) : resolve()));
});
const pack = () => new Promise((resolve, reject) => {
  zlib.gzip('text', (error) => (error ? reject(error) : resolve()));
});
const later = (begin, work) => new Promise((resolve, reject) => {
  begin(() => { work().then(resolve, reject); });
});

const MODES = {
  shared: async (id) => {
    await authorized();
    await get(`/down/${id}/1`);
    await get(`/down/${id}/2`);
  },
  loader: async (id) => {
    await loaded();
    await get(`/down/${id}/1`);
    await get(`/down/${id}/2`);
  },
  // One branch waits for an answer of its own while the other waits for the others' token.
  branches: (id) => Promise.all([
    get(`/down/${id}/1`),
    authorized().then(() => get(`/down/${id}/2`)),
  ]),
  sockets: async (id) => {
    await get(`/down/${id}/1`, few);
    await Promise.all([get(`/down/${id}/2`, few), get(`/down/${id}/3`, few)]);
    await get(`/down/${id}/4`, few_fresh);
  },
  limit: async (id) => {
    await limited(() => get(`/down/${id}/1`));
    await Promise.all([2, 3].map((n) => limited(() => get(`/down/${id}/${n}`))));
    await get(`/down/${id}/4`);
  },
  pool: async (id) => {
    await pooled((socket) => query(socket, id));
    await get(`/down/${id}/1`);
    await get(`/down/${id}/2`);
  },
  names: async (id) => {
    await get(`/down/${id}/1`, false, 'localhost');
    await get(`/down/${id}/2`, kept, 'localhost');
    await Promise.all([
      get(`/down/${id}/3`, false, 'localhost'),
      fetch(`http://localhost:${callee}/down/${id}/4`).then((answer) => answer.text()),
    ]);
  },
  fetches: async (id) => {
    for (const n of [1, 2, 3, 4]) {
      await (await fetch(`http://127.0.0.1:${callee}/down/${id}/${n}`)).text();
    }
  },
  threads: async (id) => {
    await fs.promises.readFile(__filename);
    await get(`/down/${id}/1`);
    await hash();
    await get(`/down/${id}/2`);
    await pack();
    await get(`/down/${id}/3`);
    await later((go) => fs.stat(__filename, go), () => get(`/down/${id}/4`, false));
  },
  callbacks: async (id) => {
    await later((go) => setTimeout(go, 1 + Math.random() * 3), () => get(`/down/${id}/1`));
    await later(setImmediate, () => get(`/down/${id}/2`));
  },
};

serve(port, MODES[mode]);
