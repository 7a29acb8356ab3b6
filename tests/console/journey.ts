// What every journey has: a server, a receiver, a page that is watched for violations of the policy and for errors.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Browser, type BrowserContext, type Page, type Route, test as base, expect } from "@playwright/test";
import { Receiver, Watchbell } from "./server";

/** A build whose files are used instead of the binary's, so that a change of `web/` needs no compiler. */
const DIST = process.env.WATCHBELL_CONSOLE_DIST;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The page and its files as the build has them; the headers stay the server's. */
async function fromBuild(route: Route, dist: string): Promise<void> {
  const file = /^\/console\/[0-9a-f]+\/(assets\/.*)$/.exec(new URL(route.request().url()).pathname)?.[1];
  if (file !== undefined) return route.fulfill({ path: join(dist, file) });
  if (route.request().resourceType() !== "document") return route.fallback();
  const response = await route.fetch();
  const { "content-encoding": _, ...headers } = response.headers();
  const body = readFileSync(join(dist, "index.html"), "utf8").replaceAll("./assets/", "/console/0/assets/");
  return route.fulfill({ response, headers, body });
}

interface Watched {
  /** Errors that a journey brings about itself, such as a server that is away. */
  allowed: RegExp[];
  readonly found: string[];
}

interface Fixtures {
  readonly receiver: Receiver;
  readonly watched: Watched;
}

interface Shared {
  readonly server: Watchbell;
}

export const test = base.extend<Fixtures, Shared>({
  // A server for each worker; journeys have teams of their own.
  server: [
    async ({}, use) => {
      const server = await new Watchbell().start();
      await use(server);
      await server.end();
    },
    { scope: "worker" },
  ],
  receiver: async ({}, use) => {
    const receiver = await new Receiver().start();
    await use(receiver);
    await receiver.end();
  },
  watched: [
    async ({ context }, use) => {
      const watched: Watched = { allowed: [], found: [] };
      if (DIST !== undefined) {
        await context.route((url) => url.pathname.startsWith("/console/"), (route) => fromBuild(route, DIST));
      }
      await context.addInitScript(() => {
        document.addEventListener("securitypolicyviolation", (event) => {
          // oxlint-disable-next-line no-console
          console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
        });
      });
      context.on("console", (message) => {
        if (message.type() === "error") watched.found.push(message.text());
      });
      context.on("weberror", (error) => watched.found.push(String(error.error())));
      await use(watched);
      expect(watched.found.filter((line) => !watched.allowed.some((pattern) => pattern.test(line)))).toEqual([]);
    },
    { auto: true },
  ],
});

/** Signs in by a link, as the demo prints it. */
export async function open(page: Page, server: Watchbell, path = "", key = server.key): Promise<void> {
  await page.goto(`${server.url}/console/${path}#key=${key}`);
}

/** The browser of somebody else, which shares nothing with the first. */
export async function otherBrowser(browser: Browser): Promise<BrowserContext> {
  const context = await browser.newContext();
  if (DIST !== undefined) await context.route((url) => url.pathname.startsWith("/console/"), (route) => fromBuild(route, DIST));
  return context;
}

/** Saves the draft of all rules, which has so many: "2 changes". */
export async function applyDraft(page: Page, changes: string): Promise<void> {
  const draft = page.getByRole("region", { name: "Changes that are not saved" });
  await expect(draft).toContainText(`${changes} not saved`);
  await draft.getByRole("button", { name: "Apply" }).click();
  await expect(draft).toBeHidden();
}

/** What axe finds at both widths and in both themes. */
export async function accessible(page: Page): Promise<void> {
  const before = page.viewportSize();
  for (const width of [320, 1200]) {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      // Colours change over a moment, and a narrow page is drawn anew.
      await page.evaluate(async () => {
        const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
        await frame();
        await frame();
        await Promise.allSettled(document.getAnimations().map((animation) => animation.finished));
        await frame();
      });
      const found = await axe(page);
      expect(found, `${width} px, ${colorScheme}`).toEqual([]);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overflow, `nothing is wider than the page at ${width} px`).toBeLessThanOrEqual(0);
    }
  }
  if (before) await page.setViewportSize(before);
  await page.emulateMedia({ colorScheme: "light" });
}

/** By the debugger's door, which the page's policy does not close. */
async function axe(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: AXE });
  const { result } = await session.send("Runtime.evaluate", {
    expression: `axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }).then(({ violations }) =>
      JSON.stringify(violations.map(({ id, nodes }) => id + ": " + nodes.map((node) => node.html + " " + node.failureSummary).join("\\n  "))))`,
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  return JSON.parse(String(result.value)) as string[];
}

export { expect };
