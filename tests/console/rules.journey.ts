import type { Locator, Page } from "@playwright/test";
import { accessible, expect, open, test } from "./journey";
import type { Receiver, Watchbell } from "./server";

async function slack(server: Watchbell, team: string, receiver: Receiver, displayName: string): Promise<string> {
  const { channel } = await server.api().channels.createChannel({
    teamId: team,
    channel: { displayName, destination: { case: "slack", value: { webhookUrl: receiver.url } } },
  });
  return channel?.id ?? "";
}

test("two browsers change one rule: what only one changed is merged, what both changed is asked, and nothing is lost", async ({ browser, page, server, receiver }) => {
  const team = await server.team("Two browsers");
  const channel = await slack(server, team, receiver, "#alerts");
  await server.api().routing.createRule({
    teamId: team,
    rule: { displayName: "Findings", match: { types: ["finding.*"] }, action: { case: "send", value: { channelIds: [channel] } } },
  });
  const context = await browser.newContext();
  const other = await context.newPage();
  const edit = async (of: Page): Promise<Locator> => {
    await open(of, server, `t/${team}/routing`);
    await of.getByRole("button", { name: "Actions for Findings" }).click();
    await of.getByRole("menuitem", { name: "Edit", exact: true }).click();
    return of.getByRole("dialog", { name: "Edit the rule" });
  };
  const [mine, theirs] = [await edit(page), await edit(other)];
  await theirs.getByLabel("Name").fill("Findings of theirs");
  await theirs.getByLabel("Continue with the next rule").check();
  await theirs.getByRole("button", { name: "Save" }).click();
  await expect(theirs).toBeHidden();

  await mine.getByLabel("Name").fill("Findings of mine");
  await mine.getByRole("button", { name: "Save" }).click();
  await expect(mine.getByText("Somebody else has changed the name as well.")).toBeVisible();
  await expect(mine.getByText("Findings of theirs")).toBeVisible();
  await expect(mine.getByText("taken over: whether it continues", { exact: false })).toBeVisible();
  await expect(mine.getByRole("button", { name: "Save" })).toBeDisabled();
  await accessible(page);
  await mine.getByRole("button", { name: "Keep mine" }).click();
  await mine.getByRole("button", { name: "Save" }).click();
  await expect(mine).toBeHidden();
  const { rules } = await server.api().routing.listRules({ teamId: team });
  expect(rules.map(({ displayName, continues }) => [displayName, continues])).toEqual([["Findings of mine", true]]);
  await context.close();
});

/** Tab until it has the focus. */
async function reach(page: Page, target: Locator): Promise<void> {
  for (let presses = 0; presses < 120; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error("the keyboard does not reach it");
}

test("a rule is made, moved and asked about by the keyboard alone", async ({ page, server, receiver }) => {
  const team = await server.team("Keyboard rules");
  await slack(server, team, receiver, "#alerts");
  await slack(server, team, receiver, "#rest");
  await open(page, server, `t/${team}/overview`);
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox", { name: "Go to" })).toBeFocused();
  await page.keyboard.type("routing");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Routing" })).toBeVisible();
  const form = page.getByRole("dialog", { name: "New rule" });
  const make = async (name: string, type: string, channel: string) => {
    await reach(page, page.getByRole("button", { name: "New rule" }));
    await page.keyboard.press("Enter");
    await expect(form).toBeVisible();
    await reach(page, form.getByLabel("Name"));
    await page.keyboard.type(name);
    await reach(page, form.getByLabel("Add a type or pattern").first());
    await page.keyboard.type(type);
    await page.keyboard.press("Enter");
    await reach(page, form.getByLabel(channel));
    await page.keyboard.press("Space");
    await reach(page, form.getByRole("button", { name: "Save" }));
    await page.keyboard.press("Enter");
    await expect(form).toBeHidden();
  };
  await make("Everything", "*", "#rest");
  await make("Findings", "finding.*", "#alerts");
  const rules = page.getByRole("region", { name: "Slack and Teams" }).getByRole("listitem");
  await expect(rules.last()).toContainText("An earlier rule has decided it.");
  await reach(page, page.getByRole("button", { name: /^Move Findings/ }));
  await page.keyboard.press("Alt+ArrowUp");
  await expect(rules.first()).toContainText("Findings");
  await expect(rules.first()).toContainText("Matches");
  const playground = page.getByRole("region", { name: "Who would get it?" });
  await expect(playground.getByText("The rule “Findings” sends it here.")).toBeVisible();
  await accessible(page);
  const eventId = await server.emit(team, "Public bucket");
  const { deliveries } = await server.api().dispatcher.listDeliveries({ teamId: team, eventId });
  expect(deliveries.map(({ route }) => route?.reason?.sentence)).toContain("The rule “Findings” sends it here.");
});
