import { accessible, expect, open, test } from "./journey";
import { Watchbell } from "./server";
import { WallClock } from "./stand-ins";

// In Berlin the clocks go from 02:00 to 03:00 in this night: the window is an hour shorter than its times say.
const BEFORE = new Date("2027-03-28T00:59:00Z");
const NEARLY = new Date("2027-03-28T01:29:57Z");

test("what is held over the night in which the clocks change is delivered at the end of the window, and not an hour later", async ({ page, receiver }) => {
  const clock = new WallClock();
  clock.set(BEFORE);
  const server = await new Watchbell([], [], "", 0, clock.env).start();
  try {
    const team = await server.team("Night");
    const quietHours = { timeZone: "Europe/Berlin", windows: [{ weekdays: [], start: "22:00", end: "03:30" }] };
    const channel = await server.webhook(team, "Night", receiver.url, { quietHours });
    await server.emit(team, "Public bucket");
    await page.clock.setFixedTime(BEFORE);
    await open(page, server, `t/${team}/deliveries?channel=${channel}`);
    const row = page.getByRole("row", { name: /Public bucket/ });
    await expect(row).toContainText("Held");
    await expect(row).toContainText("until 01:30");
    await expect(page.getByText("Night is quiet until 01:30.")).toBeVisible();
    await expect(page.locator(".band-dot")).toHaveCount(1);
    await row.click();
    await expect(page.getByRole("complementary", { name: "Delivery" })).toContainText("Held for quiet hours until 01:30; delivered at their end.");
    await page.goto(`${server.url}/console/t/${team}/channels/${channel}?tab=quiet#key=${server.key}`);
    await expect(page.getByText("It is quiet now, until Sun 03:30.")).toBeVisible();
    await expect(page.getByText("1 delivery held until Sun 03:30.")).toBeVisible();
    await expect(page.getByTitle("The clocks change")).toBeVisible();
    await accessible(page);

    expect(receiver.taken).toHaveLength(0);
    clock.set(NEARLY);
    await page.clock.setFixedTime(new Date(NEARLY.getTime() + 60_000));
    await page.goto(`${server.url}/console/t/${team}/deliveries?channel=${channel}#key=${server.key}`);
    await expect(page.getByRole("row", { name: /Public bucket/ })).toContainText("Delivered", { timeout: 60_000 });
    expect(receiver.taken).toHaveLength(1);
    // Before its server goes, which it would call again.
    await page.goto("about:blank");
  } finally {
    await server.end();
    clock.end();
  }
});
