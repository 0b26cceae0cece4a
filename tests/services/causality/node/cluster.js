// Two workers, to which the primary process passes the connections that it accepts.
const cluster = require('cluster');
const calls = require('./calls');
const serve = require('./serve');

const [port, callee, database] = process.argv.slice(2);
if (cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
} else {
  serve(port, calls(callee, database).all);
}
