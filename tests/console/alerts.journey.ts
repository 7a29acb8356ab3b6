import { accessible, expect, open, test } from "./journey";

test("an alert is taken on, snoozed and resolved, with a word to the others, and everybody sees it", async ({ page, server, receiver }) => {
  const team = await server.team("Alerts");
  await server.webhook(team, "SIEM", receiver.url);
  await open(page, server, `t/${team}/alerts`);
  await expect(page.getByText("No alert is open")).toBeVisible();
  await accessible(page);
  const payload = { case: "dataJson" as const, value: new TextEncoder().encode('{"finding_id": "F-17", "resource": "s3://audit-logs"}') };
  await server.emit(team, "Public <b>bucket</b>", { payload, severity: 4 });
  await server.emit(team, "Public <b>bucket</b>", { payload, severity: 4 });
  const line = page.getByRole("link", { name: /Public <b>bucket/ });
  await expect(line).toContainText("Open");
  await expect(line).toContainText("2 events");
  await line.click();
  const detail = page.getByRole("region", { name: "Alert" });
  await expect(detail).toContainText("F-17");
  await expect(detail).toContainText("SIEM");
  await accessible(page);

  await detail.getByRole("button", { name: "Acknowledge…" }).click();
  const dialog = page.getByRole("dialog", { name: /^Take “Public/ });
  await dialog.getByRole("textbox", { name: "Comment" }).fill("looking at it");
  await accessible(page);
  await dialog.getByRole("button", { name: "Take it on" }).click();
  await expect(detail).toContainText("Acknowledged");
  await expect(detail.getByRole("button", { name: "Acknowledge…" })).toBeDisabled();
  await expect.poll(() => receiver.taken.some(({ body }) => body.includes("looking at it"))).toBe(true);

  await detail.getByRole("button", { name: "Snooze…" }).click();
  const snooze = page.getByRole("dialog", { name: /^Snooze “Public/ });
  await snooze.getByRole("button", { name: "Until…", exact: true }).click();
  await snooze.getByRole("button", { name: "Snooze it" }).click();
  await expect(snooze.getByText("must be given")).toBeVisible();
  await snooze.getByRole("button", { name: "1 hour" }).click();
  await snooze.getByRole("button", { name: "Snooze it" }).click();
  await expect(detail).toContainText("Snoozed");

  await detail.getByRole("button", { name: "Resolve…" }).click();
  await page.getByRole("button", { name: "Resolve it" }).click();
  await expect(detail).toContainText("Resolved");
  await expect(detail.getByRole("button", { name: "Resolve…" })).toBeDisabled();
  await detail.getByRole("button", { name: "Close" }).click();
  await expect(page.getByText("No alert is open")).toBeVisible();
  await page.getByRole("button", { name: "Resolved" }).click();
  await expect(line).toBeVisible();
  await accessible(page);

  // Somebody else's event begins it anew, and it comes onto the screen by itself.
  await page.getByRole("button", { name: "Resolved" }).click();
  await server.emit(team, "Public <b>bucket</b>", { payload, severity: 4 });
  await expect(line).toContainText("Open");

  // What another tab does with it is told at once.
  await expect(page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: /Alerts/ })).toContainText("1");
  await server.api().alerts.acknowledgeAlert({ teamId: team, key: "finding_id=F-17", comment: "elsewhere" });
  await expect(line).toContainText("Acknowledged", { timeout: 10_000 });
  await expect(page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: /Alerts/ })).not.toContainText("1");

  const { key } = await server.api().teams.createApiKey({ teamId: team, apiKey: { displayName: "reader", scopes: [2, 4] } });
  await page.goto("about:blank");
  await open(page, server, `t/${team}/alerts`, key);
  await line.click();
  await expect(detail.getByRole("button", { name: "Acknowledge…" })).toBeDisabled();
});
