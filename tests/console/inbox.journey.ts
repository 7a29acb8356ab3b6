import { accessible, expect, open, test } from "./journey";

const CRITICAL = { severity: 5 };

test("the bell counts what comes in, and what is read, unread, archived and brought back", async ({ context, page, server }) => {
  const team = await server.team("Bell");
  const member = await server.member(team, "olga@acme.example");
  await server.emit(team, "Before", CRITICAL);
  await open(page, server, `t/${team}/channels`);
  await page.getByRole("button", { name: /^Inbox$/ }).click();
  await page.getByLabel("Whose inbox").selectOption(member);
  const item = (title: string) => page.getByRole("listitem").filter({ hasText: title });
  await expect(item("Before")).toBeVisible();
  await accessible(page);
  await page.keyboard.press("Escape");

  await server.emit(team, "Public bucket", CRITICAL);
  await expect(page.getByRole("button", { name: /Inbox 2 unread/ })).toBeVisible();
  await expect(page.getByText("Critical: Public bucket")).toBeVisible();
  // Another tab of the same browser hears of the next one by the same stream.
  const other = await context.newPage();
  await other.goto(`${server.url}/console/t/${team}/me#key=${server.key}`);
  await other.getByLabel("Whose inbox").selectOption(member);
  await expect(other.getByRole("listitem").filter({ hasText: "Public bucket" })).toBeVisible();
  await server.emit(team, "Third", CRITICAL);
  await expect(page.getByRole("button", { name: /Inbox 3 unread/ })).toBeVisible();
  await expect(other.getByRole("listitem").filter({ hasText: "Third" })).toBeVisible();
  await other.close();

  await page.getByRole("link", { name: "My notifications" }).click();
  await page.getByRole("button", { name: "Mark as read: Third" }).click();
  await expect(page.getByRole("button", { name: /Inbox 2 unread/ })).toBeVisible();
  await page.getByRole("button", { name: "All", exact: true }).click();
  await page.getByRole("button", { name: "Mark as unread: Third" }).click();
  await expect(page.getByRole("button", { name: /Inbox 3 unread/ })).toBeVisible();
  await page.getByRole("button", { name: "Archive: Third" }).click();
  await expect(item("Third")).toHaveCount(0);
  await page.getByRole("button", { name: "Archived", exact: true }).click();
  await page.getByRole("button", { name: "Move back: Third" }).click();
  await expect(page.getByText("Nothing is archived.")).toBeVisible();
  await accessible(page);
  await page.getByRole("button", { name: "Unread", exact: true }).click();
  await page.getByRole("button", { name: "Mark all read" }).click();
  await expect(page.getByText("You have seen everything.")).toBeVisible();
  await expect(page.getByRole("button", { name: /^Inbox$/ })).toBeVisible();
});

test("what a member hears by email is set on their page and in the matrix", async ({ page, server }) => {
  const team = await server.team("Matrix");
  const member = await server.member(team, "olga@acme.example", 1);
  await open(page, server, `t/${team}/me`);
  await page.getByLabel("Whose inbox").selectOption(member);
  const scans = page.getByRole("combobox", { name: "Scans" });
  await scans.selectOption("On");
  await expect.poll(async () => (await server.api().preferences.getPreferences({ teamId: team, memberId: member })).preferences.find(({ topic }) => topic === "scans")?.setting).toBe(2);
  await page.getByRole("link", { name: "People" }).click();
  await page.getByRole("button", { name: "Who hears what" }).click();
  await expect(page.getByRole("button", { name: "olga@acme.example, Scans: On", exact: true })).toBeVisible();
  await page.getByRole("button", { name: "olga@acme.example, Findings: Critical, High, by default" }).click();
  await page.getByRole("combobox", { name: "Findings" }).selectOption("Off");
  await page.getByRole("button", { name: "Close" }).click();
  await expect(page.getByRole("button", { name: "olga@acme.example, Findings: Off", exact: true })).toBeVisible();
  await accessible(page);

  // Whoever signs in next chooses anew.
  await page.getByRole("button", { name: /Account and theme/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByLabel("API key").fill(server.key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "My notifications" }).click();
  await expect(page.getByLabel("Whose inbox")).toHaveValue("");
});

declare global {
  interface Window {
    sounded: number;
  }
}

test("a sound for what comes in is turned on by hand, remembered, and never tried on a page that nobody has touched", async ({ context, page, server }) => {
  const team = await server.team("Sound");
  const member = await server.member(team, "olga@acme.example");
  await context.addInitScript(() => {
    window.sounded = 0;
    const { start } = OscillatorNode.prototype;
    OscillatorNode.prototype.start = function (when) {
      window.sounded += 1;
      start.call(this, when);
    };
  });
  const sounded = (on = page) => on.evaluate(() => window.sounded);
  const unread = (count: number, on = page) => expect(on.getByRole("button", { name: `Inbox ${count} unread` })).toBeVisible();
  await open(page, server, `t/${team}/me`);
  await page.getByLabel("Whose inbox").selectOption(member);
  await server.emit(team, "Silent", CRITICAL);
  await unread(1);
  expect(await sounded()).toBe(0);
  await page.getByRole("switch", { name: "Sound" }).click();
  // So that it is known how it sounds.
  await expect.poll(sounded).toBe(1);
  await accessible(page);
  await server.emit(team, "Heard", CRITICAL);
  await unread(2);
  await expect.poll(sounded).toBe(2);
  await server.emit(team, "Too soon", CRITICAL);
  await unread(3);
  expect(await sounded()).toBe(2);

  // The browser remembers it. A tab that nobody has touched leaves it to the others.
  await page.close();
  const other = await context.newPage();
  // What drives the browser here counts as a touch, too: only the pointer does for the page.
  await other.addInitScript(() => {
    let hasBeenActive = false;
    window.addEventListener("pointerdown", () => (hasBeenActive = true), true);
    Object.defineProperty(Navigator.prototype, "userActivation", { get: () => ({ hasBeenActive, isActive: hasBeenActive }) });
  });
  await open(other, server, `t/${team}/me`);
  await other.getByLabel("Whose inbox").selectOption(member);
  await expect(other.getByRole("switch", { name: "Sound" })).toBeChecked();
  await unread(3, other);
  await other.evaluate(() => localStorage.removeItem("watchbell.sounded"));
  await server.emit(team, "Untouched", CRITICAL);
  await unread(4, other);
  expect(await sounded(other)).toBe(0);
  await other.getByRole("heading", { name: "My notifications" }).click();
  await server.emit(team, "Touched", CRITICAL);
  await unread(5, other);
  await expect.poll(() => sounded(other)).toBe(1);
  await other.getByRole("switch", { name: "Sound" }).click();
  await other.evaluate(() => localStorage.removeItem("watchbell.sounded"));
  await server.emit(team, "Off", CRITICAL);
  await unread(6, other);
  expect(await sounded(other)).toBe(1);
});
