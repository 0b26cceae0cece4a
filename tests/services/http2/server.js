// A small HTTP/2 service without TLS on Node's own http2: node server.js PORT
const http2 = require("http2");

const routes = {
  sized: (number, request, response) => {
    response.setHeader("content-length", number);
    response.end("x".repeat(number));
  },
  status: (number, request, response) => {
    response.writeHead(number);
    response.end();
  },
  echo: (number, request, response) => request.pipe(response),
  slow: (number, request, response) => setTimeout(() => response.end("done"), number),
  chunked: (number, request, response) => {
    for (let i = 0; i < number; i++) response.write("x".repeat(100));
    response.addTrailers({ "x-sum": String(number * 100) });
    response.end();
  },
};

const server = http2.createServer((request, response) => {
  const [, name, number] = request.url.split("?")[0].split("/");
  const route = routes[name];
  if (route) route(Number(number), request, response);
  else routes.status(404, request, response);
});
server.listen(Number(process.argv[2]), "127.0.0.1");
