// Deno or Bun: two calls in sequence with a timer and a file between them, two at once.
declare const Deno: any, Bun: any, process: any;

const isDeno = typeof Deno !== 'undefined';
const [port, callee] = isDeno ? Deno.args : process.argv.slice(2);
const call = async (path: string) => {
  const answer = await fetch(`http://localhost:${callee}/down/${path}`);
  await answer.text();
};
const file = () => isDeno ? Deno.readTextFile('/etc/hosts') : Bun.file('/etc/hosts').text();

const serve = async (request: Request) => {
  const id = new URL(request.url).pathname.split('/')[2];
  await call(`${id}/1`);
  await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 5));
  await file();
  await call(`${id}/2`);
  await Promise.all([call(`${id}/3`), call(`${id}/4`)]);
  return new Response('ok');
};

const address = { port: Number(port), hostname: '127.0.0.1' };
if (isDeno) Deno.serve(address, serve);
else Bun.serve({ ...address, fetch: serve });
