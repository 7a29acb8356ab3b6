import type { Locator } from "@playwright/test";
import { accessible, expect, open, test } from "./journey";

/** The text of the editor. */
const written = (editor: Locator) =>
  editor.evaluate((element) => Array.from(element.querySelectorAll(".cm-line"), (line) => line.textContent).join("\n"));

/** Writes another text into the editor, as pasting does. */
async function write(editor: Locator, text: string): Promise<void> {
  await editor.press("ControlOrMeta+a");
  await editor.evaluate((element, pasted) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", pasted);
    element.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  }, text);
}

test("the document is changed, compared, applied, and refused when it is old or wrong", async ({ page, server, receiver }) => {
  const team = await server.team("Document");
  await server.webhook(team, "SIEM", receiver.url);
  await open(page, server, `t/${team}/config`);
  const text = page.getByRole("textbox", { name: "The team’s document" });
  await expect(text).toContainText("name: SIEM");
  const before = await written(text);
  await write(text, `${before.replace("rules: []", "")}\nnonsense: 1\n`);
  await page.getByRole("button", { name: "Compare" }).click();
  await expect(page.getByText("The document was refused")).toBeVisible();
  await expect(page.getByRole("alert")).toContainText("nonsense");
  // On its line, which is the last but one.
  await page.getByRole("alert").getByRole("button", { name: /^Line \d+$/ }).first().click();
  await expect(text).toBeFocused();
  expect(await text.evaluate((element) => (element.getRootNode() as unknown as Document).getSelection()?.toString())).toBe("nonsense: 1");
  const changed = before.replace("compliance_recipients: []", "compliance_recipients:\n- audit@acme.example").replace("name: SIEM", "name: SIEM\n  description: Everything");
  await write(text, changed);
  // Somebody else changes something before it is compared: comparing says so, instead of showing it as a change of one's own.
  await server.member(team, "adam@acme.example");
  await page.getByRole("button", { name: "Compare" }).click();
  await expect(page.getByText("The configuration has changed since it was read")).toBeVisible();
  await expect(page.getByRole("button", { name: "Apply…" })).toBeDisabled();
  await page.getByRole("button", { name: "Read it again and keep my text" }).click();
  await expect(page.getByText("The configuration has changed since it was read")).toBeHidden();
  await page.getByRole("button", { name: "Compare" }).click();
  await expect(page.getByRole("heading", { name: /changes?$/ })).toBeVisible();
  await expect(page.getByRole("region", { name: "What would change" })).toContainText("description");
  await accessible(page);

  // Somebody else is faster.
  await server.member(team, "olga@acme.example");
  await page.getByRole("button", { name: "Apply…" }).click();
  await page.getByRole("button", { name: /^Apply \d/ }).click();
  await expect(page.getByText("The configuration has changed since it was read")).toBeVisible();
  await page.getByRole("button", { name: "Read it again and keep my text" }).click();
  await page.getByRole("button", { name: "Compare" }).click();
  await page.getByRole("button", { name: "Apply…" }).click();
  await page.getByRole("button", { name: /^Apply \d/ }).click();
  await expect(page.getByText(/changes? applied/)).toBeVisible();
  await expect(text).toContainText("description: Everything");
  await expect(page.getByText("There are no changes to compare.")).toBeVisible();
});

test("the editor completes keys, words and names, and a draft is judged by the events of the last seven days", async ({ page, server, receiver }) => {
  const team = await server.team("Draft");
  await server.webhook(team, "SIEM", receiver.url);
  await server.emit(team, "Bucket 1");
  await open(page, server, `t/${team}/config`);
  const text = page.getByRole("textbox", { name: "The team’s document" });
  await expect(text).toContainText("name: SIEM");
  const before = await written(text);
  await write(text, `${before.replace(/channels:[^]*?\nrules:/, "channels: []\nrules:").trimEnd()}\n`);
  await text.press("ControlOrMeta+End");
  await page.keyboard.type("sile");
  await page.getByRole("option", { name: "silences" }).click();
  await page.keyboard.type(" []");
  await expect(text).toContainText("silences: []");
  await page.getByRole("button", { name: "Compare" }).click();
  await page.getByRole("button", { name: "Judge by the last seven days" }).click();
  const judged = page.getByRole("region", { name: "The last seven days" });
  await expect(judged).toContainText("1 of 1 event would reach others.");
  await expect(judged).toContainText("SIEM");
  await accessible(page);

  // Applied, it is the document, and there is nothing left to compare.
  await page.getByRole("button", { name: "Apply…" }).click();
  await page.getByRole("button", { name: /^Apply \d/ }).click();
  await expect(page.getByText(/changes? applied/)).toBeVisible();
  await expect(page.getByText("There are no changes to compare.")).toBeVisible();
  expect((await server.api().channels.listChannels({ teamId: team })).channels.filter(({ displayName }) => displayName === "SIEM")).toEqual([]);
});

test("a key is made, shown once, used, and deleted", async ({ page, server }) => {
  const team = await server.team("Keys");
  await open(page, server, `t/${team}/keys`);
  await expect(page.getByText("The team has no keys yet")).toBeVisible();
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByRole("button", { name: "Create" }).click();
  await expect(page.getByRole("textbox", { name: "Name" })).toHaveAttribute("aria-invalid", "true");
  await page.getByRole("textbox", { name: "Name" }).fill("ci");
  await accessible(page);
  await page.getByRole("button", { name: "Create" }).click();
  const key = await page.getByLabel("API key").innerText();
  expect(key).toMatch(/^wbk_/);
  await page.getByRole("button", { name: "I have stored it" }).click();
  await expect(page.getByText(key)).toHaveCount(0);
  expect((await server.api(key).teams.getSelf({})).administers).toBe(false);
  await expect(page.getByRole("listitem").filter({ hasText: "ci" })).toContainText("emit");
  await accessible(page);
  await page.getByRole("button", { name: "Delete ci" }).click();
  await page.getByRole("button", { name: "Delete it" }).click();
  await expect(page.getByText("The team has no keys yet")).toBeVisible();
});

test("a member is made, changed, and removed; what is wrong is said at its field", async ({ page, server }) => {
  const team = await server.team("People");
  await open(page, server, `t/${team}/people`);
  await expect(page.getByText("The team has no members yet")).toBeVisible();
  await page.getByRole("button", { name: "New member" }).click();
  await page.getByRole("textbox", { name: "Email" }).fill("olga");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("textbox", { name: "Email" })).toHaveAttribute("aria-invalid", "true");
  await page.getByRole("textbox", { name: "Email" }).fill("olga@acme.example");
  await page.getByRole("textbox", { name: "Name" }).fill("Olga");
  await page.getByRole("combobox", { name: "Role" }).selectOption("Admin");
  await accessible(page);
  await page.getByRole("button", { name: "Save" }).click();
  const row = page.getByRole("listitem").filter({ hasText: "olga@acme.example" });
  await expect(row).toContainText("Admin");
  await page.getByRole("button", { name: "Edit Olga" }).click();
  await page.getByRole("textbox", { name: "Slack user" }).fill("U0123OLGA");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(row).toContainText("U0123OLGA");
  await page.getByRole("button", { name: "Remove Olga" }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await expect(page.getByText("The team has no members yet")).toBeVisible();
});

test("the digest is scheduled and previewed as it would arrive", async ({ page, server }) => {
  const team = await server.team("Digest & Sons");
  await server.member(team, "olga@acme.example", 1);
  await open(page, server, `t/${team}/digest`);
  const mail = page.getByRole("region", { name: "As mail" });
  await expect(mail).toContainText("The week of Digest & Sons");
  await page.getByRole("button", { name: "As text" }).click();
  await expect(page.getByText("The week of Digest & Sons", { exact: false }).last()).toBeVisible();
  await page.getByRole("textbox", { name: "Schedule" }).fill("30 7 * * MON,THU");
  await expect(page.getByText("Mon, Thu at 07:30")).toBeVisible();
  // Somebody else changes another part: what was typed stays, theirs is taken over.
  await server.api().preferences.updateDigestSettings({ teamId: team, settings: { recipients: ["ann@acme.example"] }, updateMask: { paths: ["recipients"] } });
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Changed by somebody else in the meantime, and taken over: Recipients.")).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Schedule" })).toHaveValue("30 7 * * MON,THU");
  await expect(page.getByRole("textbox", { name: "Recipients" })).toHaveValue("ann@acme.example");
  await page.getByRole("button", { name: "Save" }).click();
  await expect.poll(async () => (await server.api().preferences.getDigestSettings({ teamId: team })).settings?.cron).toBe("30 7 * * MON,THU");
  await page.getByRole("textbox", { name: "Schedule" }).fill("* * * * *");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("textbox", { name: "Schedule" })).toHaveAttribute("aria-invalid", "true");
  await accessible(page);
});

test("receipts go to whom the page says, and are listed", async ({ page, server }) => {
  const team = await server.team("Receipts");
  await open(page, server, `t/${team}/compliance`);
  await page.getByRole("textbox", { name: "Who gets receipts" }).fill("nobody");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("textbox", { name: "Who gets receipts" })).toHaveAttribute("aria-invalid", "true");
  await page.getByRole("textbox", { name: "Who gets receipts" }).fill("audit@acme.example");
  await page.getByRole("button", { name: "Save" }).click();
  await expect.poll(async () => (await server.api().preferences.getComplianceRecipients({ teamId: team })).recipients).toEqual(["audit@acme.example"]);
  await expect(page.getByText("None among the last 0 deliveries by email.")).toBeVisible();
  await accessible(page);
});

test("a type of the team's own is made, used and deleted; those that come with Watchbell stay", async ({ page, server, receiver }) => {
  const team = await server.team("Catalog");
  await server.webhook(team, "SIEM", receiver.url);
  await open(page, server, `t/${team}/catalog`);
  await page.getByRole("searchbox", { name: "Find a type" }).fill("finding.created");
  await page.getByRole("link", { name: /finding\.created/ }).click();
  await expect(page.getByText("Built in: it cannot be changed.")).toBeVisible();
  await accessible(page);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "New type" }).click();
  await page.getByRole("textbox", { name: "Type", exact: true }).fill("Backup Failed");
  await page.getByRole("textbox", { name: "Description" }).fill("A backup failed.");
  await page.getByRole("textbox", { name: "Title" }).fill("Backup failed");
  await page.getByRole("textbox", { name: "Schema of its data" }).fill("{");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("textbox", { name: "Schema of its data" })).toHaveAttribute("aria-invalid", "true");
  await page.getByRole("textbox", { name: "Schema of its data" }).fill('{"type": "object"}');
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("textbox", { name: "Type", exact: true })).toHaveAttribute("aria-invalid", "true");
  await page.getByRole("textbox", { name: "Type", exact: true }).fill("backup.failed");
  await accessible(page);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("region", { name: "backup.failed" })).toContainText("A backup failed.");
  const payload = { case: "dataJson" as const, value: new TextEncoder().encode('{"id": 12345678901234567890}') };
  await server.emit(team, "Nightly backup", { type: "backup.failed", payload });
  await page.getByRole("link", { name: "Events" }).click();
  await page.getByRole("link", { name: /Nightly backup/ }).click();
  await expect(page.getByRole("region", { name: "Event" })).toContainText("12345678901234567890");
  await expect(page.getByRole("link", { name: /Nightly backup/ })).toHaveAttribute("aria-current");
  await expect(page.getByRole("region", { name: "Event" })).toContainText("SIEM");
  await accessible(page);
  await page.getByRole("link", { name: "Event catalog" }).click();
  await page.getByRole("link", { name: /backup\.failed/ }).click();
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("button", { name: "Delete it" }).click();
  await expect(page.getByRole("link", { name: /backup\.failed/ })).toHaveCount(0);
});

test("the overview says what is missing, what fails, and what happens", async ({ page, server, receiver }) => {
  const team = await server.team("Overview");
  await open(page, server, `t/${team}/overview`);
  await expect(page.getByText("There is no channel yet", { exact: false })).toBeVisible();
  await expect(page.getByText("The team has no Owner", { exact: false })).toBeVisible();
  await accessible(page);
  receiver.status = 503;
  await server.webhook(team, "SOAR", receiver.url);
  await server.member(team, "olga@acme.example", 1);
  await server.emit(team, "Lost bucket");
  await expect(page.getByRole("row", { name: /Lost bucket/ }).filter({ hasText: "SOAR" })).toContainText("Failed");
  await expect(page.getByText("SOAR is unhealthy.")).toBeVisible();
  await accessible(page);
  await page.getByRole("row", { name: /Lost bucket/ }).filter({ hasText: "SOAR" }).click();
  await expect(page.getByRole("complementary", { name: "Delivery" })).toContainText("503");
});

test("what is odd about the configuration is said on the overview, and what a draft would bring before it is applied", async ({ page, server, receiver }) => {
  const team = await server.team("Findings");
  await server.api().channels.createChannel({
    teamId: team,
    channel: { displayName: "#alerts", destination: { case: "slack", value: { webhookUrl: receiver.url } } },
  });
  await server.api().channels.createChannel({
    teamId: team,
    channel: { displayName: "#unused", destination: { case: "slack", value: { webhookUrl: receiver.url } } },
  });
  await open(page, server, `t/${team}/overview`);
  const findings = page.getByRole("region", { name: "Worth a look" });
  await expect(findings).toContainText("#unused");
  await accessible(page);
  await findings.getByRole("link", { name: "Channels" }).first().click();
  await expect(page.getByRole("heading", { name: "Channels" })).toBeVisible();

  await page.goto("about:blank");
  await open(page, server, `t/${team}/config`);
  const text = page.getByRole("textbox", { name: "The team’s document" });
  await expect(text).toContainText("#unused");
  const rules = 'rules:\n- name: All\n  match:\n    types: ["*"]\n  send: ["#alerts"]\n- name: Too late\n  match:\n    types: [finding.created]\n  send: ["#unused"]';
  await write(text, (await written(text)).replace("rules: []", rules));
  await page.getByRole("button", { name: "Compare" }).click();
  await expect(page.getByRole("heading", { name: /changes?$/ })).toBeVisible();
  await expect(page.getByRole("region", { name: "Worth a look" })).toContainText("Too late");
  await accessible(page);
});

test("mentions are made and triggers are read", async ({ page, server }) => {
  const team = await server.team("Mentions");
  await open(page, server, `t/${team}/routing?view=mentions`);
  await expect(page.getByText("Nobody is mentioned yet")).toBeVisible();
  await page.getByRole("button", { name: "New mention" }).click();
  await page.getByRole("combobox", { name: "Event types" }).fill("finding.*");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("mentions", { exact: false }).first()).toBeVisible();
  await page.getByRole("combobox", { name: "What kind" }).selectOption("@here in Slack");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await accessible(page);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("listitem").filter({ hasText: "finding.*" })).toContainText("@here");
  await accessible(page);
  await page.getByRole("button", { name: "Delete the mention about finding.*" }).click();
  await page.getByRole("button", { name: "Delete it" }).click();
  await expect(page.getByText("Nobody is mentioned yet")).toBeVisible();
  await page.getByRole("button", { name: "Triggers" }).click();
  await expect(page.getByRole("link", { name: "finding.created" })).toBeVisible();
  await accessible(page);
});

test("who may only read sees every page, and changes nothing on it", async ({ page, server }) => {
  const team = await server.team("Reader");
  await server.member(team, "olga@acme.example", 1);
  const { key } = await server.api().teams.createApiKey({ teamId: team, apiKey: { displayName: "reader", scopes: [2, 4] } });
  await open(page, server, `t/${team}/people`, key);
  await expect(page.getByRole("button", { name: "New member" })).toBeDisabled();
  await expect(page.getByRole("button", { name: "Inbox" })).toHaveCount(0);
  await page.getByRole("link", { name: "API keys" }).click();
  await expect(page.getByText("This credential may not manage API keys.")).toBeVisible();
  await page.getByRole("link", { name: "Config as code" }).click();
  await expect(page.getByRole("textbox", { name: "The team’s document" })).toHaveAttribute("aria-readonly", "true");
  await page.getByRole("link", { name: "Digest" }).click();
  await expect(page.getByRole("button", { name: "Send now…" })).toBeDisabled();
  await page.getByRole("link", { name: "Compliance" }).click();
  await expect(page.getByRole("button", { name: "Save" })).toBeDisabled();
  await accessible(page);
});
