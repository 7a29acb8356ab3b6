import { accessible, expect, open, test } from "./journey";

test("a silence says what it would match, is seen where messages are missed, and is ended early", async ({ page, server, receiver }) => {
  const team = await server.team("Silences");
  await server.webhook(team, "SIEM", receiver.url);
  await server.webhook(team, "SOAR", receiver.url);
  await server.emit(team, "Public bucket");
  await server.emit(team, "Open port");
  await open(page, server, `t/${team}/silences`);
  await expect(page.getByText("Nothing is silenced")).toBeVisible();
  await accessible(page);

  await page.getByRole("button", { name: "New silence" }).click();
  const form = page.getByRole("dialog", { name: "New silence" });
  const reach = form.getByRole("region", { name: "Last week it would have matched" });
  // Webhooks count only when they are named.
  await expect(reach).toContainText("There was no message of this sort in the past week.");
  await form.getByRole("checkbox", { name: "SIEM" }).check();
  await expect(reach).toContainText("It matches 2 of the last 2 messages of the past week, more than half of them.");
  await form.getByRole("combobox", { name: "Add a type or pattern" }).fill("scam.*");
  await form.getByRole("combobox", { name: "Add a type or pattern" }).press("Enter");
  await expect(reach).toContainText("0 of the last 2 messages.");
  await expect(reach).toContainText("which no event type of the catalog matches");
  await form.getByRole("button", { name: "Remove scam.*" }).click();
  await form.getByRole("button", { name: "Silence them" }).click();
  await expect(form.getByRole("textbox", { name: "Reason" })).toHaveAttribute("aria-invalid", "true");
  await form.getByRole("textbox", { name: "Reason" }).fill("patch <img src=x> window");
  await form.getByRole("button", { name: "Until…", exact: true }).click();
  await form.getByRole("button", { name: "Silence them" }).click();
  await expect(form.getByText("must be given")).toBeVisible();
  await form.getByRole("button", { name: "1 hour" }).click();
  await accessible(page);
  await form.getByRole("button", { name: "Silence them" }).click();
  await expect(form).toBeHidden();
  const inForce = page.getByRole("region", { name: "In force" });
  await expect(inForce).toContainText("patch <img src=x> window");
  await expect(inForce).toContainText("SIEM");

  // It does what the page says: what it names is held, and nothing else.
  await server.emit(team, "Held bucket");
  await page.getByRole("link", { name: "Deliveries" }).click();
  await expect(page.getByRole("row", { name: /Held bucket/ }).filter({ hasText: "SIEM" })).toContainText("Held");
  await expect(page.getByRole("row", { name: /Held bucket/ }).filter({ hasText: "SOAR" })).toContainText("Delivered");

  await page.getByRole("link", { name: "Overview" }).click();
  await expect(page.getByRole("list", { name: "Silences in force" })).toContainText("holds messages until");
  await page.getByRole("link", { name: "Channels" }).click();
  await page.getByRole("link", { name: "SOAR" }).click();
  await expect(page.getByRole("heading", { name: "SOAR" })).toBeVisible();
  await expect(page.getByRole("list", { name: "Silences in force" })).toHaveCount(0);
  await page.getByRole("link", { name: "Channels" }).first().click();
  await page.getByRole("link", { name: "SIEM" }).click();
  await expect(page.getByRole("list", { name: "Silences in force" })).toContainText("patch <img src=x> window");
  await accessible(page);

  await page.getByRole("list", { name: "Silences in force" }).getByRole("link", { name: "Silences" }).click();
  await accessible(page);
  await page.getByRole("button", { name: /^End now… “patch/ }).click();
  await expect(page.getByRole("alertdialog")).toContainText("What it holds is released at once");
  await accessible(page);
  await page.getByRole("button", { name: "End it" }).click();
  await expect(page.getByText("Nothing is silenced")).toBeVisible();
  await expect.poll(() => receiver.taken.filter(({ body }) => body.includes("Held bucket")).length).toBe(2);
  await page.getByRole("button", { name: "Past" }).click();
  await expect(page.getByRole("region", { name: "Ended" })).toContainText("patch <img src=x> window");
  await accessible(page);
});

test("a silence to come is listed apart, begins with the channel it was asked for, and a reader ends nothing", async ({ page, server, receiver }) => {
  const team = await server.team("Silences to come");
  const channel = await server.webhook(team, "SIEM", receiver.url);
  await open(page, server, `t/${team}/channels/${channel}`);
  await page.getByRole("button", { name: "Actions for SIEM" }).click();
  await page.getByRole("menuitem", { name: "Silence…" }).click();
  const form = page.getByRole("dialog", { name: "New silence" });
  await expect(form.getByRole("checkbox", { name: "SIEM" })).toBeChecked();
  await form.getByRole("textbox", { name: "Reason" }).fill("migration");
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 16);
  await form.getByLabel("Begins").fill(tomorrow);
  await form.getByRole("button", { name: "Drop" }).click();
  await form.getByRole("button", { name: "Silence them" }).click();
  await expect(page.getByRole("region", { name: "To come" })).toContainText("migration");
  await expect(page.getByRole("region", { name: "To come" })).toContainText("Drops");
  const { silences } = await server.api().silences.listSilences({ teamId: team });
  expect(silences.map(({ channelIds, startTime, endTime }) => [channelIds, Number((endTime?.seconds ?? 0n) - (startTime?.seconds ?? 0n))])).toEqual([[[channel], 7_200]]);

  const { key } = await server.api().teams.createApiKey({ teamId: team, apiKey: { displayName: "reader", scopes: [2, 4] } });
  await page.goto("about:blank");
  await open(page, server, `t/${team}/silences`, key);
  await expect(page.getByRole("button", { name: "End now… “migration”" })).toBeDisabled();
  await expect(page.getByRole("button", { name: "New silence" })).toBeDisabled();
  await accessible(page);
});
