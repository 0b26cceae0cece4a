// The frame: themes, phone, keys, focus.

import { must, same, visit } from "./expect.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

async function themes({ page, view, shot, traces }) {
  await visit(page, view, "#/map", ".node");
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await shot("map-light");
  const button = page.getByRole("button", { name: /^Theme/ });
  await button.click();
  must((await ground()) !== light, "the switch makes it dark");
  await page.reload();
  must((await ground()) !== light, "and it stays dark");
  await page.keyboard.press("t");
  same(await ground(), light, "t goes on to light");
  for (const [name, fragment, ready] of [
    ["search-light", "#/search", ".traces tbody tr"],
    ["services-light", "#/services", ".services-table tbody tr"],
    ["waterfall-light", `#/trace/${traces.failed.traceId}`, ".row"],
  ]) {
    await visit(page, view, fragment, ready);
    if (name.startsWith("waterfall")) await page.locator(".row.failed").nth(2).click();
    await shot(name);
  }
}

async function phone({ page, view, shot, traces }) {
  for (const [name, fragment, ready] of [
    ["map", "#/map", ".node"],
    ["services", "#/services", ".services-table tbody tr"],
    ["search", "#/search", ".traces tbody tr"],
    ["live", "#/live", ".tail"],
    ["waterfall", `#/trace/${traces.failed.traceId}`, ".row"],
  ]) {
    await visit(page, view, fragment, ready);
    if (name === "waterfall") await page.locator(".row.failed").nth(2).tap();
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    must(beyond <= 0, `${name} is ${beyond} pixels too wide`);
    await shot(`${name}-phone`);
  }
  await visit(page, view, "#/search", ".traces tbody tr");
  await page.getByRole("button", { name: "Change the conditions" }).tap();
  await page.getByLabel("Status code").waitFor();
  await shot("search-conditions-phone");
}

async function keys({ page, view, shot }) {
  await visit(page, view, "#/services", ".services-table tbody tr");
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
  await shot("help-dark");
  await page.keyboard.press("Escape");
  for (const [key, hash] of [
    ["1", "#/map"],
    ["3", "#/search"],
    ["4", "#/live"],
    ["2", "#/services"],
  ]) {
    await page.keyboard.press(key);
    await page.waitForFunction((wanted) => location.hash === wanted, hash);
  }
  await page.keyboard.press("/");
  await page.waitForFunction(() => document.activeElement.id === "search-service");
  await page.keyboard.press("1");
  must(page.url().endsWith("#/search"), "keys in a field are the field's");
}

/** Everything that Tab reaches shows that it has the focus. */
async function focus({ page, view }) {
  await visit(page, view, "#/services", ".services-table tbody tr");
  const seen = [];
  for (let i = 0; i < 20; i++) {
    await page.keyboard.press("Tab");
    const state = await page.evaluate(() => {
      const element = document.activeElement;
      const style = getComputedStyle(element);
      const box = element.getBoundingClientRect();
      return {
        name: element.textContent.trim().slice(0, 20) || element.className,
        outlined: style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) >= 1,
        visible: box.width > 0 && box.bottom > 0,
      };
    });
    must(state.outlined && state.visible, `the focus on "${state.name}" can be seen`);
    seen.push(state.name);
  }
  same(seen[0], "Skip to the content", "the first stop");
}

async function unknown({ page, view }) {
  await page.goto(`${view}/#/nowhere`);
  await page.getByRole("heading", { name: "There is no such view" }).waitFor();
}

export const shell = [
  ["themes: light, dark, kept", themes, { colorScheme: "light" }],
  ["phone: every view fits", phone, PHONE],
  ["keys: shortcuts and help", keys],
  ["keys: the focus is seen", focus],
  ["unknown address", unknown],
];
