// Node's own server, whose parser (llhttp) is strict: node server.js PORT. Answers as the other services do to /seen/.
const http = require("http");

http.createServer({ insecureHTTPParser: false }, (request, response) => {
  let size = 0;
  request.on("data", (part) => { size += part.length; });
  request.on("end", () => {
    const fields = [];
    for (let i = 0; i < request.rawHeaders.length; i += 2) fields.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
    console.log(["SEEN", `${request.method} ${request.url}`, size, ...fields].join("\t"));
    response.end("seen");
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
