// The same four calls with Express and axios.
const axios = require('axios');
const express = require('express');
const http = require('http');

const [port, callee] = process.argv.slice(2);
const base = `http://127.0.0.1:${callee}/down`;
const pooled = axios.create({ httpAgent: new http.Agent({ keepAlive: true }) });
const fresh = axios.create({ httpAgent: new http.Agent({ keepAlive: false }) });

const app = express();
app.get('/serve/:id', async (request, response) => {
  const { id } = request.params;
  await pooled.get(`${base}/${id}/1`);
  await pooled.get(`${base}/${id}/2`);
  await Promise.all([pooled.get(`${base}/${id}/3`), fresh.get(`${base}/${id}/4`)]);
  response.send('ok');
});
app.listen(port, '127.0.0.1');
