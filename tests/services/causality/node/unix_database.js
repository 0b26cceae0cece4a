// The database-like peer on a Unix socket: answers each line after a moment.
const net = require('net');
const readline = require('readline');

net.createServer((socket) => {
  readline.createInterface({ input: socket }).on('line', (line) => {
    setTimeout(() => socket.write(`PONG ${line}\n`), Math.random() * 2);
  });
}).listen(process.argv[2]);
