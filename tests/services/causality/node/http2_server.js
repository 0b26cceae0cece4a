// Four calls a request over HTTP/2, all on one session: two in sequence, two in parallel.
const http2 = require('http2');

const [port, callee] = process.argv.slice(2);
const session = http2.connect(`http://127.0.0.1:${callee}`);

const get = (id, number) => new Promise((resolve, reject) => {
  const stream = session.request({ ':path': `/down/${id}/${number}` });
  stream.resume();
  stream.on('end', resolve);
  stream.on('error', reject);
});

async function serve(id) {
  await get(id, 1);
  await get(id, 2);
  await Promise.all([get(id, 3), get(id, 4)]);
}

http2.createServer((request, response) => {
  serve(request.url.split('/')[2]).then(() => response.end('ok'), (error) => {
    console.error(error);
    response.statusCode = 500;
    response.end();
  });
}).listen(port, '127.0.0.1');
