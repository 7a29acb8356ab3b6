import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { accessible, expect, test } from "./journey";
import { Watchbell } from "./server";

/** A page of somebody else: another origin, styles that reach for everything, and a policy that allows next to nothing. */
async function host(markup: (bell: string) => string): Promise<{ origin: string; bell: string; end: () => Promise<void>; serve: (bell: string) => void }> {
  let bell = "";
  const server: Server = createServer((request, response) => {
    if (request.url === "/host.css") {
      response.writeHead(200, { "content-type": "text/css" });
      response.end("* { display: none; color: transparent !important; all: unset !important; font-size: 40px !important } html, body, main, h1 { display: revert !important; color: CanvasText !important }");
      return;
    }
    if (request.url === "/host.js") {
      response.writeHead(200, { "content-type": "text/javascript" });
      response.end(
        "const inbox = document.querySelector('watchbell-inbox');" +
          "let asked = 0; inbox.getToken = async (renew) => { document.title = `asked ${asked += 1}${renew ? ' again' : ''}`; return window.name; };" +
          "const [team, member] = location.hash.slice(1).split('.'); inbox.setAttribute('team', team); inbox.setAttribute('member', member);" +
          "addEventListener('watchbell-open', (event) => { event.preventDefault(); document.querySelector('h1').textContent = `opened ${event.detail.title}`; });" +
          "addEventListener('watchbell-unread', (event) => { document.documentElement.dataset.unread = event.detail; });",
      );
      return;
    }
    response.writeHead(200, {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": `default-src 'none'; script-src 'self' ${bell}; style-src 'self'; connect-src ${bell}; require-trusted-types-for 'script'; trusted-types 'none'`,
      "cross-origin-embedder-policy": "require-corp",
    });
    response.end(markup(bell));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve());
  });
  const origin = `http://host.test:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    bell,
    serve: (url) => {
      bell = url;
    },
    end: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

test("the inbox of another page is live, whatever that page's styles and policy", async ({ page, watched }) => {
  // Chromium says of an untrusted host that it leaves this header out.
  watched.allowed.push(/favicon|404/);
  const other = await host(
    (bell) =>
      `<!doctype html><html lang="en"><title>Host</title><link rel="stylesheet" href="/host.css"><main><h1>Host</h1>` +
      `<watchbell-inbox></watchbell-inbox></main><script src="${bell}/console/inbox.js"></script><script src="/host.js"></script></html>`,
  );
  const server = await new Watchbell([other.origin]).start();
  try {
    const team = await server.team("Host");
    const member = await server.member(team, "olga@acme.example");
    const evil = `<img src=x onerror="document.title='owned'">`;
    await server.emit(team, evil, { severity: 5 });
    other.serve(server.url);
    await page.addInitScript(
      ([key]) => {
        window.name = key ?? "";
      },
      [server.key],
    );
    await page.goto(`${other.origin}/#${team}.${member}`);
    const bell = page.getByRole("button", { name: "Notifications, 1 unread" });
    await expect(bell).toBeVisible();
    const box = await bell.boundingBox();
    expect(box?.width).toBe(40);
    await bell.click();
    const panel = page.getByRole("dialog", { name: "Notifications" });
    await expect(panel.getByRole("button", { name: /<img src=x/ })).toBeVisible();
    await server.emit(team, "Public bucket", { severity: 5, url: "javascript:alert(1)" }).catch(() => server.emit(team, "Public bucket", { severity: 5 }));
    await expect(panel.getByRole("listitem").first()).toContainText("Public bucket");
    await expect(page.locator("html")).toHaveAttribute("data-unread", "2");
    await accessible(page);

    for (const [theme, colour] of [["dark", "rgb(18, 24, 38)"], ["light", "rgb(255, 255, 255)"]] as const) {
      await page.locator("watchbell-inbox").evaluate((element, value) => element.setAttribute("theme", value), theme);
      await expect(panel).toHaveCSS("background-color", colour);
    }

    await panel.getByRole("button", { name: "Public bucket" }).click();
    await expect(page.getByRole("heading")).toHaveText("opened Public bucket");
    await expect(page.getByRole("button", { name: "Notifications, 1 unread" })).toBeVisible();
    await expect.poll(async () => Number((await server.api().inbox.getUnreadCount({ teamId: team, memberId: member })).unreadCount)).toBe(1);
    await page.keyboard.press("Tab");
    await page.getByRole("button", { name: "Notifications, 1 unread" }).press("Enter");
    await panel.getByRole("button", { name: "Mark as unread" }).click();
    await expect(page.locator("html")).toHaveAttribute("data-unread", "2");
    await panel.getByRole("button", { name: "Mark all read" }).click();
    await expect(page.locator("html")).toHaveAttribute("data-unread", "0");
    await panel.getByRole("button", { name: "Archive" }).first().click();
    await expect(panel.getByRole("listitem")).toHaveCount(1);
    await page.keyboard.press("Escape");
    await expect(panel).toBeHidden();
    expect(await page.title()).toMatch(/^asked/);
    // It would go on asking the server that ends.
    await page.close();
  } finally {
    await server.end();
    await other.end();
  }
});

test("the inbox asks for another credential when one is refused, and comes back after a restart", async ({ page, watched }) => {
  watched.allowed.push(/ERR_|Failed to load resource|favicon/);
  const other = await host(
    (bell) =>
      `<!doctype html><html lang="en"><title>Host</title><main><h1>Host</h1><watchbell-inbox></watchbell-inbox></main>` +
      // What the page sets before the component has come is kept.
      `<script src="/host.js"></script><script src="${bell}/console/inbox.js"></script></html>`,
  );
  const server = await new Watchbell([other.origin]).start();
  try {
    const team = await server.team("Renewed");
    const member = await server.member(team, "olga@acme.example");
    await server.emit(team, "Public bucket", { severity: 5 });
    other.serve(server.url);
    await page.addInitScript(() => {
      window.name ||= "wbk_wrong";
    });
    await page.goto(`${other.origin}/#${team}.${member}`);
    await expect(page).toHaveTitle(/again/);
    await page.evaluate((key) => {
      window.name = key;
    }, server.key);
    await expect(page.getByRole("button", { name: "Notifications, 1 unread" })).toBeVisible({ timeout: 40_000 });
    await server.stop();
    await server.start();
    await server.emit(team, "After the restart", { severity: 5 });
    await expect(page.getByRole("button", { name: "Notifications, 2 unread" })).toBeVisible({ timeout: 40_000 });
  } finally {
    await server.end();
    await other.end();
  }
});
