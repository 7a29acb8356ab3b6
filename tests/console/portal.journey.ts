import { accessible, expect, open, otherBrowser, test } from "./journey";

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

test("whoever holds a key makes a link that signs a member in, shown once with its end and what it may do", async ({ browser, context, page, server }) => {
  const team = await server.team("Sign-in links");
  await server.member(team, "ann@acme.example", 1);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await open(page, server, `t/${team}/people`);
  await page.getByRole("button", { name: "Sign-in link for ann@acme.example" }).click();
  const form = page.getByRole("dialog", { name: "A sign-in link for ann@acme.example" });
  await form.getByLabel("Lasts").selectOption("30 minutes");
  await expect(form).toContainText("It does what the member may (Owner), and nothing that your key may not.");
  await form.getByRole("switch", { name: "Only to look" }).click();
  await accessible(page);
  await form.getByRole("button", { name: "Create" }).click();
  const shown = page.getByRole("dialog", { name: "Sign-in link for ann@acme.example" });
  const link = (await shown.getByLabel("The link").textContent()) ?? "";
  expect(link).toMatch(new RegExp(`/console/t/${team}/overview#session=wbs_`));
  await expect(shown).toContainText("It shows everything that the member may see, and changes nothing.");
  await expect(shown).toContainText(/It ends at \d\d:\d\d/);
  await accessible(page);
  await shown.getByRole("button", { name: "Copy" }).click();
  await expect(shown.getByRole("button", { name: "Copied", exact: true })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(link);
  await shown.getByRole("button", { name: "I have copied it" }).click();
  await expect(page.getByText(new URL(link).hash)).toHaveCount(0);

  const theirs = await otherBrowser(browser);
  const other = await theirs.newPage();
  const { pathname, hash } = new URL(link);
  await other.goto(`${server.url}${pathname}${hash}`);
  await expect(other.getByRole("button", { name: /^ann@acme.example/ })).toBeVisible();
  // A session makes no sessions.
  await other.getByRole("link", { name: "People" }).click();
  await expect(other.getByRole("button", { name: "Sign-in link for ann@acme.example" })).toBeDisabled();
  await theirs.close();
});
