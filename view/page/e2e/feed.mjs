// Feeds the view over OTLP, and waits until it has what it was given.

import { hostile, large, order } from "./spans.mjs";

const ORDERS = 60;
const DEADLINE_MS = 20_000;

async function send(otlp, build) {
  const answer = await fetch(`${otlp}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(build.data()),
  });
  if (!answer.ok) throw new Error(`OTLP refused: ${answer.status} ${await answer.text()}`);
}

/** Waits until `condition` gives something, and gives it. */
export async function until(what, condition, deadline = DEADLINE_MS) {
  const end = Date.now() + deadline;
  while (Date.now() < end) {
    const found = await condition();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited in vain for ${what}`);
}

async function arrived(view, build) {
  await until(`trace ${build.traceId}`, async () => {
    const answer = await fetch(`${view}/api/sonde/traces/${build.traceId}`);
    if (!answer.ok) return false;
    const data = await answer.json();
    const spans = data.resourceSpans.flatMap((group) => group.scopeSpans.flatMap((scope) => scope.spans));
    return spans.length === build.count;
  });
}

/** Sends one more order, as a service would now; gives its trace. */
export async function sendOrder(seed) {
  const build = order(seed, Date.now() - 500);
  await send(process.env.SONDE_OTLP, build);
  return build;
}

/** Sends all traces of the tests. */
export async function feed(view, otlp) {
  const now = Date.now();
  const orders = Array.from({ length: ORDERS }, (_, i) => order(i + 1, now - (ORDERS - i) * 500));
  const traces = {
    orders,
    failed: orders.find((build) => build.failed),
    thousand: large(71, now - 20_000, 1_000),
    tenThousand: large(72, now - 25_000, 10_000),
    hostile: hostile(73, now - 15_000),
  };
  const all = [...orders, traces.thousand, traces.tenThousand, traces.hostile];
  for (const build of all) await send(otlp, build);
  for (const build of all) await arrived(view, build);
  return traces;
}
