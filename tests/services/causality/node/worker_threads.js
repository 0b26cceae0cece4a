// The main thread serves; two worker threads make the calls.
const { Worker, isMainThread, parentPort } = require('worker_threads');
const calls = require('./calls');
const serve = require('./serve');

const [port, callee, database] = process.argv.slice(2);

function main() {
  const workers = [1, 2].map(() => new Worker(__filename, { argv: process.argv.slice(2) }));
  const waiting = new Map();
  let next = 0;
  for (const worker of workers) {
    worker.on('message', ({ id, error }) => {
      const { resolve, reject } = waiting.get(id);
      waiting.delete(id);
      if (error) reject(new Error(error));
      else resolve();
    });
  }
  serve(port, (id) => new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    next = (next + 1) % workers.length;
    workers[next].postMessage(id);
  }));
}

function worker() {
  const work = calls(callee, database);
  parentPort.on('message', (id) => work(id).then(
    () => parentPort.postMessage({ id }),
    (error) => parentPort.postMessage({ id, error: String(error) }),
  ));
}

if (isMainThread) main();
else worker();
