import { create, toBinary } from "@bufbuild/protobuf";
import { RetryInfoSchema } from "../../services/console/web/src/api/gen/google/rpc/error_details_pb";
import { StatusSchema } from "../../services/console/web/src/api/gen/google/rpc/status_pb";
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

  // What had failed by then is recovered by the filter, after it was counted.
  await page.getByRole("group", { name: "States" }).getByRole("button", { name: /Failed/ }).click();
  await page.getByRole("button", { name: "Recover all that match…" }).click();
  const dialog = page.getByRole("alertdialog", { name: "Recover all that match" });
  await expect(dialog.getByText("1 delivery would be delivered again.")).toBeVisible();
  await accessible(page);
  await dialog.getByRole("button", { name: "Deliver 1 again" }).click();
  await expect(page.getByText("1 delivery queued again")).toBeVisible();
  await page.getByRole("group", { name: "States" }).getByRole("button", { name: /^All/ }).click();
  await expect(page.getByRole("row", { name: /Lost bucket/ })).toContainText("Delivered");
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
  await expect(page.getByText("2 deliveries would be sent again.")).toBeVisible();
  await accessible(page);
  const before = receiver.taken.length;
  await page.getByRole("button", { name: "Send 2 again" }).click();
  await expect(page.getByText("2 deliveries queued again")).toBeVisible();
  await expect.poll(() => receiver.taken.length).toBe(before + 2);

  await page.getByRole("button", { name: /^Held/ }).click();
  await row("Bucket 2", "Held").first().click();
  await page.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: "Cancel this delivery…" }).click();
  await page.getByRole("button", { name: "Cancel it" }).click();
  const drawer = page.getByRole("complementary", { name: "Delivery" });
  await expect(drawer.getByText("Cancelled").first()).toBeVisible();

  // The others that are held are called off by the filter, after they were counted.
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Cancel all that match…" }).click();
  const dialog = page.getByRole("alertdialog", { name: "Cancel all that match" });
  await expect(dialog.getByText("2 deliveries would be called off.")).toBeVisible();
  await accessible(page);
  await dialog.getByRole("button", { name: "Call 2 off" }).click();
  await expect(page.getByText("2 deliveries called off")).toBeVisible();
  await expect(page.getByRole("button", { name: /^Cancelled/ })).toContainText("3");
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
  // The last row that comes by itself: no row moves any more.
  await expect(page.getByRole("row", { name: /is unhealthy/ }).first()).toBeVisible();
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
  await expect(page.getByText("“broken” is not a state.")).toBeVisible();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("state:delivered channel:siem");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/state=delivered/);
  await expect(page).toHaveURL(/channel=chn_/);
  await page.keyboard.press("Escape");
  await expect(page.getByText(/^3 ·/)).toBeVisible();
  await page.keyboard.press("k");
  await page.keyboard.press("r");
  await expect(page.getByText("Sent again")).toBeVisible();
});

test("columns are hidden by the menu, and by the address", async ({ page, server, receiver }) => {
  const team = await server.team("Columns");
  await server.webhook(team, "SIEM", receiver.url);
  await server.emit(team, "Bucket 1");
  await open(page, server, `t/${team}/deliveries`);
  const cells = page.locator("[data-id]").first().getByRole("gridcell");
  await expect(cells).toHaveCount(7);
  await page.getByRole("button", { name: "Columns" }).click();
  await page.getByRole("menuitemcheckbox", { name: "Why" }).click();
  await page.getByRole("menuitemcheckbox", { name: "Tries" }).click();
  await page.keyboard.press("Escape");
  await expect(cells).toHaveCount(5);
  await expect(page).toHaveURL(/hide=why,tries/);
  await page.getByRole("button", { name: /^All/ }).click();
  await expect(page).toHaveURL(/hide=why,tries/);
  await accessible(page);
});

test("the palette leads to pages, channels and ids", async ({ page, server, receiver }) => {
  const team = await server.team("Palette");
  await server.webhook(team, "SIEM", receiver.url);
  const event = await server.emit(team, "Bucket 1");
  await open(page, server, `t/${team}/deliveries`);
  await expect(page.getByRole("row", { name: /Bucket 1/ }).first()).toBeVisible();
  const search = page.getByRole("combobox", { name: "Go to" });
  await page.keyboard.press("Control+k");
  await search.fill("siem");
  await expect(page.getByRole("option")).toHaveCount(1);
  await accessible(page);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/channels\/chn_/);
  await page.keyboard.press("Control+k");
  await search.fill(event);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(`event=${event}`));
  await page.keyboard.press("Control+k");
  await search.fill("nothing of that name");
  await expect(page.getByText("Nothing matches")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(search).toBeHidden();
});

test("what the server asks to wait for is counted down, and asked again", async ({ page, server, watched }) => {
  watched.allowed.push(/429|Failed to load/);
  const team = await server.team("Busy");
  const detail = toBinary(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: { seconds: 4n } }));
  const status = create(StatusSchema, {
    code: 8,
    message: "too many calls at once",
    details: [{ typeUrl: "type.googleapis.com/google.rpc.RetryInfo", value: detail }],
  });
  let until = 0;
  await page.route("**/ListChannels", async (route) => {
    if (until === 0) until = Date.now() + 3_000;
    if (Date.now() > until) return route.continue();
    return route.fulfill({
      headers: {
        "content-type": "application/grpc-web+proto",
        "grpc-status": "8",
        "grpc-message": "too many calls at once",
        "grpc-status-details-bin": Buffer.from(toBinary(StatusSchema, status)).toString("base64"),
      },
      body: "",
    });
  });
  await open(page, server, `t/${team}/channels`);
  await expect(page.getByText("too many calls at once")).toBeVisible();
  await expect(page.getByRole("button", { name: /Try again in 0:0[1-4]/ })).toBeVisible();
  await expect(page.getByText("No channel yet")).toBeVisible();
});

test("what is held is shown at the moment of its release", async ({ page, server, receiver }) => {
  const team = await server.team("Night");
  const channel = await server.webhook(team, "Night", receiver.url, { quietHours: { windows: [{ weekdays: [], start: "00:00", end: "23:59" }] } });
  for (const number of [1, 2]) await server.emit(team, `Bucket ${number}`);
  await open(page, server, `t/${team}/channels/${channel}?tab=quiet`);
  await expect(page.getByText(/2 deliveries held until \w+ 23:59/)).toBeVisible();
  await expect(page.locator(".band-dot")).toHaveAttribute("title", "2 deliveries");
});
