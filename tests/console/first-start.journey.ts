import { accessible, expect, open, test } from "./journey";
import { Watchbell } from "./server";

// A first start: a link with the key, a team, a webhook, its secret, a test that arrives.
test("a link signs in, a webhook is made, and its test is delivered", async ({ page, receiver }) => {
  const server = await new Watchbell().start();
  try {
    await open(page, server);
    await expect(page.getByRole("heading", { name: "There is no team yet" })).toBeVisible();
    expect(page.url(), "the key is not kept in the address").not.toContain("key");
    await accessible(page);

    await server.team("Acme");
    await page.reload();
    // A reload forgets the key: it was not to be kept.
    await page.getByLabel("API key").fill(server.key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByRole("heading", { name: "No deliveries: last hour" })).toBeVisible();
    await page.getByRole("button", { name: "Show all time" }).click();
    await expect(page.getByRole("heading", { name: "No deliveries yet" })).toBeVisible();
    await accessible(page);

    await page.getByRole("link", { name: "Channels" }).click();
    await expect(page.getByRole("heading", { name: "No channel yet" })).toBeVisible();
    await accessible(page);
    await page.getByRole("button", { name: /^Webhook/ }).click();

    // Errors land on their fields, all at once.
    await page.getByLabel("Endpoint URL").fill("ftp://siem.example.com");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await expect(page.getByLabel("Endpoint URL")).toHaveAttribute("aria-invalid", "true");
    await expect(page.getByLabel("Name", { exact: true })).toHaveAttribute("aria-invalid", "true");
    await accessible(page);

    await page.getByLabel("Name", { exact: true }).fill("SIEM");
    await page.getByLabel("Endpoint URL").fill(receiver.url);
    await page.getByRole("button", { name: "Create", exact: true }).click();
    const secret = page.getByLabel("Signing secret", { exact: true });
    await expect(secret).toHaveText(/^whsec_/);
    await page.getByRole("button", { name: "Python" }).click();
    await expect(page.getByLabel("How the receiver checks it: Python")).toContainText("X-Watchbell-Signature");
    await accessible(page);
    await page.getByRole("button", { name: "I have stored it" }).click();

    await page.getByRole("button", { name: "Send test…" }).click();
    await page.getByRole("button", { name: "Send test", exact: true }).click();
    await expect(page.getByText("Delivered.")).toBeVisible();
    await accessible(page);
    expect(receiver.taken).toHaveLength(1);
    await page.getByRole("button", { name: "Close", exact: true }).last().click();
    await expect(page.getByRole("row", { name: /Delivered/ })).toBeVisible();
    await accessible(page);
  } finally {
    await server.end();
  }
});

test("a key that is wrong is said at once, and one that is kept outlives a reload", async ({ page, server, watched }) => {
  watched.allowed.push(/401|Unauthorized/);
  const team = await server.team("Kept");
  await page.goto(`${server.url}/console/t/${team}/channels`);
  await accessible(page);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("Paste an API key.")).toBeVisible();
  await page.getByLabel("API key").fill("wbk_wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("The server does not take this key.")).toBeVisible();
  await page.getByLabel("API key").fill(server.key);
  await page.getByLabel("Keep for this tab").check();
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Channels" })).toBeVisible();
  await page.reload();
  await expect(page.getByRole("heading", { name: "Channels" })).toBeVisible();
  await page.getByRole("button", { name: /: Account and theme$/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByLabel("API key")).toBeVisible();
  await page.reload();
  await expect(page.getByLabel("API key")).toBeVisible();
});
