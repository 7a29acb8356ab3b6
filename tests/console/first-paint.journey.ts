import type { Page } from "@playwright/test";
import { accessible, expect, open, test } from "./journey";

/** Keeps a file of the build back until it is let through. */
async function hold(page: Page, file: string): Promise<() => void> {
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(`**/assets/${file}`, async (route) => {
    await gate;
    await route.fallback();
  });
  return release;
}

test("the page says a word before its script has come", async ({ page, server }) => {
  const release = await hold(page, "base.js");
  await page.goto(`${server.url}/console/`, { waitUntil: "commit" });
  await expect(page.getByRole("heading", { name: "Loading" })).toBeVisible();
  // By the styles, which the page names itself.
  await expect(page.locator(".page-head")).toHaveCSS("min-height", "52px");
  await expect.poll(() => page.evaluate(() => performance.getEntriesByName("first-contentful-paint").length)).toBe(1);
  await accessible(page);
  release();
  await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
});

test("the server is asked for the log while the page's file is on its way, and who has signed in once", async ({ page, server, receiver }) => {
  const team = await server.team("Ahead");
  await server.webhook(team, "SIEM", receiver.url);
  await server.emit(team, "Public bucket");
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname.split("/").at(-1) ?? ""));
  const release = await hold(page, "deliveries.js");
  await open(page, server, `t/${team}/deliveries`);
  for (const call of ["ListDeliveries", "GetSelf", "ListChannels"]) await expect.poll(() => asked).toContain(call);
  release();
  await expect(page.getByRole("row", { name: /Public bucket/ }).first()).toBeVisible();
  await expect(page.getByText("Live", { exact: true }).first()).toBeVisible();
  const times = (call: string) => asked.filter((one) => one === call).length;
  expect([times("GetSelf"), times("config.json")]).toEqual([1, 1]);
});
