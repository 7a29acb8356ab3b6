import { defineConfig } from "vite";

// `<watchbell-console>`, as `<watchbell-inbox>` is: alone and a classic script.
export default defineConfig({
  publicDir: false,
  build: {
    outDir: "../dist",
    emptyOutDir: false,
    target: ["chrome123", "firefox125", "safari17.5"],
    lib: { entry: "embed/console.ts", formats: ["iife"], name: "watchbell", fileName: () => "embed.js" },
  },
});
