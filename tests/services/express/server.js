// A small Express service: node server.js PORT
const express = require("express");

const app = express();
app.get("/sized/:count", (request, response) => response.type("text/plain").send("x".repeat(Number(request.params.count))));
app.get("/status/:code", (request, response) => response.status(Number(request.params.code)).end());
app.post("/echo/:number", (request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => response.type("application/octet-stream").send(Buffer.concat(parts)));
});
app.get("/slow/:milliseconds", (request, response) => {
  setTimeout(() => response.send("done"), Number(request.params.milliseconds));
});
app.get("/chunked/:count", (request, response) => {
  response.type("text/plain");
  for (let i = 0; i < Number(request.params.count); i++) response.write("x".repeat(100));
  response.end();
});
app.all("/seen/*rest", (request, response) => {
  let size = 0;
  request.on("data", (part) => { size += part.length; });
  request.on("end", () => {
    const fields = [];
    for (let i = 0; i < request.rawHeaders.length; i += 2) fields.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
    console.log(["SEEN", `${request.method} ${request.originalUrl}`, size, ...fields].join("\t"));
    response.send("seen");
  });
});
app.listen(Number(process.argv[2]), "127.0.0.1");
