import { accessible, expect, open, test } from "./journey";

test("whoever holds a key of the platform makes, changes and deletes teams; others find no such page", async ({ page, server, watched }) => {
  const other = await server.team("Other");
  await open(page, server, "teams");
  await page.getByRole("button", { name: "New team" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("Teams page");
  await page.getByRole("textbox", { name: "Time zone" }).fill("Europe/Nowhere");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("textbox", { name: "Time zone" })).toHaveAttribute("aria-invalid", "true");
  await accessible(page);
  await page.getByRole("textbox", { name: "Time zone" }).fill("Europe/Berlin");
  await page.getByRole("combobox", { name: "Plan" }).selectOption("FREE");
  await page.getByRole("button", { name: "Save" }).click();
  const row = page.getByRole("listitem").filter({ hasText: "Teams page" });
  await expect(row).toContainText("FREE");
  await expect(row).toContainText("Europe/Berlin");
  await accessible(page);
  await page.getByRole("button", { name: "Edit Teams page" }).click();
  await page.getByRole("combobox", { name: "Plan" }).selectOption("TEAM");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(row).toContainText("TEAM");
  await page.getByRole("button", { name: "Delete Teams page" }).click();
  await expect(page.getByRole("button", { name: "Delete the team" })).toBeDisabled();
  await page.getByRole("textbox", { name: /Teams page/ }).fill("Teams page");
  await page.getByRole("button", { name: "Delete the team" }).click();
  await expect(row).toHaveCount(0);

  watched.allowed.push(/403|404/);
  const { key } = await server.api().teams.createApiKey({ teamId: other, apiKey: { displayName: "one team", scopes: [2, 4] } });
  await page.goto("about:blank");
  await open(page, server, "teams", key);
  await expect(page.getByRole("heading", { name: "Page not found" })).toBeVisible();
});
