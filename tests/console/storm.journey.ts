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
  await expect(page.getByText(/The busiest minute of the last six hours/)).toBeVisible();
  await accessible(page);
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
