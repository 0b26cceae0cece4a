// A Node service in a chain: node server.js PORT NEXT-URL. GET /chain/N asks the next one for the same, by fetch.
const http = require("http");

http.createServer(async (request, response) => {
  try {
    const answer = await fetch(process.argv[3] + request.url);
    response.end("via " + (await answer.text()));
  } catch (error) {
    response.statusCode = 502;
    response.end(String(error));
  }
}).listen(Number(process.argv[2]), "127.0.0.1");
