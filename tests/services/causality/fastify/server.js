// The same four calls with Fastify, undici (by the name that the fourth argument gives it) and fetch.
const fastify = require('fastify')();

const [port, callee, , undici] = process.argv.slice(2);
const { Client, Pool } = require(undici);
const origin = `http://127.0.0.1:${callee}`;
const pool = new Pool(origin);

const pooled = async (path) => {
  const { body } = await pool.request({ method: 'GET', path });
  await body.dump();
};

const fresh = async (path) => {
  const client = new Client(origin);
  const { body } = await client.request({ method: 'GET', path });
  await body.dump();
  await client.close();
};

fastify.get('/serve/:id', async (request) => {
  const base = `/down/${request.params.id}`;
  await pooled(`${base}/1`);
  await fetch(`${origin}${base}/2`).then((answer) => answer.text());
  await Promise.all([pooled(`${base}/3`), fresh(`${base}/4`)]);
  return 'ok';
});
fastify.listen({ port: Number(port), host: '127.0.0.1' });
