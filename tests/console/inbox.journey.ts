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
