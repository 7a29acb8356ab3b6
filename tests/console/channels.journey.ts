import { accessible, expect, open, test } from "./journey";

test("what two people change of a channel is merged, and what both changed is asked about", async ({ page, server, receiver }) => {
  const team = await server.team("Two");
  const id = await server.webhook(team, "SIEM", receiver.url);
  await open(page, server, `t/${team}/channels/${id}?tab=settings`);
  await page.getByLabel("Name", { exact: true }).fill("SIEM one");
  const update = async (channel: Record<string, unknown>, paths: string[]) => {
    await server.api().channels.updateChannel({ teamId: team, channel: { id, ...channel }, updateMask: { paths } });
  };
  await update({ description: "by another" }, ["description"]);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText(/Changed by somebody else in the meantime, and taken over: Description/)).toBeVisible();
  await expect(page.getByLabel(/Description/)).toHaveValue("by another");
  await update({ displayName: "SIEM two" }, ["display_name"]);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Somebody else has changed Name as well.")).toBeVisible();
  await accessible(page);
  await page.getByRole("button", { name: "Keep mine" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved", { exact: true })).toBeVisible();
  const { channel } = await server.api().channels.getChannel({ teamId: team, channelId: id });
  expect([channel?.displayName, channel?.description]).toEqual(["SIEM one", "by another"]);
});

test("every side of a channel can be set, and the secret be rotated", async ({ page, server, receiver }) => {
  const team = await server.team("Sides");
  const id = await server.webhook(team, "SIEM", receiver.url);
  await open(page, server, `t/${team}/channels/${id}`);
  const side = (name: string) => page.getByRole("navigation", { name: "SIEM" }).getByRole("link", { name }).click();
  const save = async () => {
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByRole("button", { name: "Save" })).toBeHidden();
  };
  await side("Filter");
  await page.getByRole("button", { name: "Remove *" }).click();
  await page.getByLabel("Add a type or pattern").first().fill("finding.*");
  await page.keyboard.press("Enter");
  await expect(page.getByText(/matches \d+ types/)).toBeVisible();
  await page.getByLabel("Expression").fill("event.nonsense ==");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByLabel("Expression")).toHaveAttribute("aria-invalid", "true");
  await page.getByLabel("Expression").fill('event.data.env == "prod"');
  await save();
  await accessible(page);

  await side("Quiet hours");
  await page.getByRole("switch", { name: "Hold during quiet hours" }).click();
  await page.getByLabel("From, Window 1").fill("23:00");
  await page.getByLabel("Time zone").fill("Europe/Berlin");
  await save();
  await accessible(page);
  await side("Storm");
  await page.getByRole("switch", { name: "Own limit" }).click();
  await page.getByLabel("Messages").fill("5");
  await page.getByLabel("Within").fill("2m");
  await save();
  await accessible(page);
  await side("Retries");
  await page.getByLabel("Waits between attempts").fill("5s, 1m, never");
  await expect(page.getByText("“never” is not a duration")).toBeVisible();
  await page.getByLabel("Waits between attempts").fill("5s, 1m, 1h");
  await save();
  await accessible(page);

  const { channel } = await server.api().channels.getChannel({ teamId: team, channelId: id });
  expect(channel?.quietHours?.windows[0]).toMatchObject({ start: "23:00", end: "07:00" });
  expect(channel?.quietHours?.timeZone).toBe("Europe/Berlin");
  expect([channel?.stormControl?.maxMessages, channel?.stormControl?.window?.seconds]).toEqual([5, 120n]);
  expect(channel?.delivery?.retryDelays.map(({ seconds }) => seconds)).toEqual([5n, 60n, 3_600n]);
  const filter = channel?.destination.case === "webhook" ? channel.destination.value.filter : undefined;
  expect([filter?.types, filter?.expression]).toEqual([["finding.*"], 'event.data.env == "prod"']);

  await side("Health");
  await accessible(page);
  await page.getByRole("button", { name: "Rotate the signing secret…" }).click();
  await page.getByRole("button", { name: "Make a new secret" }).click();
  await expect(page.getByLabel("Signing secret", { exact: true })).toHaveText(/^whsec_/);
  await expect(page.getByText(/old secret keeps signing/)).toBeVisible();
  await page.getByRole("button", { name: "I have stored it" }).click();

  await page.getByRole("button", { name: "Actions for SIEM" }).click();
  await page.getByRole("menuitem", { name: "Pause" }).click();
  await expect(page.getByText("Paused", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Actions for SIEM" }).click();
  await page.getByRole("menuitem", { name: "Delete…" }).click();
  await accessible(page);
  await page.getByRole("button", { name: "Delete it" }).click();
  await expect(page.getByRole("heading", { name: "No channel yet" })).toBeVisible();
});
