// The waterfall: large traces, keys, details, copies, permalinks.

import { counted, must, same, visit } from "./expect.mjs";

/** A frame of 60 a second, with room for a slow machine. */
const FRAME_MS = 34;
const rows = (page) => page.locator(".row");
const selected = (page) => page.locator(".row.selected");
const open = (page, view, build) => visit(page, view, `#/trace/${build.traceId}`, ".row");

async function drawn({ page, view, traces, shot }) {
  await open(page, view, traces.failed);
  await counted(rows(page), (count) => count === traces.failed.count, "all spans");
  must((await page.locator(".critical").count()) > 0, "the critical path is marked");
  must((await page.locator(".row.failed").count()) > 0, "errors are marked");
  must((await page.locator(".event").count()) > 0, "events are marked");
  await page.getByLabel("Critical path").uncheck();
  await counted(page.locator(".critical"), (count) => count === 0, "the critical path goes");
  await page.getByLabel("Critical path").check();
  await page.locator(".row.failed").nth(2).click();
  const details = page.getByRole("complementary", { name: "Details of the span" });
  for (const text of ["http.response.status_code", "network.peer.address", "process.pid", "host.name"]) {
    must((await details.innerText()).replaceAll("\u200b", "").includes(text), `${text} is among the details`);
  }
  await shot("waterfall-dark");
}

async function byKeys({ page, view, traces }) {
  await open(page, view, traces.failed);
  await page.locator(".rows").focus();
  await page.keyboard.press("j");
  await page.keyboard.press("ArrowDown");
  await counted(selected(page), (count) => count === 1, "one is selected");
  const active = await page.locator(".rows").getAttribute("aria-activedescendant");
  same(active, await selected(page).getAttribute("id"), "the active row is told");
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowLeft");
  await counted(rows(page), (count) => count === 1, "all below the root is collapsed");
  await page.keyboard.press("ArrowRight");
  await counted(rows(page), (count) => count === traces.failed.count, "and expanded");
  await page.keyboard.press("e");
  must((await page.locator(".row.selected.failed").count()) === 1, "e goes to an error");
  await page.keyboard.press("Enter");
  await page.locator(".details").waitFor();
  await page.keyboard.press("Escape");
  await counted(page.locator(".details"), (count) => count === 0, "Escape closes the details");
  await page.keyboard.press("+");
  await page.locator(".minimap-side button").waitFor();
  await page.keyboard.press("0");
  await page.keyboard.press("f");
  await page.keyboard.type("transfers");
  await page.getByText("2 found").waitFor();
  await page.keyboard.press("Enter");
  must((await selected(page).innerText()).includes("transfers"), "Enter goes to the first found");
}

/** Each selection is an address: one that is drawn late must not call its span back. */
async function quickKeys({ page, view, traces }) {
  await open(page, view, traces.failed);
  await page.locator(".rows").focus();
  for (let round = 0; round < 20; round++) {
    await page.evaluate(() => {
      const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      for (const key of ["j", "j", "Home", "End", "k"]) press(key);
      requestAnimationFrame(() => press("Home"));
    });
    await page.keyboard.press("j");
  }
  await page.keyboard.press("End");
  await page.waitForFunction(
    () => document.querySelector(".row.selected")?.ariaRowIndex === document.querySelector(".rows").ariaRowCount,
  );
}

async function permalink({ page, context, view, traces }) {
  await open(page, view, traces.failed);
  await rows(page).nth(4).click();
  const [url, id] = [page.url(), await selected(page).getAttribute("id")];
  must(/\?span=[0-9a-f]{16}$/.test(url), `the address names the span: ${url}`);
  const other = await context.newPage();
  await other.goto(url);
  await other.locator(".details").waitFor();
  same(await other.locator(".row.selected").getAttribute("id"), id, "the same span is selected");
}

async function copies({ page, view, traces }) {
  await open(page, view, traces.failed);
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  await page.getByRole("button", { name: "Copy OTLP JSON" }).click();
  await page.getByText("copied").waitFor();
  const otlp = JSON.parse(await clipboard());
  const spans = otlp.resourceSpans.flatMap((group) => group.scopeSpans.flatMap((scope) => scope.spans));
  same(spans.length, traces.failed.count, "spans as OTLP");
  same(spans[0].traceId, traces.failed.traceId, "the trace-id as OTLP");
  await page.getByRole("button", { name: "Copy Jaeger JSON" }).click();
  await page.waitForFunction(async () => (await navigator.clipboard.readText()).includes('"traceID"'));
  same(JSON.parse(await clipboard()).data[0].spans.length, traces.failed.count, "spans as Jaeger has them");
  await page.getByRole("button", { name: "Copy ID" }).click();
  await page.waitForFunction(async (id) => (await navigator.clipboard.readText()) === id, traces.failed.traceId);
}

/** Scrolls from top to bottom by wheel; gives the times between frames. */
async function frames(page) {
  const box = await page.locator(".rows").boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.evaluate(() => {
    const times = [];
    window.frames60 = times;
    const tick = (time) => {
      times.push(time);
      if (times.length < 600) requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  for (let i = 0; i < 80; i++) {
    await page.mouse.wheel(0, 300);
    await page.waitForTimeout(16);
  }
  const times = await page.evaluate(() => window.frames60);
  return times
    .slice(1)
    .map((time, index) => time - times[index])
    .sort((a, b) => a - b);
}

async function smooth({ page, view, build, name }) {
  await open(page, view, build);
  const before = await rows(page).first().innerText();
  const gaps = await frames(page);
  const at = (share) => gaps[Math.min(Math.floor(gaps.length * share), gaps.length - 1)];
  console.log(`${name}: frames p50 ${at(0.5).toFixed(1)} ms, p95 ${at(0.95).toFixed(1)} ms, ${gaps.length} of them`);
  const count = await rows(page).count();
  must(count < 120, `only what is in sight is drawn: ${count} rows`);
  must((await rows(page).first().innerText()) !== before, "it scrolled");
  must(at(0.95) <= FRAME_MS, `frames are smooth: p95 ${at(0.95).toFixed(1)} ms`);
  await page.locator(".rows").focus();
  await page.keyboard.press("End");
  await page.waitForFunction(
    () => document.querySelector(".row.selected")?.ariaRowIndex === document.querySelector(".rows").ariaRowCount,
  );
}

async function thousand({ page, view, traces, shot }) {
  await smooth({ page, view, build: traces.thousand, name: "1,000 spans" });
  await page.getByRole("button", { name: "Collapse all" }).click();
  await counted(rows(page), (count) => count === 1, "collapsed to the root");
  await page.getByRole("button", { name: "Expand all" }).click();
  await page.keyboard.press("Home");
  await shot("waterfall-1000-dark");
}

async function tenThousand({ page, view, traces }) {
  await smooth({ page, view, build: traces.tenThousand, name: "10,000 spans" });
}

async function zoomed({ page, view, traces, shot }) {
  await open(page, view, traces.thousand);
  const box = await page.locator(".minimap-area").boundingBox();
  await page.mouse.move(box.x + box.width * 0.2, box.y + 10);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.4, box.y + 10, { steps: 4 });
  await page.mouse.up();
  await page.locator(".minimap-side button").waitFor();
  await shot("waterfall-zoomed-dark");
  const width = () =>
    page
      .locator(".row-name")
      .first()
      .evaluate((cell) => cell.clientWidth);
  const before = await width();
  await page.getByRole("separator", { name: "Width of the names" }).press("ArrowRight");
  must((await width()) > before, "the arrow keys move the line between names and time");
}

async function unknown({ page, view }) {
  await page.goto(`${view}/#/trace/00000000000000000000000000000bad`);
  await page.getByRole("heading", { name: "No such trace" }).waitFor();
}

const CLIPBOARD = { permissions: ["clipboard-read", "clipboard-write"] };

export const waterfall = [
  ["waterfall: tree, critical path, details", drawn],
  ["waterfall: by keys", byKeys],
  ["waterfall: by keys in quick succession", quickKeys],
  ["waterfall: permalink to a span", permalink],
  ["waterfall: copies", copies, CLIPBOARD],
  ["waterfall: 1,000 spans scroll smoothly", thousand],
  ["waterfall: 10,000 spans scroll smoothly", tenThousand],
  ["waterfall: zoomed", zoomed],
  ["waterfall: no such trace", unknown, { allowed: ["404"] }],
];
