// Copies the request's field to its calls by hand: two in sequence with a timer between them, two at once.
const http = require('http');

const [port, callee] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

const call = (path, { traceparent }) => new Promise((resolve, reject) => {
  const headers = traceparent ? { traceparent } : {};
  http.get({ host: 'localhost', port: callee, path: `/down/${path}`, agent, headers }, (answer) => {
    answer.resume();
    answer.on('end', resolve);
  }).on('error', reject);
});

http.createServer(async (request, response) => {
  const id = request.url.split('/')[2];
  try {
    await call(`${id}/1`, request.headers);
    await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 5));
    await call(`${id}/2`, request.headers);
    await Promise.all([3, 4].map((number) => call(`${id}/${number}`, request.headers)));
    response.end('ok');
  } catch (error) {
    console.error(error);
    response.statusCode = 500;
    response.end();
  }
}).listen(port, '127.0.0.1');
