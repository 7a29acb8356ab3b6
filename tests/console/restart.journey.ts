import { expect, open, test } from "./journey";
import { Watchbell } from "./server";

test("a server that is away is said, and found again without a row lost or twice", async ({ page, receiver, watched }) => {
  watched.allowed.push(/ERR_|Failed to load resource/);
  const server = await new Watchbell().start();
  try {
    const team = await server.team("Restart");
    await server.webhook(team, "SIEM", receiver.url);
    for (const number of [1, 2, 3]) await server.emit(team, `Bucket ${number}`);
    await open(page, server, `t/${team}/deliveries`);
    await expect(page.getByRole("row", { name: /Bucket/ })).toHaveCount(3);
    await server.stop();
    await expect(page.getByText("The server does not answer.")).toBeVisible({ timeout: 20_000 });
    await expect(page.getByRole("row", { name: /Bucket/ })).toHaveCount(3);
    await server.start();
    await server.emit(team, "Bucket 4");
    await expect(page.getByRole("row", { name: /Bucket 4/ })).toBeVisible({ timeout: 40_000 });
    await expect(page.getByText("The server does not answer.")).toBeHidden();
    await expect(page.getByRole("row", { name: /Bucket/ })).toHaveCount(4);
  } finally {
    await server.end();
  }
});

test("eight tabs share one stream and stay usable", async ({ context, server, receiver }) => {
  const team = await server.team("Tabs");
  await server.webhook(team, "SIEM", receiver.url);
  let streams = 0;
  context.on("request", (request) => {
    if (request.url().endsWith("/WatchDeliveries")) streams += 1;
  });
  const pages = [];
  for (let tab = 0; tab < 8; tab += 1) {
    const page = await context.newPage();
    await open(page, server, `t/${team}/deliveries`);
    await expect(page.getByRole("heading", { name: "Deliveries" })).toBeVisible();
    pages.push(page);
  }
  await server.emit(team, "For all");
  for (const page of pages) await expect(page.getByRole("row", { name: /For all/ })).toBeVisible();
  expect(streams).toBe(1);
});
