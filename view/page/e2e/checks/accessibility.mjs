// axe-core on every view, in both themes: nothing serious.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { visit } from "./expect.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SERIOUS = ["serious", "critical"];

async function audit(page) {
  // Through the debugger, which the content security policy does not bind.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.map(({ id, impact, help, nodes }) => ({
    id,
    impact,
    help,
    nodes: nodes.slice(0, 3).map((node) => `${node.target}: ${node.failureSummary}`),
  }));
}

async function all({ page, view, traces }) {
  const found = [];
  const look = async (name) => {
    for (const violation of await audit(page)) {
      console.log(`axe: ${name}: ${violation.impact} ${violation.id} ${violation.nodes[0]}`);
      if (SERIOUS.includes(violation.impact)) found.push(`${name}: ${JSON.stringify(violation, null, 1)}`);
    }
  };
  for (const [name, fragment, ready] of [
    ["map", "#/map", ".node"],
    ["map as a table", "#/map?as=table", ".edges-table tbody tr"],
    ["services", "#/services", ".services-table tbody tr"],
    ["search", "#/search", ".traces tbody tr"],
    ["live", "#/live", ".tail"],
    ["waterfall", `#/trace/${traces.failed.traceId}`, ".row"],
    ["no such view", "#/nowhere", "h1"],
  ]) {
    await visit(page, view, fragment, ready);
    if (name === "map") await page.locator(".node").first().press("Enter");
    if (name === "waterfall") await page.locator(".row.failed").nth(2).click();
    await look(name);
  }
  await page.keyboard.press("?");
  await look("help");
  if (found.length > 0) throw new Error(found.join("\n"));
}

export const accessibility = [
  ["accessibility: dark", all],
  ["accessibility: light", all, { colorScheme: "light" }],
  ["accessibility: phone", all, { viewport: { width: 390, height: 844 } }],
];
