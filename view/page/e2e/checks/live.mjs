// The live tail.

import { sendOrder } from "../feed.mjs";
import { counted, must, visit } from "./expect.mjs";

const rows = (page) => page.locator(".traces tbody tr");
const row = (page, build) => page.locator(`.traces a[href="#/trace/${build.traceId}"]`);
let seed = 900_000;

async function arrives({ page, view, shot }) {
  await visit(page, view, "#/live", ".tail");
  await page.locator(".state-open").waitFor();
  for (let i = 0; i < 5; i++) await row(page, await sendOrder(seed++)).waitFor();
  await shot("live-dark");
}

async function paused({ page, view }) {
  await visit(page, view, "#/live", ".tail");
  await page.locator(".state-open").waitFor();
  await row(page, await sendOrder(seed++)).waitFor();
  await page.keyboard.press("p");
  const before = await rows(page).count();
  const late = await sendOrder(seed++);
  await page
    .getByRole("button", { name: /waiting/ })
    .filter({ hasText: "1 waiting" })
    .waitFor();
  must((await rows(page).count()) === before, "nothing comes while it is paused");
  await page.keyboard.press("p");
  await row(page, late).waitFor();
}

async function filtered({ page, view }) {
  await visit(page, view, "#/live", ".tail");
  await page.locator(".state-open").waitFor();
  const build = await sendOrder(seed++);
  await row(page, build).waitFor();
  const filter = page.getByLabel("Filter by service, operation or trace ID");
  await filter.fill("no such thing");
  await counted(rows(page), (count) => count === 0, "nothing fits");
  await filter.fill(build.traceId.slice(0, 12));
  await row(page, build).waitFor();
}

export const live = [
  ["live: traces arrive", arrives],
  ["live: paused", paused],
  ["live: filtered", filtered],
];
