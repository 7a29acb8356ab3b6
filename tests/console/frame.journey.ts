import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "./journey";
import { Watchbell } from "./server";

const SCRIPT = `
const frame = document.querySelector("watchbell-console");
let asked = 0;
frame.getToken = async (renew) => {
  document.title = "asked " + (asked += 1) + (renew ? " again" : "");
  return window.name;
};
`;

/** A page of the platform, whose policy lets it frame Watchbell and nothing else. */
async function platform(): Promise<{ port: number; serve: (bell: string) => void; end: () => Promise<void> }> {
  let bell = "";
  const server: Server = createServer((request, response) => {
    if (request.url === "/host.js") {
      response.writeHead(200, { "content-type": "text/javascript" });
      response.end(SCRIPT);
      return;
    }
    response.writeHead(200, {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": `default-src 'none'; script-src 'self' ${bell}; frame-src ${bell}; require-trusted-types-for 'script'; trusted-types 'none'`,
    });
    response.end(
      `<!doctype html><html lang="en"><title>Platform</title><main><h1>Platform</h1><watchbell-console page="channels" theme="dark"></watchbell-console></main>` +
        `<script src="/host.js"></script><script src="${bell}/console/embed.js"></script></html>`,
    );
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve());
  });
  return {
    port: (server.address() as AddressInfo).port,
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

test("a page of the platform shows the console, signed in by its own token, and signs it in again; other pages do not", async ({ page, receiver, watched }) => {
  watched.allowed.push(/favicon|404|401|frame-ancestors|Cross-Origin-Opener-Policy/);
  const host = await platform();
  const origin = `http://host.test:${host.port}`;
  const server = await new Watchbell([], [origin]).start();
  try {
    host.serve(server.url);
    const team = await server.team("Framed");
    await server.webhook(team, "SIEM", receiver.url);
    const made = await server.api().teams.createApiKey({ teamId: team, apiKey: { displayName: "first", scopes: [3, 5] } });
    await page.addInitScript((key) => {
      if (window.parent === window) window.name ||= key;
      else {
        // As where a browser blocks the storage of other sites.
        const blocked = {
          get: () => {
            throw new DOMException("blocked", "SecurityError");
          },
        };
        for (const name of ["localStorage", "sessionStorage", "indexedDB", "caches"]) Object.defineProperty(window, name, blocked);
        Object.defineProperty(document, "cookie", blocked);
        Object.defineProperty(window, "BroadcastChannel", {
          value: function Blocked() {
            throw new DOMException("blocked", "SecurityError");
          },
        });
        Object.defineProperty(navigator, "locks", { value: { request: () => Promise.reject(new DOMException("blocked", "SecurityError")) } });
      }
    }, made.key);
    await page.goto(origin);
    const frame = page.frameLocator("watchbell-console iframe");
    await expect(frame.getByRole("heading", { name: "Channels" })).toBeVisible();
    await expect(frame.locator(".channel-link").first()).toContainText("SIEM");
    await expect(frame.locator("html")).toHaveAttribute("data-theme", "dark");
    await expect(frame.getByRole("navigation", { name: "Pages" })).toHaveCount(0);
    await expect(page).toHaveTitle("asked 1");

    // Its token ends: another is asked for, and what is on the screen stays.
    const next = await server.api().teams.createApiKey({ teamId: team, apiKey: { displayName: "second", scopes: [3, 5] } });
    await page.evaluate((key) => {
      window.name = key;
    }, next.key);
    await server.api().teams.deleteApiKey({ teamId: team, apiKeyId: made.apiKey?.id ?? "" });
    await frame.locator(".channel-link").first().click();
    await expect(page).toHaveTitle(/again/, { timeout: 30_000 });
    await expect(frame.getByRole("link", { name: "Settings" })).toBeVisible();
    await server.emit(team, "Public bucket");
    await expect(frame.getByRole("row", { name: /Public bucket/ })).toBeVisible();
    await expect(frame.getByText("You are signed out here.", { exact: false })).toHaveCount(0);

    // A key of the platform opens nothing in a page.
    await page.goto("about:blank");
    await page.evaluate((key) => {
      window.name = key;
    }, server.key);
    await page.goto(origin);
    await expect(frame.getByRole("heading", { name: "A key of the platform does not belong into a page" })).toBeVisible();
    await expect(frame.locator(".channel-link")).toHaveCount(0);

    // A page that is not among the origins neither shows it nor is asked for anything.
    await page.goto(`http://stranger.test:${host.port}`);
    await expect(page.getByRole("heading", { name: "Platform" })).toBeVisible();
    await expect(page.frameLocator("watchbell-console iframe").getByRole("heading", { name: "Channels" })).toHaveCount(0);
    await expect(page).toHaveTitle("Platform");
    await page.close();
  } finally {
    await server.end();
    await host.end();
  }
});
