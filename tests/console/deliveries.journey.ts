import { accessible, expect, open, test } from "./journey";

test("an endpoint that fails turns unhealthy on the screen, and what was parked is delivered once it is mended", async ({ page, server, receiver }) => {
  const team = await server.team("Failing");
  await server.webhook(team, "SOAR", receiver.url);
  await server.emit(team, "Before");
  await open(page, server, `t/${team}/deliveries`);
  await expect(page.getByRole("row", { name: /Before/ })).toContainText("Delivered");

  receiver.status = 503;
  receiver.body = "upstream connect error";
  await server.emit(team, "Lost bucket");
  await expect(page.getByRole("row", { name: /Lost bucket/ })).toContainText("Failed");
  await expect(page.getByText("SOAR is unhealthy.")).toBeVisible();
  await expect(page.getByRole("link", { name: /Channels/ }).first()).toContainText("1");
  await server.emit(team, "Parked bucket");
  await expect(page.getByRole("row", { name: /Parked bucket/ })).toContainText("Parked");
  await accessible(page);

  await page.getByRole("row", { name: /Lost bucket/ }).click();
  const drawer = page.getByRole("complementary", { name: "Delivery" });
  await expect(drawer).toContainText("503");
  await expect(drawer).toContainText("upstream connect error");
  await expect(drawer).toContainText(/waited 1\.\d s/);
  await drawer.getByRole("button", { name: "Would it go there now?" }).click();
  await expect(drawer.getByText("by revision")).toBeVisible();
  await accessible(page);
  await page.keyboard.press("Escape");

  receiver.status = 200;
  await page.getByRole("button", { name: "Re-enable and deliver what is parked" }).click();
  await expect(page.getByRole("row", { name: /Parked bucket/ })).toContainText("Delivered");
  await expect(page.getByText("SOAR is unhealthy.")).toBeHidden();
});

test("one is replayed, all that match are replayed, and one that is held is cancelled", async ({ page, server, receiver }) => {
  const team = await server.team("Again");
  await server.webhook(team, "SIEM", receiver.url);
  await server.webhook(team, "Night", receiver.url, {
    quietHours: { windows: [{ weekdays: [], start: "00:00", end: "23:59" }] },
  });
  for (const number of [1, 2, 3]) await server.emit(team, `Bucket ${number}`);
  await open(page, server, `t/${team}/deliveries`);
  const row = (name: string, state: string) => page.getByRole("row").filter({ hasText: name }).filter({ hasText: state });
  await expect(row("Bucket 3", "Delivered")).toHaveCount(1);

  await row("Bucket 1", "Delivered").click();
  await page.getByRole("button", { name: "Replay", exact: true }).click();
  await expect(row("Bucket 1", "Delivered")).toHaveCount(2);
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: /^Delivered/ }).click();
  await expect(page).toHaveURL(/state=delivered/);
  await page.getByRole("button", { name: "Replay all that match…" }).click();
  await expect(page.getByText("4 deliveries match the filter.")).toBeVisible();
  await accessible(page);
  const before = receiver.taken.length;
  await page.getByRole("button", { name: "Send 4 again" }).click();
  await expect(page.getByText("4 of 4 sent again")).toBeVisible();
  await page.getByRole("button", { name: "Done" }).click();
  await expect.poll(() => receiver.taken.length).toBe(before + 4);

  await page.getByRole("button", { name: /^Held/ }).click();
  await row("Bucket 2", "Held").first().click();
  await page.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: "Cancel this delivery…" }).click();
  await page.getByRole("button", { name: "Cancel it" }).click();
  const drawer = page.getByRole("complementary", { name: "Delivery" });
  await expect(drawer.getByText("Cancelled").first()).toBeVisible();
});

test("texts of others stay texts", async ({ page, server, receiver }) => {
  const team = await server.team("<img src=x onerror=alert(1)>");
  const evil = `<img src=x onerror="document.title='owned'">`;
  receiver.status = 400;
  receiver.body = `<script>document.title='owned'</script>${evil}`;
  await server.webhook(team, `${evil} \u202Echannel`, receiver.url);
  await server.emit(team, `${evil} \u202Etitle`, { url: "https://example.com/finding", subject: evil });
  page.on("dialog", (dialog) => expect(dialog.message()).toBe("no dialog"));
  await open(page, server, `t/${team}/deliveries`);
  const row = page.getByRole("row", { name: /onerror/ }).filter({ hasText: "Webhook" });
  await expect(row).toContainText("⟨U+202E⟩title");
  await expect(row).toContainText("Failed");
  await row.click();
  const drawer = page.getByRole("complementary", { name: "Delivery" });
  await expect(drawer).toContainText("<script>document.title='owned'</script>");
  await expect(drawer.locator("img, script")).toHaveCount(0);
  await drawer.getByText(/^Event/).click();
  const link = drawer.getByRole("link", { name: "Open link" });
  await expect(link).toHaveAttribute("rel", "noopener noreferrer");
  await page.getByRole("link", { name: "Channels" }).click();
  await expect(page.locator(".channel-link")).toContainText("⟨U+202E⟩channel");
  expect(await page.title()).toBe("Watchbell");
  await accessible(page);
});

test("the log is read by keyboard alone", async ({ page, server, receiver }) => {
  const team = await server.team("Keys");
  await server.webhook(team, "SIEM", receiver.url);
  for (const number of [1, 2, 3]) await server.emit(team, `Bucket ${number}`);
  await open(page, server, `t/${team}/deliveries`);
  await expect(page.getByRole("row", { name: /Bucket 3/ })).toContainText("Delivered");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  const drawer = page.getByRole("complementary", { name: "Delivery" });
  await expect(drawer.getByRole("heading", { name: "Bucket 2" })).toBeVisible();
  await page.keyboard.press("j");
  await expect(drawer.getByRole("heading", { name: "Bucket 1" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(drawer).toBeHidden();
  await page.keyboard.press("/");
  await page.keyboard.type("state:broken");
  await page.keyboard.press("Enter");
  await expect(page.getByText("“broken” is no state.")).toBeVisible();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("state:delivered channel:siem");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/state=delivered/);
  await expect(page).toHaveURL(/channel=chn_/);
  await page.keyboard.press("Escape");
  await page.keyboard.press("k");
  await page.keyboard.press("r");
  await expect(page.getByText("Sent again")).toBeVisible();
});

test("six thousand rows are as many as forty", async ({ page, server, receiver }) => {
  const team = await server.team("Many");
  const channel = await server.webhook(team, "Night", receiver.url, { quietHours: { windows: [{ weekdays: [], start: "00:00", end: "23:59" }] } });
  const payload = { case: "dataJson" as const, value: new TextEncoder().encode('{"finding_id":"f","title":"t","resource":"r"}') };
  for (let batch = 0; batch < 6; batch += 1) {
    const events = Array.from({ length: 1_000 }, (_, index) => ({ type: "finding.created", title: `Bucket ${batch * 1_000 + index}`, payload }));
    await server.api().router.emitBatch({ teamId: team, events });
  }
  await open(page, server, `t/${team}/deliveries?range=all&channel=${channel}`);
  const grid = page.getByRole("grid");
  const toTheEnd = () => grid.evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await expect(page.getByText("1,000+")).toBeVisible();
  const all = page.getByText(/^6,000 ·/);
  let most = 0;
  for (let step = 0; step < 60 && (await all.count()) === 0; step += 1) {
    await toTheEnd();
    await page.waitForFunction(() => document.querySelector('[role="grid"] [aria-busy="true"]') === null);
    most = Math.max(most, await page.locator("[data-id]").count());
  }
  await expect(all).toBeVisible();
  expect(most, "rows in the page").toBeLessThanOrEqual(60);
  await toTheEnd();
  await expect(page.locator('[data-id][aria-rowindex="6000"]')).toBeVisible();
  await grid.evaluate((element) => element.scrollTo(0, element.scrollHeight / 2));
  await expect(page.locator('[data-id][aria-rowindex="3000"]')).toBeVisible();
});
