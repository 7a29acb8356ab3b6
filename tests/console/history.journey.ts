import { accessible, expect, open, test } from "./journey";

test("who changed what is listed, and a change is taken back while nothing later stands in its way", async ({ page, server, receiver }) => {
  const team = await server.team("History");
  const { key } = await server.api().teams.createApiKey({ teamId: team, apiKey: { displayName: "terraform <b>", scopes: [3] } });
  const channel = await server.webhook(team, "SIEM", receiver.url);
  const described = (description: string) =>
    server.api(key).channels.updateChannel({ teamId: team, channel: { id: channel, description }, updateMask: { paths: ["description"] } });
  await described("first");
  await described("second");
  await open(page, server, `t/${team}/history`);
  const rows = page.getByRole("listitem").filter({ has: page.getByText(/^Revision \d+$/) });
  await expect(rows.first()).toContainText("API key terraform <b>");
  await expect(rows.first()).toContainText("second");
  await accessible(page);
  // A later change has set the field to something else.
  await rows.nth(1).getByRole("button", { name: /Take back/ }).click();
  await expect(page.getByRole("alertdialog").getByRole("alert")).toBeVisible();
  await expect(page.getByRole("button", { name: "Take it back" })).toBeDisabled();
  await accessible(page);
  await page.getByRole("button", { name: "Cancel" }).click();
  await rows.first().getByRole("button", { name: /Take back/ }).click();
  await expect(page.getByRole("alertdialog")).toContainText("first");
  await accessible(page);
  await page.getByRole("button", { name: "Take it back" }).click();
  await expect(rows.first()).toContainText("RevertConfigChange");
  expect((await server.api().channels.getChannel({ teamId: team, channelId: channel })).channel?.description).toBe("first");
  await page.getByRole("link", { name: "API key terraform <b>" }).first().click();
  await expect(rows).toHaveCount(2);
  await page.getByRole("button", { name: "Changes by everybody" }).click();
  await expect(rows.first()).toContainText("RevertConfigChange");

  const reader = await server.api().teams.createApiKey({ teamId: team, apiKey: { displayName: "reader", scopes: [2, 4] } });
  await page.goto("about:blank");
  await open(page, server, `t/${team}/history`, reader.key);
  await expect(page.getByText("This credential may not read who changed what", { exact: false })).toBeVisible();
  await expect(rows).toHaveCount(0);
});
