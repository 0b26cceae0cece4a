// The search: form, address, results.

import { counted, must, visit } from "./expect.mjs";

const rows = (page) => page.locator(".traces tbody tr");
const submit = (page) => page.getByRole("button", { name: "Search", exact: true }).click();

async function everything({ page, view, shot }) {
  await visit(page, view, "#/search", ".traces tbody tr");
  await counted(rows(page), (count) => count === 50, "as many rows as the limit");
  must(await page.getByText("more may fit").isVisible(), "it says that there are more");
  await shot("search-dark");
}

async function conditions({ page, view, traces, shot }) {
  await visit(page, view, "#/search", ".traces tbody tr");
  await page.getByLabel("Service", { exact: true }).selectOption("payment");
  await page.getByLabel("Only with errors").check();
  await page.getByLabel("Attribute as key=value").fill("http.route=/charge");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByLabel("Status code").fill("503");
  await page.getByLabel("Time", { exact: true }).selectOption("3600");
  await submit(page);
  const failed = traces.orders.filter((build) => build.failed).length;
  await counted(rows(page), (count) => count === failed, `${failed} failed orders`);
  const address = decodeURIComponent(page.url());
  for (const part of ["service=payment", "errors=true", "attribute=http.route=/charge", "status=503", "last=3600"]) {
    must(address.includes(part), `${part} is in ${address}`);
  }
  await shot("search-conditions-dark");
  await page.reload();
  await counted(rows(page), (count) => count === failed, "the same after a reload");
  must(await page.getByLabel("Only with errors").isChecked(), "the form is filled from the address");
  await page.getByRole("button", { name: "Remove the condition http.route=/charge" }).click();
  await page.getByLabel("Attribute as key=value").fill("http.route=/nowhere");
  await submit(page);
  await page.getByText("No trace fits").waitFor();
}

async function durations({ page, view }) {
  await visit(page, view, "#/search?limit=1000", ".traces tbody tr");
  await page.getByLabel("Shortest duration").fill("1.9s");
  await submit(page);
  await counted(rows(page), (count) => count === 2, "the two large traces");
  await page.getByLabel("Shortest duration").fill("soon");
  await submit(page);
  await page.getByRole("alert").filter({ hasText: "A number" }).waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  await counted(rows(page), (count) => count === 50, "all again");
}

async function order({ page, view }) {
  await visit(page, view, "#/search?limit=1000", ".traces tbody tr");
  await page.getByLabel("Order").selectOption("spans");
  must((await rows(page).first().innerText()).includes("10 000"), "the trace with the most spans is first");
}

async function follow({ page, view, traces }) {
  await visit(page, view, "#/search?service=payment", ".traces tbody tr");
  await rows(page).first().getByRole("link").click();
  await page.locator(".row").first().waitFor();
  must(/#\/trace\/[0-9a-f]{32}/.test(page.url()), `the address is a permalink: ${page.url()}`);
  await page.goBack();
  await rows(page).first().waitFor();
  must(page.url().includes("service=payment"), "back is the same search");
  must(traces.orders.length > 0, "there are orders");
}

export const search = [
  ["search: everything", everything],
  ["search: all conditions, kept in the address", conditions],
  ["search: durations", durations],
  ["search: order", order],
  ["search: to a trace and back", follow],
];
