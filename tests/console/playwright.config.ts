import { defineConfig } from "@playwright/test";

// Debian's Chromium; nothing is downloaded. The switches keep it from calling anywhere by itself.
export default defineConfig({
  testDir: ".",
  testMatch: "*.journey.ts",
  outputDir: "results",
  workers: 2,
  fullyParallel: true,
  timeout: 120_000,
  // Browsers, servers and receivers share two cores: what ran out of time is tried once more, and listed as flaky.
  retries: 1,
  expect: { timeout: 30_000 },
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    viewport: { width: 1200, height: 900 },
    locale: "en-GB",
    timezoneId: "UTC",
    launchOptions: {
      executablePath: "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--host-resolver-rules=MAP *.test 127.0.0.1",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
    trace: "off",
  },
});
