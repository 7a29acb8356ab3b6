import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = "http://127.0.0.1:7700";

/** A page's chunk is called after its folder. */
function nameOf(entry: string | null): string | undefined {
  return entry?.match(/\/pages\/([^/]+)\/page\.tsx$/)?.[1];
}

// Files keep their names from build to build, so that the history of `dist/` stays small; the server puts a hash into
// their addresses. `base` makes chunks find one another wherever they are served.
export default defineConfig({
  base: "./",
  plugins: [react(), tailwindcss()],
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    target: ["chrome123", "firefox121", "safari17.5"],
    cssTarget: ["chrome123", "firefox121", "safari17.5"],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 800,
    rolldownOptions: {
      // Words go into the chunks of the pages that say them.
      treeshake: { moduleSideEffects: [{ test: /\/src\/messages\//, sideEffects: false }] },
      output: {
        entryFileNames: "assets/app.js",
        chunkFileNames: (chunk) => `assets/${nameOf(chunk.facadeModuleId) ?? chunk.name}.js`,
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
  server: {
    port: 5173,
    proxy: {
      "^/watchbell\\.": server,
      "/inbox": server,
      "/console/config.json": server,
    },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
