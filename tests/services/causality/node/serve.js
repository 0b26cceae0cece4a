// A server that does `work` for each request.
const http = require('http');

module.exports = (port, work) => http.createServer(async (request, response) => {
  try {
    await work(request.url.split('/')[2]);
    response.setHeader('Content-Length', 2);
    response.end('ok');
  } catch (error) {
    console.error(error);
    response.statusCode = 500;
    response.end();
  }
}).listen(port, '127.0.0.1');
