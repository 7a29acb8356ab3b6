import { Code, ConnectError } from "@connectrpc/connect";
import { Scope } from "../../services/console/web/src/api/gen/watchbell/config/v1/api_key_pb";
import { accessible, expect, open, test } from "./journey";

test("who may only read sees everything, changes nothing, and is refused by the server", async ({ page, server, receiver, watched }) => {
  watched.allowed.push(/403/);
  const team = await server.team("Readers");
  const channel = await server.webhook(team, "SIEM", receiver.url);
  await server.emit(team, "Public bucket");
  const { key } = await server.api().teams.createApiKey({
    teamId: team,
    apiKey: { displayName: "reader", scopes: [Scope.CONFIG_READ, Scope.DELIVERIES_READ] },
  });
  await open(page, server, "", key);
  await expect(page).toHaveURL(new RegExp(`/t/${team}/deliveries`));
  await page.getByRole("row", { name: /Public bucket/ }).click();
  await expect(page.getByRole("button", { name: "Replay", exact: true })).toBeDisabled();
  await expect(page.getByRole("button", { name: "Replay", exact: true })).toHaveAttribute("title", /may not test, replay/);
  await expect(page.getByRole("button", { name: "Replay all that match…" })).toBeDisabled();
  await accessible(page);
  await page.goto(`${server.url}/console/t/${team}/channels/${channel}?tab=settings#key=${key}`);
  await expect(page.getByText("This credential may not change the configuration.")).toBeVisible();
  await expect(page.getByLabel("Name", { exact: true })).toBeDisabled();
  await accessible(page);
  const forged = await server.api(key).channels.deleteChannel({ teamId: team, channelId: channel }).catch((error: unknown) => error);
  expect(ConnectError.from(forged).code).toBe(Code.PermissionDenied);
});

test("nothing of another team is shown, by address, id, search or stream", async ({ page, server, receiver, watched }) => {
  watched.allowed.push(/403|404/);
  const [mine, theirs] = [await server.team("Mine"), await server.team("Theirs")];
  await server.webhook(mine, "Mine", receiver.url);
  const foreign = await server.webhook(theirs, "Theirs", receiver.url);
  await server.emit(mine, "My bucket");
  const eventId = await server.emit(theirs, "Their secret bucket");
  const listed = await server.api().dispatcher.listDeliveries({ teamId: theirs, eventId });
  const delivery = listed.deliveries[0]?.id ?? "";
  const { key } = await server.api().teams.createApiKey({
    teamId: mine,
    apiKey: {
      displayName: "mine",
      scopes: [Scope.CONFIG_READ, Scope.CONFIG_WRITE, Scope.DELIVERIES_READ, Scope.DELIVERIES_WRITE],
    },
  });
  await open(page, server, `t/${theirs}/deliveries`, key);
  await expect(page.getByRole("heading", { name: "Page not found" })).toBeVisible();
  await open(page, server, `t/${mine}/deliveries?open=${delivery}`, key);
  await expect(page.getByRole("heading", { name: "Delivery not found" })).toBeVisible();
  await page.getByRole("searchbox").or(page.getByLabel("Filter deliveries")).first().fill(`event:${eventId}`);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Nothing matches" })).toBeVisible();
  await open(page, server, `t/${mine}/channels/${foreign}`, key);
  await expect(page.getByRole("heading", { name: "Channel not found" })).toBeVisible();

  await open(page, server, `t/${mine}/deliveries`, key);
  await expect(page.getByRole("row", { name: /My bucket/ })).toBeVisible();
  await expect(page.getByRole("status").filter({ hasText: "Live" }).first()).toBeVisible();
  await server.emit(theirs, "Their second bucket");
  await server.emit(mine, "My second bucket");
  await expect(page.getByRole("row", { name: /My second bucket/ })).toBeVisible();
  await expect(page.getByText(/Their/)).toHaveCount(0);
});

test("a key that ends under way is asked for again, once, and nothing on the screen is lost", async ({ page, server, receiver, watched }) => {
  watched.allowed.push(/401/);
  const team = await server.team("Ending");
  await server.webhook(team, "SIEM", receiver.url);
  await server.emit(team, "Public bucket");
  const scopes = [Scope.CONFIG_READ, Scope.CONFIG_WRITE, Scope.DELIVERIES_READ, Scope.DELIVERIES_WRITE];
  const soon = BigInt(Math.floor(Date.now() / 1_000) + 8);
  const { key } = await server.api().teams.createApiKey({ teamId: team, apiKey: { displayName: "short", scopes, expireTime: { seconds: soon } } });
  await open(page, server, `t/${team}/deliveries`, key);
  await expect(page.getByRole("row", { name: /Public bucket/ })).toBeVisible();
  await expect(page.getByRole("dialog", { name: "The key is no longer accepted" })).toBeVisible({ timeout: 40_000 });
  await expect(page.getByText("Public bucket").first()).toBeVisible();
  await accessible(page);
  let calls = 0;
  page.on("request", () => {
    calls += 1;
  });
  await page.waitForTimeout(2_000);
  expect(calls, "it does not go on asking").toBeLessThanOrEqual(2);
  const fresh = await server.api().teams.createApiKey({ teamId: team, apiKey: { displayName: "fresh", scopes } });
  await page.getByLabel("API key").fill(fresh.key);
  await page.getByRole("button", { name: "Resume" }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
  await server.emit(team, "Second bucket");
  await expect(page.getByRole("row", { name: /Second bucket/ })).toBeVisible();
  await expect(page.getByRole("row", { name: /Public bucket/ })).toHaveCount(1);
});

test("what is being typed outlives a key that ends", async ({ page, server, receiver, watched }) => {
  watched.allowed.push(/401/);
  const team = await server.team("Typing");
  const channelId = await server.webhook(team, "SIEM", receiver.url);
  const scopes = [Scope.CONFIG_WRITE, Scope.DELIVERIES_WRITE];
  const expireTime = { seconds: BigInt(Math.floor(Date.now() / 1_000) + 8) };
  const { key } = await server.api().teams.createApiKey({ teamId: team, apiKey: { displayName: "short", scopes, expireTime } });
  await open(page, server, `t/${team}/channels/${channelId}?tab=settings`, key);
  const name = page.getByLabel("Name", { exact: true });
  await name.fill("SIEM at night");
  await expect(page.getByRole("dialog", { name: "The key is no longer accepted" })).toBeVisible({ timeout: 40_000 });
  const fresh = await server.api().teams.createApiKey({ teamId: team, apiKey: { displayName: "fresh", scopes } });
  await page.getByLabel("API key").fill(fresh.key);
  await page.getByRole("button", { name: "Resume" }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(name).toHaveValue("SIEM at night");
  await page.getByRole("button", { name: "Save" }).click();
  await expect.poll(async () => (await server.api().channels.getChannel({ teamId: team, channelId })).channel?.displayName).toBe("SIEM at night");
});
