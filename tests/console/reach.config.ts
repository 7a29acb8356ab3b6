import { defineConfig } from "@playwright/test";
import journeys from "./playwright.config";

// One after the other, and once: they measure. What they assert does not depend on the speed of the machine.
export default defineConfig({ ...journeys, testMatch: "*.measure.ts", workers: 1, fullyParallel: false, retries: 0, timeout: 600_000 });
