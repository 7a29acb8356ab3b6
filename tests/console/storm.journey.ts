import { randomUUID } from "node:crypto";
import { accessible, expect, open, test } from "./journey";

test("a storm is folded into one summary, which lists what it tells, and each of these leads back to it", async ({ page, server, receiver }) => {
  const team = await server.team("Storm");
  const channel = await server.webhook(team, "SIEM", receiver.url, { stormControl: { maxMessages: 5, window: { seconds: 5n } } });
  const events = Array.from({ length: 25 }, (_, index) => ({
    type: "finding.created",
    title: `Bucket ${index + 1}`,
    payload: { case: "dataJson" as const, value: new TextEncoder().encode(JSON.stringify({ finding_id: randomUUID(), title: "x", resource: "y" })) },
  }));
  await open(page, server, `t/${team}/deliveries?channel=${channel}`);
  await expect(page.getByRole("status").filter({ hasText: "Live" }).first()).toBeVisible();
  await server.api().router.emitBatch({ teamId: team, events });

  const states = page.getByRole("group", { name: "States" });
  await expect(states.getByRole("button", { name: /Folded/ })).toContainText("20");
  await expect(page.getByText("SIEM folded 20 into one.")).toBeVisible();
  await expect(page.getByText(/The summary went out at/)).toBeVisible({ timeout: 40_000 });
  await accessible(page);

  // From the summary to what it tells, and back.
  await page.getByRole("button", { name: "Open the summary" }).click();
  const drawer = page.getByRole("complementary", { name: "Delivery" });
  await expect(drawer.getByRole("heading", { name: "It tells of 20 deliveries" })).toBeVisible();
  await expect(page).toHaveURL(/summary=dlv_/);
  await expect(page.getByText(/^20 ·/)).toBeVisible();
  await accessible(page);
  await drawer.getByRole("region", { name: "It tells of 20 deliveries" }).getByRole("button").first().click();
  await expect(drawer).toContainText("Told by a summary, together with others.");
  await drawer.getByRole("button", { name: "Open the summary" }).click();
  await expect(drawer.getByRole("heading", { name: "It tells of 20 deliveries" })).toBeVisible();

  await page.goto(`${server.url}/console/t/${team}/channels/${channel}?tab=storm#key=${server.key}`);
  const lately = page.getByRole("region", { name: "What came lately" });
  await expect(lately.getByText(/The busiest minute, .* 20 of 26 were folded/)).toBeVisible();
  await accessible(page);
  // A week, and the minutes of its busiest time.
  await lately.getByRole("button", { name: "A week" }).click();
  await expect(lately.getByText(/The busiest 30 minutes/)).toBeVisible();
  await lately.locator("svg g").first().click();
  await expect(lately.getByText(/The busiest minute/)).toBeVisible();
  await lately.getByRole("button", { name: "Earlier" }).click();
  await expect(lately.getByText("Nothing came in this time.")).toBeVisible();
  await lately.getByRole("button", { name: "Later" }).click();
  await lately.getByRole("link", { name: "Show what was folded" }).click();
  await expect(page.getByText(/^20 ·/)).toBeVisible();

  // The band over the log leads to other times.
  await page.goto(`${server.url}/console/t/${team}/deliveries#key=${server.key}`);
  const range = page.getByRole("group", { name: "Time range" });
  await range.getByRole("button", { name: "Earlier" }).click();
  await expect(page.getByText("Nothing matches").or(page.getByText(/^No deliveries/))).toBeVisible();
  await range.getByRole("button", { name: "Later" }).click();
  await expect(page).not.toHaveURL(/from=/);
  await expect(states.getByRole("button", { name: /Folded/ })).toContainText("20");
  await range.getByRole("button", { name: "Twice as long" }).click();
  await expect(page).toHaveURL(/from=/);
  await expect(states.getByRole("button", { name: /Folded/ })).toContainText("20");
  await page.getByRole("button", { name: /^Time range/ }).click();
  await page.getByRole("menuitem", { name: "From … to …" }).click();
  const dialog = page.getByRole("dialog", { name: "Which time?" });
  await dialog.getByLabel("To").fill("2020-01-01T00:00");
  await expect(dialog.getByText("The end is before the beginning.")).toBeVisible();
  await accessible(page);
  await dialog.getByLabel("From").fill("2019-12-31T00:00");
  await dialog.getByRole("button", { name: "Show it" }).click();
  await expect(page).toHaveURL(/from=2019-12-31T00/);
  await expect(page.getByText(/^No deliveries/)).toBeVisible();
});

test("the log counts what the server counts, and goes on counting while deliveries stream in", async ({ page, server, receiver }) => {
  const team = await server.team("Counts");
  await server.webhook(team, "SIEM", receiver.url);
  for (const number of [1, 2, 3]) await server.emit(team, `Bucket ${number}`, { subject: `s3://logs-${number}`, severity: number === 1 ? 5 : 2 });
  await open(page, server, `t/${team}/deliveries?kind=webhook`);
  const delivered = page.getByRole("group", { name: "States" }).getByRole("button", { name: /Delivered/ });
  await expect(delivered).toContainText("3");
  await server.emit(team, "Bucket 4");
  await expect(delivered).toContainText("4");

  // A text is looked for in titles and subjects, also in what comes in later.
  await page.getByLabel("Filter deliveries").fill("kind:webhook logs-");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/text=logs-/);
  await expect(page.getByText(/^3 ·/)).toBeVisible();
  await server.emit(team, "Bucket 5", { subject: "s3://LOGS-5" });
  await expect(page.getByText(/^4 ·/)).toBeVisible();
  await page.getByLabel("Filter deliveries").fill("kind:webhook severity:critical");
  await page.keyboard.press("Enter");
  await expect(page.getByText(/^1 ·/)).toBeVisible();
  await page.goto(`${server.url}/console/t/${team}/overview#key=${server.key}`);
  await expect(page.getByRole("region", { name: "The last hour" })).toContainText("Delivered");
});
