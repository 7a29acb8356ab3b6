import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = "http://127.0.0.1:7700";

/** A page's chunk is called after its folder. */
function nameOf(entry: string | null): string | undefined {
  return entry?.match(/\/pages\/([^/]+)\/page\.tsx$/)?.[1];
}

interface Modules {
  getModuleInfo(id: string): { readonly importedIds: readonly string[] } | null;
}

let first: ReadonlySet<string> | null = null;

/** What the application loads before any page: one file instead of fifty, since a browser asks for six at a time. */
function loadedFirst(modules: Modules): ReadonlySet<string> {
  if (first) return first;
  const found = new Set<string>();
  const rest = [fileURLToPath(new URL("src/main.tsx", import.meta.url))];
  for (let id = rest.pop(); id !== undefined; id = rest.pop()) {
    // Words stay with the pages that say them.
    if (found.has(id) || id.includes("/src/messages/")) continue;
    found.add(id);
    rest.push(...(modules.getModuleInfo(id)?.importedIds ?? []));
  }
  first = found;
  return found;
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
        chunkFileNames: (chunk) => `assets/${nameOf(chunk.facadeModuleId) ?? chunk.name}.js`,
        assetFileNames: "assets/[name][extname]",
        codeSplitting: {
          groups: [
            { name: (id: string, modules: Modules) => (loadedFirst(modules).has(id) ? "base" : null), priority: 2 },
            { name: "icons", test: /lucide-react/, priority: 1 },
            // The rail takes most of the controls, and pages have many small parts in common: a file each costs more than it spares.
            { name: "controls", test: /node_modules\/(@base-ui|@floating-ui|tabbable)\//, minShareCount: 2, priority: 1 },
            { name: "parts", test: /\/src\/(api|domain|live|parts)\//, minShareCount: 3, priority: 1 },
          ],
        },
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
