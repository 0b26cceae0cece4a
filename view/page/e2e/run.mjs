// Drives the page in Chromium against a running view: `SONDE_VIEW=http://127.0.0.1:7070 SONDE_OTLP=http://127.0.0.1:4318
// node run.mjs [NAME]`. Every check has a browser context of its own, and fails on any message of the console, any error of
// the page and anything the content security policy refused.
//
// With SONDE_DIST the page comes from that folder, not from the agent, so that it can be changed without building one.
// With SONDE_TOKEN the view wants that token, and only the check of that runs. SCREENSHOTS is the folder for pictures.

import { existsSync, mkdirSync } from "node:fs";
import { chromium } from "playwright-core";
import { checks, locked } from "./checks.mjs";
import { feed } from "./feed.mjs";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const DESKTOP = { width: 1400, height: 860 };
/** For one check, in milliseconds: a page that hangs answers nothing, and some questions to it wait for ever. */
const DEADLINE = 120_000;
const CLOSING = 5_000;

const view = process.env.SONDE_VIEW ?? "http://127.0.0.1:7070";
const screenshots = process.env.SCREENSHOTS ?? "screenshots";
const wanted = process.argv[2] ?? "";

/** What the console may say: the browser itself reports refused and lost requests. */
function expected(text, allowed) {
  return allowed.some((part) => text.includes(part));
}

/** What the work gives, if it does so in time. */
async function within(milliseconds, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${milliseconds} ms: the page hangs`)), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A page in a fresh context whose complaints are collected. */
async function open(browser, { allowed = [], ...options }) {
  const context = await browser.newContext({ viewport: DESKTOP, colorScheme: "dark", ...options });
  await context.addInitScript(() => {
    window.refused = [];
    document.addEventListener("securitypolicyviolation", (event) => {
      window.refused.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
    });
  });
  const dist = process.env.SONDE_DIST;
  for (const name of dist ? ["app.js", "style.css"] : []) {
    await context.route(`**/${name}`, (route) => route.fulfill({ path: `${dist}/${name}` }));
  }
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    const text = `${message.type()}: ${message.text()}`;
    if (!expected(text, allowed)) complaints.push(text);
  });
  page.on("pageerror", (error) => complaints.push(`error: ${error.stack}`));
  page.setDefaultTimeout(10_000);
  return { context, page, complaints };
}

async function run(browser, traces, [name, check, options = {}]) {
  const { context, page, complaints } = await open(browser, options);
  const shot = (title) => page.screenshot({ path: `${screenshots}/${title}.png` });
  try {
    await within(DEADLINE, check({ page, context, view, traces, shot }));
    const refused = await page.evaluate(() => window.refused).catch(() => []);
    const found = [...complaints, ...refused.map((text) => `refused: ${text}`)];
    if (found.length > 0) throw new Error(`the browser complains:\n${found.join("\n")}`);
    console.log(`ok ${name}`);
    return true;
  } catch (error) {
    await within(CLOSING, shot(`failed-${name.replaceAll(/\W+/g, "-")}`)).catch(() => undefined);
    console.log(`FAILED ${name}: ${error.stack ?? error}`);
    if (complaints.length > 0) console.log(complaints.join("\n"));
    return false;
  } finally {
    await within(CLOSING, context.close()).catch(() => undefined);
  }
}

if (CHROMIUM === undefined) throw new Error("there is no Chromium");
mkdirSync(screenshots, { recursive: true });
const wantsToken = process.env.SONDE_TOKEN !== undefined;
const traces = wantsToken ? {} : await feed(view, process.env.SONDE_OTLP);
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
try {
  const failed = [];
  for (const check of wantsToken ? locked : checks) {
    if (check[0].includes(wanted) && !(await run(browser, traces, check))) failed.push(check[0]);
  }
  console.log(failed.length === 0 ? "all passed" : `${failed.length} failed: ${failed.join("; ")}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
} finally {
  await browser.close();
}
