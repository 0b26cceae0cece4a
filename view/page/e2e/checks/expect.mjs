// Assertions that say what was found.

import { until } from "../feed.mjs";

/** Fails unless it holds. */
export function must(holds, what) {
  if (!holds) throw new Error(what);
}

/** Fails unless the two are the same as JSON. */
export function same(actual, expected, what) {
  const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (found !== wanted) throw new Error(`${what}: ${found} instead of ${wanted}`);
}

/** Waits until a locator finds so many elements. */
export function counted(locator, condition, what) {
  return until(what, async () => condition(await locator.count()), 10_000);
}

/** Opens a view of the page and waits for its heading or rows. */
export async function visit(page, view, fragment, ready) {
  await page.goto(`${view}/${fragment}`);
  await page.locator(ready).first().waitFor();
}
