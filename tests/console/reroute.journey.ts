import { accessible, expect, open, test } from "./journey";

test("what was never sent is counted, and then sent once", async ({ page, server, receiver }) => {
  const team = await server.team("Late channel");
  for (const number of [1, 2, 3]) await server.emit(team, `Bucket ${number}`);
  await server.webhook(team, "SIEM", receiver.url);
  await open(page, server, `t/${team}/events`);
  await page.getByRole("button", { name: "Send what was never sent…" }).click();
  const dialog = page.getByRole("alertdialog", { name: "Send what was never sent" });
  await expect(dialog.getByText("3 deliveries would be sent, for 3 events; 50 each second at most.")).toBeVisible();
  await expect(dialog.getByRole("listitem")).toHaveText("SIEM3");
  await accessible(page);
  await dialog.getByRole("button", { name: "Send 3" }).click();
  await expect(page.getByText("3 deliveries queued")).toBeVisible();
  await expect.poll(() => receiver.taken.length).toBe(3);

  await page.getByRole("button", { name: "Send what was never sent…" }).click();
  await expect(dialog.getByText("All 3 events are where they lead today.")).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Send 0" })).toBeDisabled();
});
