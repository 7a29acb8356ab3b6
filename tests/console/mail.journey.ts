import type { Page } from "@playwright/test";
import { accessible, expect, open, test } from "./journey";
import { Watchbell } from "./server";
import { MailServer, freePort } from "./stand-ins";

async function withMail(page: Page, run: (server: Watchbell, mail: MailServer) => Promise<void>): Promise<void> {
  const mail = await new MailServer().start();
  const port = await freePort();
  const settings = `[brand]\npublic_url = "http://127.0.0.1:${port}"\n\n[mail]\nhost = "127.0.0.1"\nport = ${mail.port}\nsecurity = "none"\n`;
  const server = await new Watchbell([], [], settings, port).start();
  try {
    await run(server, mail);
    // Before its server goes, which it would call again.
    await page.goto("about:blank");
  } finally {
    await server.end();
    await mail.end();
  }
}

test("a mail program's one click, the member's page and the matrix say the same", async ({ page }) => {
  await withMail(page, async (server, mail) => {
    const team = await server.team("Unsubscribe");
    const member = await server.member(team, "olga@acme.example", 1);
    await server.emit(team, "Public bucket", { severity: 5 });
    await expect.poll(() => mail.taken.length).toBe(1);
    expect(mail.taken[0]?.to).toEqual(["olga@acme.example"]);
    await open(page, server, `t/${team}/people?view=matrix`);
    await expect(page.getByRole("button", { name: "olga@acme.example, Findings: Critical, High, by default" })).toBeVisible();

    const headers = mail.taken[0]?.headers;
    expect(headers?.get("list-unsubscribe-post")).toBe("List-Unsubscribe=One-Click");
    const address = /<(http[^>]+)>/.exec(headers?.get("list-unsubscribe") ?? "")?.[1] ?? "";
    const answer = await fetch(address, { method: "POST", body: new URLSearchParams({ "List-Unsubscribe": "One-Click" }) });
    expect(answer.status).toBe(200);
    await page.goto("about:blank");
    await open(page, server, `t/${team}/people?view=matrix`);
    await expect(page.getByRole("button", { name: "olga@acme.example, Findings: Off", exact: true })).toBeVisible();
    await page.goto(`${server.url}/console/t/${team}/me#key=${server.key}`);
    await page.getByLabel("Whose inbox").selectOption(member);
    const findings = page.getByRole("combobox", { name: "Findings" });
    await expect(findings.locator("option:checked")).toHaveText("Off");
    await accessible(page);

    // Asked for again here, mail goes again.
    await findings.selectOption("On");
    await expect.poll(async () => (await server.api().preferences.getPreferences({ teamId: team, memberId: member })).preferences.find(({ topic }) => topic === "findings")?.setting).toBe(2);
    await server.emit(team, "Second bucket", { severity: 5 });
    await expect.poll(() => mail.taken.length).toBe(2);
  });
});

test("a digest arrives as its preview says", async ({ page }) => {
  await withMail(page, async (server, mail) => {
    const team = await server.team("Weekly");
    // Addresses of a member's domain need no confirmation.
    await server.member(team, "olga@acme.example", 3);
    await server.api().preferences.updateDigestSettings({ teamId: team, settings: { recipients: ["ann@acme.example"] }, updateMask: { paths: ["recipients"] } });
    await open(page, server, `t/${team}/digest`);
    const preview = page.getByRole("region", { name: "Preview" });
    await expect(preview).toContainText("To ann@acme.example");
    await preview.getByRole("button", { name: "As text" }).click();
    const shown = await preview.getByLabel("As text").last().innerText();
    await page.getByRole("button", { name: "Send now…" }).click();
    await page.getByRole("button", { name: "Send it" }).click();
    await expect(page.getByText(/The digest is on its way|It was sent before/)).toBeVisible();
    await expect.poll(() => mail.taken.length).toBe(1);
    const arrived = mail.taken[0];
    expect(arrived?.to).toEqual(["ann@acme.example"]);
    const lines = (text: string) => text.split("\n").map((line) => line.trim()).filter((line) => line !== "" && !line.includes("http"));
    expect(lines(arrived?.text ?? "")).toEqual(expect.arrayContaining(lines(shown)));
    await accessible(page);
  });
});
