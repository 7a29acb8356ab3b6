import { accessible, expect, open, test } from "./journey";

test("an event is shown as the message that each kind of channel would get, and nothing is sent", async ({ page, server, receiver }) => {
  const team = await server.team("Previews");
  const siem = await server.webhook(team, "SIEM", receiver.url, {
    destination: { case: "webhook", value: { url: receiver.url, filter: { types: ["finding.*"] }, headers: [{ name: "X-Tenant", value: "hunter22" }] } },
  });
  const data = { finding_id: "fnd-1", resource: "s3://audit-logs", owner: "<img src=x onerror=alert(1)>" };
  await server.emit(team, "Public <b>bucket</b>", { payload: { case: "dataJson", value: new TextEncoder().encode(JSON.stringify(data)) } });
  await expect.poll(() => receiver.taken.length).toBe(1);

  await open(page, server, `t/${team}/channels/${siem}?tab=preview`);
  const message = page.getByRole("region", { name: "As a message" });
  await expect(message).toContainText("webhook-signature");
  await expect(message).toContainText("whsec_");
  await expect(message).toContainText("x-tenant");
  await expect(message.getByLabel("Body")).toContainText('"type": "finding.created"');
  await expect(page.locator("main")).not.toContainText("hunter22");
  await accessible(page);
  await page.getByRole("button", { name: "Use a real event" }).click();
  await page.getByRole("menuitem", { name: /Public/ }).click();
  await expect(message.getByLabel("Body")).toContainText("s3://audit-logs");

  await page.getByRole("link", { name: "Events", exact: true }).click();
  await page.getByRole("link", { name: /Public/ }).click();
  await page.getByRole("button", { name: "As a message…" }).click();
  const dialog = page.getByRole("dialog", { name: "As a message" });
  await expect(dialog.getByLabel("Body")).toContainText("s3://audit-logs");
  await dialog.getByRole("combobox", { name: "To" }).selectOption("People, by email");
  const mail = dialog.getByRole("region", { name: "As mail" });
  await expect(mail).toContainText("Public <b>bucket</b>");
  await expect(mail).toContainText("<img src=x onerror=alert(1)>");
  await expect(mail.getByRole("link", { name: "Unsubscribe" })).not.toHaveAttribute("href", /token/);
  await accessible(page);
  await dialog.getByRole("button", { name: "As text" }).click();
  await expect(dialog.getByLabel("As text")).toContainText("Public <b>bucket</b>");
  await dialog.getByRole("button", { name: "Close" }).click();

  await page.getByRole("link", { name: "Routing" }).click();
  await page.getByRole("button", { name: "As JSON" }).click();
  await page.getByRole("textbox", { name: "JSON of the data" }).fill('{"finding_id": 1}');
  await page.getByRole("button", { name: "Preview the messages" }).click();
  await expect(dialog.getByRole("alert")).toBeVisible();
  await accessible(page);
  expect(receiver.taken).toHaveLength(1);
});
