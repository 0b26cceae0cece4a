// The main thread serves. Two worker threads make the first two calls, the main thread the others when it is told.
const { Worker, isMainThread, parentPort } = require('worker_threads');
const calls = require('./calls');
const serve = require('./serve');

const [port, callee, database] = process.argv.slice(2);
const { sequence, parallel } = calls(callee, database);

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
  const elsewhere = (id) => new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    next = (next + 1) % workers.length;
    workers[next].postMessage(id);
  });
  serve(port, async (id) => {
    await elsewhere(id);
    await parallel(id);
  });
}

function worker() {
  parentPort.on('message', (id) => sequence(id).then(
    () => parentPort.postMessage({ id }),
    (error) => parentPort.postMessage({ id, error: String(error) }),
  ));
}

if (isMainThread) main();
else worker();
