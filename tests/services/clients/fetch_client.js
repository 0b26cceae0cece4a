// A client on fetch (undici).
require("./lines")(async (method, url, headers, body) => {
  const response = await fetch(url, { method, headers, body, redirect: "manual" });
  const content = await response.arrayBuffer();
  return [response.status, content.byteLength];
});
