import type { Locator, Page } from "@playwright/test";
import { accessible, applyDraft, expect, open, otherBrowser, test } from "./journey";
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
  const context = await otherBrowser(browser);
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
  await theirs.getByRole("button", { name: "Add to the draft" }).click();
  await expect(theirs).toBeHidden();
  await applyDraft(other, "1 change");

  await mine.getByLabel("Name").fill("Findings of mine");
  await mine.getByRole("button", { name: "Add to the draft" }).click();
  await expect(mine.getByText("Somebody else has changed the name as well.")).toBeVisible();
  await expect(mine.getByText("Findings of theirs")).toBeVisible();
  await expect(mine.getByText("taken over: whether it continues", { exact: false })).toBeVisible();
  await expect(mine.getByRole("button", { name: "Add to the draft" })).toBeDisabled();
  await accessible(page);
  await mine.getByRole("button", { name: "Keep mine" }).click();
  await mine.getByRole("button", { name: "Add to the draft" }).click();
  await expect(mine).toBeHidden();
  await applyDraft(page, "1 change");
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
    await reach(page, form.getByRole("button", { name: "Add to the draft" }));
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
  await reach(page, page.getByRole("button", { name: "Apply" }));
  await page.keyboard.press("Enter");
  await expect(rules.first()).toContainText("Matches");
  const playground = page.getByRole("region", { name: "Who would get it?" });
  await expect(playground.getByText("The rule “Findings” sends it here.")).toBeVisible();
  await accessible(page);
  const eventId = await server.emit(team, "Public bucket");
  const { deliveries } = await server.api().dispatcher.listDeliveries({ teamId: team, eventId });
  expect(deliveries.map(({ route }) => route?.reason?.sentence)).toContain("The rule “Findings” sends it here.");
});

test("changes of several rules are one draft: judged together, shown, taken back, and saved or discarded as one", async ({ page, server, receiver }) => {
  const team = await server.team("Draft");
  const [alerts, platform] = [await slack(server, team, receiver, "#alerts"), await slack(server, team, receiver, "#platform")];
  const make = (displayName: string, types: string[], channelId: string) =>
    server.api().routing.createRule({ teamId: team, rule: { displayName, match: { types }, action: { case: "send", value: { channelIds: [channelId] } } } });
  await make("Scans", ["scan.*"], alerts);
  await make("Findings", ["finding.*"], alerts);
  await make("Audits", ["audit.*"], alerts);
  for (const title of ["One", "Two", "Three"]) await server.emit(team, title);
  const saved = async () => (await server.api().routing.listRules({ teamId: team })).rules;
  const [scans, findings] = await saved();

  await open(page, server, `t/${team}/routing`);
  const rules = page.getByRole("region", { name: "Slack and Teams" }).getByRole("listitem");
  const draft = page.getByRole("region", { name: "Changes that are not saved" });
  await expect(rules).toHaveCount(3);
  await expect(draft).toHaveCount(0);
  const act = async (name: string, what: string) => {
    await page.getByRole("button", { name: `Actions for ${name}` }).click();
    await page.getByRole("menuitem", { name: what, exact: true }).click();
  };
  await act("Audits", "Delete");
  await act("Scans", "Pause");
  await act("Findings", "Edit");
  const form = page.getByRole("dialog", { name: "Edit the rule" });
  await form.getByLabel("Name").fill("Findings to the platform");
  await form.getByLabel("#alerts").uncheck();
  await form.getByLabel("#platform").check();
  await form.getByRole("button", { name: "Add to the draft" }).click();
  await expect(form).toBeHidden();
  await page.getByRole("button", { name: /^Move Findings/ }).focus();
  await page.keyboard.press("Alt+ArrowUp");

  // Judged together, by itself; nothing of it is saved.
  await expect(draft).toContainText("4 changes not saved");
  await expect(draft).toContainText("Of the last 3 events, 3 would reach others: 3 more to #platform, 3 fewer to #alerts.");
  await expect(rules.first()).toContainText("Would match");
  await expect(page.getByRole("region", { name: "Who would get it?" })).toContainText("The rule “Findings to the platform” sends it here.");
  expect(await saved()).toMatchObject([{ displayName: "Scans", paused: false }, { displayName: "Findings" }, { displayName: "Audits" }]);
  await accessible(page);
  await draft.getByRole("button", { name: "Show the events" }).click();
  const impact = page.getByRole("dialog", { name: "What the last seven days would have been" });
  await expect(impact).toContainText("3 of 3 events would reach others.");
  await accessible(page);
  await page.keyboard.press("Escape");

  await draft.getByRole("button", { name: "Differences" }).click();
  const differences = page.getByRole("dialog", { name: "What applying changes" });
  await expect(differences.getByRole("listitem").filter({ hasText: "Deleted" }).first()).toContainText("Audits");
  await expect(differences).toContainText("the name, the channels");
  await expect(differences.getByText("paused", { exact: true })).toBeVisible();
  await accessible(page);
  await differences.getByRole("button", { name: "Take back: Audits" }).click();
  await page.keyboard.press("Escape");
  await expect(rules).toHaveCount(3);

  // It stays while another page is looked at, and while others change something else.
  await page.getByRole("link", { name: "Channels" }).click();
  await server.api().routing.updateRule({ teamId: team, rule: { id: scans?.id ?? "", continues: true }, updateMask: { paths: ["continues"] } });
  await page.getByRole("link", { name: "Routing" }).click();
  await applyDraft(page, "3 changes");
  await expect(page.getByRole("link", { name: /^Revision \d+ · changed .* by API key/ })).toBeVisible();
  expect(await saved()).toMatchObject([
    { id: findings?.id, displayName: "Findings to the platform", action: { value: { channelIds: [platform] } } },
    { id: scans?.id, displayName: "Scans", paused: true, continues: true },
    { displayName: "Audits" },
  ]);

  await act("Audits", "Delete");
  await draft.getByRole("button", { name: "Discard" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Discard" }).click();
  await expect(draft).toHaveCount(0);
  await expect(rules).toHaveCount(3);
  expect(await saved()).toHaveLength(3);
});

test("what others change in a rule of the draft is asked about before anything is saved", async ({ page, server, receiver }) => {
  const team = await server.team("Draft, two");
  const channel = await slack(server, team, receiver, "#alerts");
  const action = { case: "send" as const, value: { channelIds: [channel] } };
  const { rule } = await server.api().routing.createRule({ teamId: team, rule: { displayName: "Findings", match: { types: ["finding.*"] }, action } });
  await open(page, server, `t/${team}/routing`);
  await page.getByRole("button", { name: "Actions for Findings" }).click();
  await page.getByRole("menuitem", { name: "Edit", exact: true }).click();
  const form = page.getByRole("dialog", { name: "Edit the rule" });
  await form.getByLabel("Name").fill("Findings of mine");
  await form.getByRole("button", { name: "Add to the draft" }).click();
  await expect(form).toBeHidden();
  await server.api().routing.updateRule({ teamId: team, rule: { id: rule?.id ?? "", displayName: "Findings of theirs" }, updateMask: { paths: ["display_name"] } });

  const draft = page.getByRole("region", { name: "Changes that are not saved" });
  await draft.getByRole("button", { name: "Apply" }).click();
  await expect(page.getByText("Somebody else has changed rules in the meantime.", { exact: false })).toBeVisible();
  await expect(draft.getByText("Somebody else has changed “Findings of mine” as well.")).toBeVisible();
  await expect(draft.getByRole("button", { name: "Apply" })).toBeDisabled();
  await accessible(page);
  await draft.getByRole("button", { name: "Take theirs" }).click();
  await expect(draft).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Actions for Findings of theirs" })).toBeVisible();
});
