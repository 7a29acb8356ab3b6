import { accessible, expect, open, test } from "./journey";

const EVIL = `<img src=x onerror="document.title='owned'">\u202Ebidi`;

const PAGES = [
  "overview",
  "deliveries",
  "deliveries?view=events",
  "events",
  "alerts",
  "channels",
  "routing",
  "routing?view=mentions",
  "routing?view=triggers",
  "silences",
  "people",
  "people?view=matrix",
  "me",
  "digest",
  "compliance",
  "catalog",
  "keys",
  "config",
  "history",
];

test("every page shows the texts of others as texts, at every width, theme and direction", async ({ page, server, receiver }) => {
  test.setTimeout(600_000);
  page.on("dialog", (dialog) => expect(dialog.message()).toBe("no dialog"));
  const team = await server.team(EVIL.slice(0, 60));
  const api = server.api();
  const { channel } = await api.channels.createChannel({
    teamId: team,
    channel: { displayName: "<b>#alerts</b>", description: EVIL, destination: { case: "slack", value: { webhookUrl: receiver.url } } },
  });
  await server.webhook(team, "SIEM <script>", receiver.url);
  await api.teams.createMember({ teamId: team, member: { email: "olga@acme.example", displayName: EVIL, role: 1 } });
  await api.routing.createRule({
    teamId: team,
    rule: { displayName: "<i>rule</i>", match: { types: ["finding.*"] }, action: { case: "send", value: { channelIds: [channel?.id ?? ""] } } },
  });
  await api.teams.createApiKey({ teamId: team, apiKey: { displayName: "<u>key</u>", scopes: [1] } });
  await api.catalog.createEventType({
    teamId: team,
    eventType: { name: "backup.failed", description: EVIL, title: "<em>Backup</em>", category: 2, defaultSeverity: 2, alertPolicy: { when: 1 } },
  });
  await server.emit(team, EVIL, { severity: 5, subject: EVIL, source: "<s>source</s>", url: "https://acme.example/finding" });
  for (const one of PAGES) {
    await test.step(one, async () => {
      await open(page, server, `t/${team}/${one}`);
      await expect(page.getByRole("heading", { level: 1 }).first()).toBeVisible();
      await expect(page.locator("main [role='status'].skeleton, .skeleton")).toHaveCount(0);
      await accessible(page);
      expect(await page.locator("main img, main script:not([src])").count(), "nothing of it is an element").toBe(0);
      expect(await page.title()).toBe("Watchbell");
      // The other direction, and the colours that somebody has chosen for everything.
      await page.evaluate(() => document.documentElement.setAttribute("dir", "rtl"));
      for (const width of [320, 1_200]) {
        await page.setViewportSize({ width, height: 900 });
        const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        expect(over, `nothing is wider than the page from right to left, ${width} px`).toBeLessThanOrEqual(0);
      }
      await page.emulateMedia({ forcedColors: "active" });
      const hidden = await page.evaluate(() =>
        [...document.querySelectorAll(".pill, .sev")].filter((one) => {
          const style = getComputedStyle(one);
          return style.color === style.backgroundColor && style.borderStyle === "none";
        }).length,
      );
      expect(hidden, "states can be read in forced colours").toBe(0);
      await page.emulateMedia({ forcedColors: "none" });
    });
  }
});
