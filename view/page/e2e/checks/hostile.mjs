// Names and values that would break a careless page.

import { HOSTILE_SERVICE } from "../spans.mjs";
import { counted, must, visit } from "./expect.mjs";

async function harmless({ page, view, traces, shot }) {
  await visit(page, view, `#/trace/${traces.hostile.traceId}`, ".row");
  await page.locator(".row").first().click();
  const body = page.locator(".details-body");
  await body.waitFor();
  const text = await body.innerText();
  for (const part of ["<b>bold</b>", "a⟨U+0000⟩b⟨U+0007⟩", "user⟨U+202E⟩gnp.exe", "(empty)", "<h1>event</h1>"]) {
    must(text.includes(part), `${part} is shown as it is`);
  }
  must(
    (await page.locator(".details b, .details h1, .details svg, .details script").count()) === 0,
    "nothing became markup",
  );
  await shot("hostile-dark");
  for (const fragment of ["#/search?limit=1000", "#/services", "#/map", "#/map?as=table"]) {
    await page.goto(`${view}/${fragment}`);
    await page.locator("main").getByText("<img src=x").locator("visible=true").first().waitFor();
  }
  const owned = await page.evaluate(() => [window.owned, document.title, document.images.length]);
  must(owned[0] === undefined && owned[1] !== "1" && owned[2] === 1, `no script ran: ${owned}`);
}

/** The store cuts long values: what it might send otherwise is put in its place. */
async function long({ page, view, traces }) {
  await page.route(`**/api/sonde/traces/${traces.hostile.traceId}`, (route) =>
    route.fulfill({ json: traces.hostile.data() }),
  );
  await visit(page, view, `#/trace/${traces.hostile.traceId}`, ".row");
  await page.locator(".row").first().click();
  const more = page.getByRole("button", { name: /show all .* characters/ });
  await more.waitFor();
  const length = () => page.locator(".details-body").evaluate((body) => body.textContent.length);
  must((await length()) < 20_000, "a long value is cut");
  const promised = Number((await more.innerText()).replaceAll(/\D/g, ""));
  await more.click();
  await page.getByRole("button", { name: "show less" }).waitFor();
  must((await length()) >= promised, "all of it is shown on demand");
  must(promised >= 1_048_576, `a megabyte: ${promised}`);
}

async function searched({ page, view, traces }) {
  await visit(page, view, "#/search", ".traces tbody tr");
  await page.getByLabel("Service", { exact: true }).selectOption(HOSTILE_SERVICE);
  await page.getByRole("button", { name: "Search", exact: true }).click();
  await counted(page.locator(".traces tbody tr"), (count) => count === 1, "the one trace of the hostile service");
  await page.locator(`a[href="#/trace/${traces.hostile.traceId}"]`).waitFor();
}

export const hostile = [
  ["hostile: shown, not executed", harmless],
  ["hostile: a megabyte", long],
  ["hostile: searched for", searched],
];
