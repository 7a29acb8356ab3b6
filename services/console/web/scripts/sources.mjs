// The files that the build is made of, in the order in which they are summed.
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
const left = new Set(["node_modules", "src/api/gen"]);

export function sources(dir = "") {
  const files = [];
  for (const entry of readdirSync(root + dir, { withFileTypes: true })) {
    const name = dir ? `${dir}/${entry.name}` : entry.name;
    if (left.has(name)) continue;
    if (entry.isDirectory()) files.push(...sources(name));
    else files.push(name);
  }
  return files.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
