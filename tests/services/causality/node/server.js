// One process, one thread. With "timers" as the fourth argument it sleeps between the calls.
const calls = require('./calls');
const serve = require('./serve');

const [port, callee, database, mode] = process.argv.slice(2);
const pause = () => new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 3));
serve(port, calls(callee, database, mode === 'timers' ? pause : undefined).all);
