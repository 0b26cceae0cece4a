// The service map and the services table.

import { counted, must, visit } from "./expect.mjs";

const node = (page, name) => page.locator(`.node[data-node="${name}"]`);

async function drawn({ page, view, shot }) {
  await visit(page, view, "#/map", ".node");
  for (const name of ["edge", "orders", "stock", "payment", "bank"]) await node(page, name).waitFor();
  const edges = page.locator(".edge-label");
  await counted(edges, (count) => count >= 15, "edges of all traces");
  const said = await edges.evaluateAll((list) => list.map((one) => one.querySelector("title").textContent));
  const one = said.find((text) => text.startsWith("orders calls payment"));
  must(one && /\/s .* % p50 .* p95 /.test(one), `the edge's figures: ${said.join(" | ")}`);
  await shot("map-dark");
}

async function dragged({ page, view, shot }) {
  await visit(page, view, "#/map", ".node");
  const place = () => node(page, "orders").getAttribute("transform");
  const before = await place();
  const box = await node(page, "orders").boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 + 40, box.y + 160, { steps: 5 });
  await page.mouse.up();
  must((await place()) !== before, "a dragged service moves");
  must((await page.locator(".panel").count()) === 0, "a drag is no click");
  const moved = await place();
  await page.reload();
  await node(page, "orders").waitFor();
  must((await place()) === moved, "it is still there after a reload");
  await page.getByRole("button", { name: "Reset" }).click();
  await page.getByRole("button", { name: "Reset" }).waitFor({ state: "detached" });
  must((await place()) === before, "Reset brings it back");
  await node(page, "orders").click();
  await page.locator(".panel").getByText("Called by").waitFor();
  await shot("map-panel-dark");
}

async function byKeys({ page, view }) {
  await visit(page, view, "#/map", ".node");
  const group = page.locator(".map-svg > g");
  const shown = () => group.getAttribute("transform");
  await page.locator(".map-canvas").focus();
  const before = await shown();
  await page.keyboard.press("ArrowRight");
  must((await shown()) !== before, "arrow keys pan");
  await page.keyboard.press("+");
  await page.keyboard.press("0");
  must((await shown()) === before, "0 fits again");
  await node(page, "edge").focus();
  await page.keyboard.press("ArrowRight");
  const focused = await page.evaluate(() => document.activeElement.getAttribute("data-node"));
  must(focused !== null && focused !== "edge", `arrow keys go to a neighbour: ${focused}`);
  const place = await node(page, focused).getAttribute("transform");
  await page.keyboard.press("Shift+ArrowDown");
  must((await node(page, focused).getAttribute("transform")) !== place, "Shift and an arrow key move it");
  await page.keyboard.press("Enter");
  await page.locator(".panel").waitFor();
  await page.keyboard.press("Escape");
}

async function table({ page, view, shot }) {
  await visit(page, view, "#/map", ".node");
  await page.getByRole("button", { name: "As a table" }).click();
  const row = page.getByRole("row").filter({ hasText: "payment" }).filter({ hasText: "bank" });
  await row.waitFor();
  must(page.url().includes("as=table"), "the address holds the choice");
  await shot("map-table-dark");
}

async function services({ page, view, shot }) {
  await visit(page, view, "#/services", ".services-table tbody tr");
  const names = () => page.locator(".services-table tbody th").allInnerTexts();
  must(
    (await names()).some((name) => name.startsWith("orders")),
    "orders is listed",
  );
  await page.getByRole("button", { name: "Service" }).click();
  const sorted = await names();
  must(JSON.stringify(sorted) === JSON.stringify([...sorted].sort()), `sorted by name: ${sorted}`);
  const label = await page.locator(".sparkline").first().getAttribute("aria-label");
  must(/ to .*, last /.test(label), `a sparkline says what it shows: ${label}`);
  await page.getByLabel("over").selectOption("300");
  must(page.url().includes("window=300"), "the address holds the window");
  await page.locator(".services-table tbody tr").first().waitFor();
  await shot("services-dark");
}

export const map = [
  ["map: services and edges with their figures", drawn],
  ["map: a service is dragged, stays, and comes back", dragged],
  ["map: by keys", byKeys],
  ["map: as a table", table],
  ["services: figures, order, window", services],
];
