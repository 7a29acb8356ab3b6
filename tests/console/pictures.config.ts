import { defineConfig } from "@playwright/test";
import journeys from "./playwright.config";

// The pictures of docs/console.md: `WATCHBELL_BINARY=… npx playwright test --config pictures.config.ts`.
export default defineConfig({ ...journeys, testMatch: "*.pictures.ts", workers: 1, retries: 0, timeout: 300_000, use: { ...journeys.use, actionTimeout: 20_000 } });
