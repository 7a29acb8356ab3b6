import { defineConfig } from "vite";

// `<watchbell-inbox>`, alone and as a classic script: a page of another origin may load it without CORS.
export default defineConfig({
  publicDir: false,
  build: {
    outDir: "../dist",
    emptyOutDir: false,
    target: ["chrome123", "firefox125", "safari17.5"],
    lib: { entry: "embed/inbox.ts", formats: ["iife"], name: "watchbell", fileName: () => "inbox.js" },
  },
});
