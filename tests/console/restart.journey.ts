import type { Locator, Request } from "@playwright/test";
import { expect, open, test } from "./journey";
import { Watchbell } from "./server";

test("a server that is away is said, and found again without a row lost or twice", async ({ page, receiver, watched }) => {
  watched.allowed.push(/ERR_|Failed to load resource/);
  const server = await new Watchbell().start();
  try {
    const team = await server.team("Restart");
    await server.webhook(team, "SIEM", receiver.url);
    for (const number of [1, 2, 3]) await server.emit(team, `Bucket ${number}`);
    await open(page, server, `t/${team}/deliveries`);
    await expect(page.getByRole("row", { name: /Bucket/ })).toHaveCount(3);
    await server.stop();
    await expect(page.getByText("The server does not answer.")).toBeVisible({ timeout: 20_000 });
    await expect(page.getByRole("row", { name: /Bucket/ })).toHaveCount(3);
    await server.start();
    await server.emit(team, "Bucket 4");
    await expect(page.getByRole("row", { name: /Bucket 4/ })).toBeVisible({ timeout: 40_000 });
    await expect(page.getByText("The server does not answer.")).toBeHidden();
    await expect(page.getByRole("row", { name: /Bucket/ })).toHaveCount(4);
  } finally {
    await server.end();
  }
});

/** Of this machine, and of a host that browsers do not trust without TLS, which therefore has no Web Locks. */
for (const [name, host] of [
  ["from this machine", "127.0.0.1"],
  ["over plain HTTP", "watchbell.test"],
] as const) {
  test(`eight tabs ${name} share one stream and stay usable`, async ({ context, server, receiver, watched }) => {
    // Chromium says of an untrusted host that it leaves this header out.
    watched.allowed.push(/Cross-Origin-Opener-Policy header has been ignored/);
    const team = await server.team(`Tabs ${name}`);
    await server.webhook(team, "SIEM", receiver.url);
    const url = server.url.replace("127.0.0.1", host);
    const open = new Set<Request>();
    context.on("request", (request) => {
      if (request.url().endsWith("/WatchDeliveries")) open.add(request);
    });
    context.on("requestfailed", (request) => open.delete(request));
    context.on("requestfinished", (request) => open.delete(request));
    const pages = [];
    for (let tab = 0; tab < 8; tab += 1) {
      const page = await context.newPage();
      await page.goto(`${url}/console/t/${team}/deliveries#key=${server.key}`);
      await expect(page.getByRole("heading", { name: "Deliveries", exact: true })).toBeVisible();
      pages.push(page);
    }
    await server.emit(team, "For all");
    for (const page of pages) await expect(page.getByRole("row", { name: /For all/ })).toBeVisible();
    expect(open.size).toBe(1);
    await pages[0]?.close();
    await server.emit(team, "For those left");
    for (const page of pages.slice(1)) await expect(page.getByRole("row", { name: /For those left/ })).toBeVisible();
    await pages[7]?.getByRole("link", { name: "Channels" }).click();
    await expect(pages[7]?.locator(".channel-link") as Locator).toContainText("SIEM");
  });
}
