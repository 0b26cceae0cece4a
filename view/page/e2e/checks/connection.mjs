// A lost connection, and a view that wants a token.

import { connect, createServer } from "node:net";
import { must, visit } from "./expect.mjs";

/** A way to the view that can be cut: bytes both ways until then. */
async function cuttable(view) {
  const { hostname, port } = new URL(view);
  const sockets = new Set();
  let open = true;
  const server = createServer((client) => {
    if (!open) {
      client.destroy();
      return;
    }
    const up = connect(Number(port), hostname);
    for (const [one, other] of [
      [client, up],
      [up, client],
    ]) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => sockets.delete(one) && other.destroy());
      one.pipe(other);
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut: () => {
      open = false;
      for (const socket of sockets) socket.destroy();
    },
    mend: () => {
      open = true;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

async function lost({ page, view, shot }) {
  const way = await cuttable(view);
  try {
    await visit(page, way.url, "#/services", ".services-table tbody tr");
    await page.locator(".state-open").waitFor();
    way.cut();
    await page.getByText("connection lost").waitFor();
    await shot("lost-dark");
    must((await page.locator(".services-table tbody tr").count()) > 0, "what was known stays");
    way.mend();
    await page.locator(".state-open").waitFor({ timeout: 15_000 });
    way.cut();
    await page.getByText("connection lost").waitFor();
    way.mend();
    await page.getByRole("button", { name: "Reconnect" }).click();
    await page.locator(".state-open").waitFor();
  } finally {
    way.close();
  }
}

async function token({ page, context, view, shot }) {
  const secret = process.env.SONDE_TOKEN;
  must((await fetch(`${view}/api/services`)).status === 401, "without the token there is no data");
  await page.goto(`${view}/?token=${secret}`);
  await page.locator(".state-open").waitFor();
  must(!page.url().includes(secret), "the token does not stay in the address");
  await context.clearCookies();
  await page.goto(`${page.url()}#/search`);
  const dialog = page.getByRole("dialog", { name: "This agent wants a token" });
  await dialog.waitFor();
  await shot("token-dark");
  await page.getByLabel("Token", { exact: true }).fill("wrong-wrong-wrong");
  await page.keyboard.press("Enter");
  await dialog.getByText("That is not the token").waitFor();
  await page.getByLabel("Token", { exact: true }).fill(secret);
  await page.getByRole("button", { name: "Unlock" }).click();
  await dialog.waitFor({ state: "hidden" });
  await page.locator(".state-open").waitFor();
  await page.getByRole("button", { name: "Search", exact: true }).click();
}

export const connection = [["connection: lost and back", lost, { allowed: ["net::ERR_", "Failed to load resource"] }]];

export const locked = [["token: asked for and exchanged", token, { allowed: ["401"] }]];
