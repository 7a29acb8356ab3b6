import { accessible, expect, open, test } from "./journey";
import { Watchbell } from "./server";
import { Slack, freePort } from "./stand-ins";

test("a channel is picked at Slack, in a tab of its own, and is there when that tab is left", async ({ page }) => {
  const slack = await new Slack().start();
  const port = await freePort();
  const settings = `[brand]\npublic_url = "http://127.0.0.1:${port}"\n\n[config.slack]\nclient_id = "1.2"\nclient_secret = "secret"\nbase_url = "${slack.url}"\n`;
  const server = await new Watchbell([], [], settings, port).start();
  try {
    const team = await server.team("Slack");
    await open(page, server, `t/${team}/channels?new=slack`);
    await page.getByRole("button", { name: "Add to Slack" }).click();
    const link = page.getByRole("link", { name: "Continue at Slack" });
    await expect(link).toHaveAttribute("rel", "noopener noreferrer");
    await accessible(page);
    const opened = page.context().waitForEvent("page");
    await link.click();
    const tab = await opened;
    await expect(tab.getByRole("heading")).toBeVisible();
    await tab.getByRole("link", { name: /Slack/ }).first().click();
    await tab.waitForURL(/\/integrations\/slack\/callback/);
    await expect(tab.getByRole("heading")).toContainText("#watchbell-alerts");
    await tab.close();
    await page.bringToFront();
    await expect(page.getByText("#watchbell-alerts is connected.")).toBeVisible();
    await accessible(page);
    await page.getByRole("button", { name: "Open it" }).click();
    await expect(page.getByRole("heading", { name: "#watchbell-alerts" })).toBeVisible();
    await expect(page.getByText("Default", { exact: true })).toBeVisible();
    await accessible(page);
    // Before its server goes, which it would call again.
    await page.goto("about:blank");
  } finally {
    await server.end();
    await slack.end();
  }
});

test("without an app of the installation the form says so, and takes a webhook's address", async ({ page, server, receiver, watched }) => {
  watched.allowed.push(/400/);
  const team = await server.team("No Slack app");
  await open(page, server, `t/${team}/channels?new=slack`);
  await page.getByRole("button", { name: "Add to Slack" }).click();
  await expect(page.getByText("This installation has no Slack app.", { exact: false })).toBeVisible();
  await expect(page.getByRole("button", { name: "Add to Slack" })).toBeDisabled();
  await page.getByLabel("Name", { exact: true }).fill("#alerts");
  await page.getByLabel("Webhook URL").fill(receiver.url);
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await expect(page).toHaveURL(/channels\/chn_/);
});
