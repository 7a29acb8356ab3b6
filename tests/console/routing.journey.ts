import { accessible, applyDraft, expect, open, test } from "./journey";

test("a rule is made, moved by keyboard and pointer, and decides as was explained", async ({ page, server, receiver }) => {
  const team = await server.team("Rules");
  const slack = async (displayName: string) => {
    await server.api().channels.createChannel({
      teamId: team,
      channel: { displayName, destination: { case: "slack", value: { webhookUrl: receiver.url } } },
    });
  };
  await slack("#alerts");
  await slack("#critical");
  await slack("#rest");
  await open(page, server, `t/${team}/routing`);
  await expect(page.getByText("Alerts go to the default channels")).toBeVisible();
  await accessible(page);

  await page.getByRole("button", { name: "New rule" }).click();
  const form = page.getByRole("dialog", { name: "New rule" });
  await form.getByRole("button", { name: "Add to the draft" }).click();
  await expect(form.getByLabel("Name")).toHaveAttribute("aria-invalid", "true");
  await accessible(page);
  const trial = form.getByRole("region", { name: "Tried on the event in the playground" });
  await expect(trial).toContainText("The rule is not complete yet.");
  const make = async (name: string, type: string, channel: string, difference: string) => {
    await form.getByLabel("Name").fill(name);
    await form.getByLabel("Add a type or pattern").first().fill(type);
    await page.keyboard.press("Enter");
    await form.getByLabel(channel).check();
    // What it would do, before it is saved.
    await expect(trial).toContainText(difference);
    await form.getByRole("button", { name: "Add to the draft" }).click();
    await expect(form).toBeHidden();
  };
  await make("Everything", "*", "#rest", "Would get itSlack#rest");
  await page.getByRole("button", { name: "New rule" }).click();
  await make("Findings", "finding.*", "#critical", "It would go to the same recipients as now.");

  const rules = page.getByRole("region", { name: "Slack and Teams" }).getByRole("listitem");
  await expect(rules.first()).toContainText("Everything");
  await expect(rules.first()).toContainText("Would match");
  await expect(rules.last()).toContainText("An earlier rule has decided it.");
  await page.getByRole("button", { name: /^Move Findings/ }).focus();
  await page.keyboard.press("Alt+ArrowUp");
  await expect(rules.first()).toContainText("Findings");
  await expect(rules.first()).toContainText("Would match");
  await expect(page.getByText("Findings is now number 1 of 2")).toBeAttached();
  await rules.last().dragTo(rules.first());
  await expect(rules.first()).toContainText("Everything");
  await page.getByRole("button", { name: /^Move Everything/ }).focus();
  await page.keyboard.press("Alt+ArrowDown");
  await expect(rules.first()).toContainText("Findings");
  await expect(rules.first()).toContainText("Would match");
  await applyDraft(page, "2 changes");
  await expect(rules.first()).toContainText("Matches");

  const playground = page.getByRole("region", { name: "Who would get it?" });
  // A control for each field of the type; what the server says of it stands there.
  const field = playground.getByRole("textbox", { name: "finding_id" });
  await expect(field).toHaveValue("fnd-2041");
  await playground.getByText("9 more fields").click();
  await playground.getByRole("textbox", { name: "score", exact: true }).fill("eleven");
  await expect(playground.getByRole("textbox", { name: "score", exact: true })).toHaveAttribute("aria-invalid", "true");
  await playground.getByRole("textbox", { name: "score", exact: true }).fill("9.10");
  await field.fill("");
  await expect(field).toHaveAttribute("aria-invalid", "true");
  await field.fill("F-1");
  await expect(field).toHaveAttribute("aria-invalid", "false");
  await accessible(page);
  await playground.getByRole("button", { name: "As JSON" }).click();
  const json = playground.getByLabel("JSON of the data");
  await expect(json).toHaveValue(/"score": 9\.10,/);
  await json.fill("{broken");
  await expect(playground.getByText("This is not a JSON object.")).toBeVisible();
  await json.fill('{"finding_id": 7}');
  await expect(json).toHaveAttribute("aria-invalid", "true");
  await json.fill("");
  await expect(playground.getByText("The rule “Findings” sends it here.")).toBeVisible();
  await accessible(page);

  const eventId = await server.emit(team, "Public bucket");
  const { deliveries } = await server.api().dispatcher.listDeliveries({ teamId: team, eventId });
  const reasons = deliveries.map(({ route }) => route?.reason?.sentence);
  expect(reasons).toContain("The rule “Findings” sends it here.");

  await page.getByRole("button", { name: "Actions for Everything" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await expect(rules).toHaveCount(1);
  await applyDraft(page, "1 change");
  expect((await server.api().routing.listRules({ teamId: team })).rules.map(({ displayName }) => displayName)).toEqual(["Findings"]);
});

test("a rule gathers, reminds and escalates, and its form shows what it does again", async ({ page, server, receiver }) => {
  const team = await server.team("Follow-ups");
  for (const displayName of ["#scans", "#leads"]) {
    await server.api().channels.createChannel({
      teamId: team,
      channel: { displayName, destination: { case: "slack", value: { webhookUrl: receiver.url } } },
    });
  }
  await open(page, server, `t/${team}/routing`);
  await page.getByRole("button", { name: "New rule" }).click();
  const form = page.getByRole("dialog", { name: "New rule" });
  await form.getByLabel("Name").fill("Scans");
  await form.getByLabel("#scans").check();
  await form.getByRole("switch", { name: "Gather for a while", exact: true }).click();
  await form.getByLabel("Together by").fill("data.scan_id, type");
  await form.getByLabel("Wait", { exact: true }).fill("2m");
  await form.getByRole("switch", { name: "Remind", exact: true }).click();
  await form.getByLabel("Every", { exact: true }).fill("1s");
  await form.getByRole("switch", { name: "Escalate", exact: true }).click();
  await form.getByRole("group", { name: "Who is told then" }).getByLabel("#leads").check();
  await form.getByRole("button", { name: "Add to the draft" }).click();
  // What the server says of it stands at the field.
  await expect(form.getByLabel("Every", { exact: true })).toHaveAttribute("aria-invalid", "true");
  await accessible(page);
  await form.getByLabel("Every", { exact: true }).fill("4h");
  await form.getByRole("button", { name: "Add to the draft" }).click();
  await expect(form).toBeHidden();

  await applyDraft(page, "1 change");
  const rule = page.getByRole("region", { name: "Slack and Teams" }).getByRole("listitem").first();
  await expect(rule).toContainText("gathered by data.scan_id, type for 2m");
  await expect(rule).toContainText("reminds every 4h, at most 5 times");
  await expect(rule).toContainText("escalates after 1h to #leads");

  await page.getByRole("button", { name: "Actions for Scans" }).click();
  await page.getByRole("menuitem", { name: "Edit" }).click();
  const edit = page.getByRole("dialog", { name: "Edit the rule" });
  await expect(edit.getByLabel("Together by")).toHaveValue("data.scan_id, type");
  await edit.getByRole("switch", { name: "Remind", exact: true }).click();
  await edit.getByRole("switch", { name: "Gather for a while", exact: true }).click();
  await edit.getByRole("button", { name: "Add to the draft" }).click();
  await expect(edit).toBeHidden();
  await applyDraft(page, "1 change");
  await expect(rule).not.toContainText("reminds");
  await expect(rule).not.toContainText("gathered");
  await expect(rule).toContainText("escalates after 1h to #leads");
});

test("the playground asks about a real event at another moment, and sends it as a test", async ({ page, server, receiver }) => {
  const team = await server.team("Playground");
  const quietHours = { windows: [{ weekdays: [], start: "22:00", end: "06:00" }], timeZone: "UTC" };
  const channel = await server.webhook(team, "SIEM", receiver.url, { quietHours });
  const eventId = await server.emit(team, "Public bucket", { subject: "s3://audit-logs" });
  await open(page, server, `t/${team}/events?open=${eventId}`);
  await page.getByRole("link", { name: "Who would get it now?" }).click();
  const playground = page.getByRole("region", { name: "Who would get it?" });
  await expect(playground.getByLabel("Title", { exact: true })).toHaveValue("Public bucket");
  await expect(playground.getByLabel("Subject", { exact: true })).toHaveValue("s3://audit-logs");
  await playground.getByText(/more fields$/).click();
  await expect(playground.getByRole("textbox", { name: "resource", exact: true })).toHaveValue("s3://audit-logs");

  // By the handle on the day's band: midnight is quiet, noon is not.
  const moment = playground.getByRole("slider", { name: "Time of the day" });
  await moment.focus();
  await page.keyboard.press("Home");
  await expect(playground.getByText("00:00: quiet hours of SIEM.")).toBeVisible();
  await expect(playground.getByRole("listitem").filter({ hasText: "SIEM" })).toContainText("until 06:00");
  await accessible(page);
  await playground.getByLabel("At", { exact: true }).fill(`${new Date().toISOString().slice(0, 10)}T12:00`);
  await expect(playground.getByText("12:00: no channel is quiet.")).toBeVisible();
  await expect(playground.getByRole("listitem").filter({ hasText: "SIEM" })).toContainText("Now");
  await expect(page).not.toHaveURL(/event=/);

  await playground.getByLabel("Title", { exact: true }).fill("Public bucket, once more");
  const before = receiver.taken.length;
  await playground.getByRole("button", { name: "Send as a test…" }).click();
  const dialog = page.getByRole("dialog", { name: "Send a test" });
  await expect(dialog).toContainText("Public bucket, once more");
  await expect(dialog.getByLabel("Channel")).toHaveValue(channel);
  await accessible(page);
  await dialog.getByRole("button", { name: "Send test" }).click();
  await expect(dialog.getByText("Delivered.")).toBeVisible();
  const sent = receiver.taken.slice(before).map(({ body }) => JSON.parse(body) as object);
  expect(sent).toMatchObject([{ test: true, event: { title: "Public bucket, once more" }, data: { resource: "s3://audit-logs" } }]);
});
