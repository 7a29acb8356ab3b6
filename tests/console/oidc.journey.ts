import { Provider } from "./provider";
import { accessible, expect, test } from "./journey";
import { Watchbell } from "./server";

test("a member signs in at the identity provider, comes back to the page, and the token is renewed before it ends", async ({ page }) => {
  const provider = await new Provider().start();
  const settings = [
    "[auth.jwt]",
    `jwks_url = "${provider.url}/keys"`,
    `issuer = "${provider.url}"`,
    `audience = "${provider.audience}"`,
    "[auth.jwt.claims]",
    'member_id = "sub"',
    "[console.oidc]",
    `issuer = "${provider.url}"`,
    `client_id = "${provider.clientId}"`,
    'scope = "openid offline_access"',
  ];
  const server = await new Watchbell([], [], settings.join("\n")).start();
  try {
    const team = await server.team("Single sign-on");
    const ann = await server.member(team, "ann@acme.example", 1);
    provider.claims = { sub: ann, team_id: team, role: "OWNER" };
    await page.goto(`${server.url}/console/t/${team}/people?view=matrix`);
    // Keys are not offered where members have a way of their own.
    await expect(page.getByRole("textbox", { name: "API key" })).toHaveCount(0);
    await accessible(page);
    await page.getByRole("button", { name: "Sign in with single sign-on" }).click();
    await expect(page.getByRole("heading", { name: "People" })).toBeVisible();
    expect(page.url()).toBe(`${server.url}/console/t/${team}/people?view=matrix`);
    await expect(page.getByRole("button", { name: "ann@acme.example: Account and theme" })).toBeVisible();
    expect(await page.evaluate(() => [Object.values(sessionStorage).join(" "), Object.values(localStorage).join(" "), document.cookie].join(""))).toBe("");

    // Tokens that end within a minute are renewed at once, and nobody notices.
    provider.lasts = 30;
    await page.reload();
    await page.getByRole("button", { name: "Sign in with single sign-on" }).click();
    await expect(page.getByRole("heading", { name: "People" })).toBeVisible();
    provider.lasts = 600;
    await expect.poll(() => provider.asked.filter((one) => one === "/token refresh_token").length).toBeGreaterThan(0);
    await page.getByRole("link", { name: "Channels" }).click();
    await expect(page.getByText("No channel yet")).toBeVisible();
  } finally {
    // A page that is open would ask a server that is gone.
    await page.goto("about:blank");
    await server.end();
    await provider.end();
  }
});

test("an answer that was not asked for here, or is refused, signs nobody in", async ({ page, watched }) => {
  watched.allowed.push(/400/);
  const provider = await new Provider().start();
  const server = await new Watchbell([], [], `[console.oidc]\nissuer = "${provider.url}"\nclient_id = "${provider.clientId}"`).start();
  try {
    await page.goto(`${server.url}/console/?code=stolen&state=forged`);
    await expect(page.getByRole("alert")).toContainText("It was not begun in this tab");
    expect(page.url()).toBe(`${server.url}/console/`);
    expect(provider.asked).toEqual([]);
    await accessible(page);
    // Begun here, and answered with another's state.
    await page.route(`${provider.url}/authorize*`, async (route) => {
      const back = new URL(new URL(route.request().url()).searchParams.get("redirect_uri") ?? "");
      back.search = "?code=stolen&state=forged";
      await route.fulfill({ status: 302, headers: { location: back.href } });
    });
    await page.getByRole("button", { name: "Sign in with single sign-on" }).click();
    await expect(page.getByRole("alert")).toContainText("Nobody was signed in");
    expect(provider.asked.filter((one) => one.startsWith("/token"))).toEqual([]);
    await expect(page.getByRole("button", { name: "Sign in with single sign-on" })).toBeEnabled();
  } finally {
    // A page that is open would ask a server that is gone.
    await page.goto("about:blank");
    await server.end();
    await provider.end();
  }
});
