// Takes the pictures of docs/console.md anew, of a team that has had a busy hour.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Page } from "@playwright/test";
import { expect, open, test } from "./journey";
import { Receiver, Watchbell } from "./server";
import { MailServer, WallClock } from "./stand-ins";

const DIR = join(import.meta.dirname, "..", "..", "docs", "console");
const SIZE = { width: 1280, height: 832 };
const QUALITY = 0.86;
const MINUTE = 60_000;

const FINDINGS = [
  ["Customer exports are readable by everyone", "arn:aws:s3:::customer-exports", 5],
  ["Port 22 is open to the internet", "i-0f3a9c", 4],
  ["Root account without MFA", "prod-eu", 4],
  ["Privileged pod in prod", "kubernetes:prod/ingress", 5],
  ["Outdated OpenSSL in the base image", "registry:base:12", 3],
  ["Unencrypted volume", "vol-77e1", 3],
  ["Access key older than 90 days", "iam:deploy", 2],
  ["Public snapshot of a database", "rds:billing-2026-03", 4],
] as const;

interface Urls {
  readonly ok: string;
  readonly teams: string;
  readonly down: string;
}

function configuration({ ok, teams, down }: Urls, quiet: { readonly start: string; readonly end: string }): string {
  return `version: 1
channels:
  - {name: "#security-alerts", kind: slack, default: true, url: "${ok}", storm_control: {max_messages: 6, window: 60s}}
  - {name: "#incidents", kind: slack, url: "${ok}"}
  - {name: "#appsec", kind: slack, url: "${ok}"}
  - name: "#scan-firehose"
    kind: slack
    url: "${ok}"
    quiet_hours: {windows: ["${quiet.start}-${quiet.end}"]}
  - {name: Leadership, kind: teams, default: true, url: "${teams}", triggers: {severity: critical}}
  - {name: finance, kind: email, recipients: [cfo@acme.example]}
  - {name: SIEM, kind: webhook, url: "${ok}", filter: {types: ["*"]}}
  - {name: SOAR, kind: webhook, url: "${down}", filter: {types: [finding.*]}, delivery: {retry_delays: [1s, 2s]}}
  - {name: notification center, kind: in_app}
rules:
  - {name: Audits to AppSec, match: {types: [audit.delivered, audit.failed]}, send: ["#appsec"]}
  - name: Production criticals also to incidents
    match: {types: [finding.*], severity: critical, expression: 'event.data.account == "prod-eu"'}
    send: ["#incidents"]
    continue: true
  - {name: Scans, match: {types: [scan.completed]}, send: ["#scan-firehose"]}
  - {name: Quiet sandbox, match: {sources: [sandbox]}, silence: [slack, teams]}
  - {name: Plan to finance, match: {types: [account.plan.changed]}, send: [finance]}
mentions:
  - {types: [audit.failed], mention: [{slack_user: U0TEAMLEAD}]}
compliance_recipients: [officer@acme.example]
`;
}

async function busyHour(server: Watchbell, clock: WallClock, soar: Receiver, begin: number): Promise<string> {
  const api = server.api();
  const [ok, teams] = [await new Receiver().start(), await new Receiver().start()];
  [teams.status, teams.body] = [202, ""];
  const hour = (by: number) => `${String((new Date(begin).getUTCHours() + by + 24) % 24).padStart(2, "0")}:00`;
  const team = await server.team("Acme");
  const names = [["olga", "Olga", 1], ["adam", "Adam", 2], ["lee", "Lee", 3], ["kim", "Kim", 3]] as const;
  for (const [user, displayName, role] of names) await api.teams.createMember({ teamId: team, member: { email: `${user}@acme.example`, displayName, role } });
  await api.routing.applyTeamConfig({ teamId: team, document: configuration({ ok: ok.url, teams: teams.url, down: soar.url }, { start: hour(-3), end: hour(6) }) });
  await api.teams.createApiKey({ teamId: team, apiKey: { displayName: "platform backend", scopes: [1] } });
  await api.teams.createApiKey({ teamId: team, apiKey: { displayName: "dashboard", scopes: [2, 4] } });
  await api.catalog.createEventType({
    teamId: team,
    eventType: { name: "backup.failed", description: "A nightly backup did not finish.", title: "Backup failed", category: 3, defaultSeverity: 4, example: { job: "db-1" } },
  });
  const { channels } = await api.channels.listChannels({ teamId: team });
  const appsec = channels.find(({ displayName }) => displayName === "#appsec")?.id ?? "";
  await api.silences.createSilence({
    teamId: team,
    silence: { comment: "Penetration test of the bridge", channelIds: [appsec], endTime: timestampFromMs(Date.now() + 120 * MINUTE) },
  });
  const emit = (type: string, title: string, data: object, more: Record<string, unknown> = {}) =>
    server.emit(team, title, { type, payload: { case: "dataJson" as const, value: new TextEncoder().encode(JSON.stringify(data)) }, ...more });
  for (let minute = 0; minute <= 56; minute += 2) {
    clock.set(new Date(begin + minute * MINUTE));
    soar.status = minute < 54 ? 200 : 503;
    // Evenly, but for a storm.
    const count = minute === 44 ? 14 : 1 + (minute % 3);
    for (let index = 0; index < count; index += 1) {
      const [title, resource, severity] = FINDINGS[(minute + index) % FINDINGS.length] ?? FINDINGS[0];
      await emit("finding.created", title, { finding_id: `fnd-${minute}-${index}`, resource, account: "prod-eu", score: severity * 1.8 }, { severity, subject: resource, source: index % 2 === 0 ? "cspm" : "kubernetes" });
    }
    if (minute % 14 === 0) await emit("scan.completed", "The nightly scan of production is done", { scan_id: `scn-${minute}`, target: "production" });
    if (minute % 20 === 0) await emit("audit.delivered", "The audit of the bridge contracts is ready", { audit_id: `aud-${minute}` }, { source: "audits" });
    if (minute === 48) for (let index = 0; index < 12; index += 1) await emit("finding.resolved", "Closed by the owner", { finding_id: `fnd-${index * 4}-0` });
    if (minute === 30) await emit("sla.breached", "Critical findings are open for more than 7 days", { finding_id: "fnd-2-0", deadline: new Date(begin).toISOString() }, { severity: 5 });
  }
  clock.set(new Date());
  await api.alerts.acknowledgeAlert({ teamId: team, key: "finding_id=fnd-50-0", comment: "looking at it" });
  return team;
}

/** What is on the page, as WebP: the browser has the encoder. */
async function take(page: Page, name: string): Promise<void> {
  const png = await page.screenshot({ animations: "disabled", caret: "hide" });
  const blank = await page.context().newPage();
  const webp = await blank.evaluate(
    async ([base64, quality]) => {
      const picture = new Image();
      picture.src = `data:image/png;base64,${base64}`;
      await picture.decode();
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [picture.width, picture.height];
      canvas.getContext("2d")?.drawImage(picture, 0, 0);
      return canvas.toDataURL("image/webp", quality).split(",")[1] ?? "";
    },
    [png.toString("base64"), QUALITY] as const,
  );
  await blank.close();
  writeFileSync(join(DIR, `${name}.webp`), Buffer.from(webp, "base64"));
  if (process.env.WATCHBELL_PICTURES_PNG) writeFileSync(join(process.env.WATCHBELL_PICTURES_PNG, `${name}.png`), png);
}

test("the pictures of docs/console.md", async ({ page, receiver: soar }) => {
  const clock = new WallClock();
  const mail = await new MailServer().start();
  const begin = Date.now() - 57 * MINUTE;
  clock.set(new Date(begin));
  const settings = `[mail]\nhost = "127.0.0.1"\nport = ${mail.port}\nsecurity = "none"\n`;
  const server = await new Watchbell([], [], settings, 0, clock.env).start();
  try {
    const team = await busyHour(server, clock, soar, begin);
    await page.setViewportSize(SIZE);
    await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
    await open(page, server, `t/${team}/overview`);
    await expect(page.getByText("SOAR is unhealthy.")).toBeVisible({ timeout: 60_000 });
    const to = async (name: string) => {
      await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: new RegExp(`^${name}`) }).click();
      await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
      await page.waitForTimeout(1_200);
    };
    const still = () => page.waitForTimeout(1_200);
    await still();
    await take(page, "overview");
    await to("Deliveries");
    const { deliveries } = await server.api().dispatcher.listDeliveries({ teamId: team, states: [6] });
    await page.getByLabel("Filter deliveries").fill(deliveries[0]?.id ?? "");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("complementary", { name: "Delivery" })).toContainText("503");
    await page.getByRole("heading", { level: 1 }).click();
    await still();
    await take(page, "deliveries");
    await page.keyboard.press("Escape");
    await to("Alerts");
    await page.getByRole("main").getByRole("link", { name: /Acknowledged/ }).click();
    await still();
    await take(page, "alerts");
    await to("Events");
    await page.getByRole("main").getByRole("link", { name: /finding.created/ }).first().click();
    await still();
    await take(page, "events");
    await to("Channels");
    await take(page, "channels");
    await page.getByRole("link", { name: "#scan-firehose" }).click();
    await page.getByRole("link", { name: "Quiet hours" }).or(page.getByRole("tab", { name: "Quiet hours" })).first().click();
    await still();
    await take(page, "quiet-hours");
    await to("Routing");
    await page.getByRole("button", { name: "Critical", exact: true }).click();
    await still();
    await take(page, "routing");
    const act = async (rule: string, what: string) => {
      await page.getByRole("button", { name: `Actions for ${rule}` }).click();
      await page.getByRole("menuitem", { name: what, exact: true }).click();
    };
    await act("Quiet sandbox", "Delete");
    await act("Scans", "Edit");
    const form = page.getByRole("dialog", { name: "Edit the rule" });
    await form.getByLabel("Add a type or pattern").first().fill("finding.*");
    await page.keyboard.press("Enter");
    await form.getByLabel("#appsec").check();
    await form.getByRole("button", { name: "Add to the draft" }).click();
    await expect(page.getByText("would reach others")).toBeVisible();
    await page.getByRole("heading", { level: 1 }).click();
    await still();
    await take(page, "draft");
    await page.getByRole("button", { name: "Discard" }).click();
    await page.getByRole("alertdialog").getByRole("button", { name: "Discard" }).click();
    await page.getByRole("button", { name: "Actions for Production criticals also to incidents" }).click();
    await page.getByRole("menuitem", { name: "Edit", exact: true }).click();
    await still();
    await page.getByRole("dialog", { name: "Edit the rule" }).getByRole("region", { name: /^Tried on/ }).scrollIntoViewIfNeeded();
    await take(page, "rule");
    await page.keyboard.press("Escape");
    for (const [name, file] of [
      ["Silences", "silences"],
      ["People", "people"],
      ["Digest", "digest"],
      ["Compliance", "compliance"],
      ["API keys", "keys"],
      ["History", "history"],
    ] as const) {
      await to(name);
      if (file === "people") await page.getByRole("button", { name: "Who hears what" }).click();
      if (file === "history") await page.getByRole("main").getByRole("listitem").getByRole("link").or(page.getByRole("main").getByRole("listitem").getByRole("button")).first().click();
      await still();
      await take(page, file);
    }
    await to("My notifications");
    await page.getByLabel("Whose inbox").first().selectOption({ label: "Olga" });
    await still();
    await take(page, "me");
    await to("Event catalog");
    await page.getByRole("link", { name: /finding.created/ }).click();
    await still();
    await take(page, "catalog");
    await to("Config as code");
    await page.getByText("max_messages").click();
    await page.keyboard.press("End");
    await page.keyboard.type("0");
    await page.getByRole("button", { name: "Compare" }).click();
    await still();
    await take(page, "config");
    await page.goto("about:blank");
  } finally {
    await server.end();
    await mail.end();
    clock.end();
  }
});
