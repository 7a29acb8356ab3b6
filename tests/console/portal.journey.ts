import { accessible, expect, test } from "./journey";

test("a link of a session signs its member in, as far as its key goes, and ends with the key", async ({ page, server, receiver, watched }) => {
  watched.allowed.push(/401/);
  const team = await server.team("Portal");
  await server.webhook(team, "SIEM", receiver.url);
  const ann = await server.member(team, "ann@acme.example", 1);
  const { key, apiKey } = await server.api().teams.createApiKey({ teamId: team, apiKey: { displayName: "backend", scopes: [3, 4, 6] } });
  const made = await server.api(key).teams.createPortalSession({ memberId: ann });
  const { pathname, hash } = new URL(made.url);
  await page.goto(`${server.url}${pathname}${hash}`);
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  // The token is in no address, and a reload has forgotten it.
  expect(page.url()).toBe(`${server.url}/console/t/${team}/overview`);
  await expect(page.getByRole("button", { name: /^ann@acme.example/ })).toBeVisible();
  // An Owner, but by a key that tests and replays nothing, and makes no keys.
  await page.getByRole("link", { name: "Channels" }).click();
  await expect(page.getByRole("button", { name: "New channel" })).toBeEnabled();
  await page.getByRole("link", { name: "SIEM" }).click();
  await expect(page.getByRole("button", { name: "Send test…" })).toBeDisabled();
  await page.getByRole("link", { name: "API keys" }).click();
  await expect(page.getByText("This credential may not manage API keys.")).toBeVisible();
  await page.getByRole("link", { name: "People" }).click();
  await expect(page.getByRole("button", { name: "New member" })).toBeEnabled();

  await server.api().teams.deleteApiKey({ teamId: team, apiKeyId: apiKey?.id ?? "" });
  await page.getByRole("link", { name: "Compliance" }).click();
  await expect(page.getByText("Your session has ended")).toBeVisible();
  await expect(page.getByRole("textbox", { name: "API key" })).toHaveCount(0);
  await accessible(page);
});

test("a session that only reads shows everything and changes nothing, not even what is the member's own", async ({ page, server }) => {
  const team = await server.team("Portal, to read");
  const ann = await server.member(team, "ann@acme.example", 1);
  const made = await server.api().teams.createPortalSession({ teamId: team, memberId: ann, readOnly: true, ttl: { seconds: 600n } });
  await server.emit(team, "Public bucket", { severity: 5 });
  const { hash } = new URL(made.url);
  await page.goto(`${server.url}/console/t/${team}/me${hash}`);
  await expect(page.getByRole("button", { name: "Mark all read" })).toBeDisabled();
  await expect(page.getByRole("combobox", { name: "Findings" })).toBeDisabled();
  await accessible(page);
  for (const [link, button] of [["Channels", "New channel"], ["Silences", "New silence"], ["People", "New member"], ["API keys", "New key"]] as const) {
    await page.getByRole("link", { name: link }).click();
    await expect(page.getByRole("button", { name: button })).toBeDisabled();
  }
  // The server refuses what the page does not offer.
  const refused = await server.api(made.token).inbox.markAllRead({ memberId: ann }).then(() => "done", String);
  expect(refused).toContain("this session may only read");
  const again = await server.api(made.token).teams.createPortalSession({ memberId: ann }).then(() => "done", String);
  expect(again).toContain("permission_denied");
});
