// Measures what browsers load and what the binary carries, and fails above the bounds.
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { root } from "./sources.mjs";

const dist = `${root}../dist/`;
const kB = 1000;
const bounds = { "initial JS": 205 * kB, CSS: 25 * kB, "a lazy route": 60 * kB, "the editor": 160 * kB, "inbox.js": 12 * kB, "embed.js": 4 * kB, "the binary": 1000 * kB };

const packed = (name) => gzipSync(readFileSync(dist + name), { level: 9 }).length;
const files = readdirSync(`${dist}assets`).map((name) => `assets/${name}`);
const page = readFileSync(`${dist}index.html`, "utf8");
const first = files.filter((name) => name.endsWith(".js") && page.includes(`./${name}`));
const sum = (names, size) => names.reduce((total, name) => total + size(name), 0);

const measured = [
  ["initial JS", sum(first, packed), first.join(", ")],
  ["CSS", sum(files.filter((name) => name.endsWith(".css")), packed), "all"],
  ...files
    .filter((name) => name.endsWith(".js") && !first.includes(name))
    .map((name) => [name === "assets/yaml-editor.js" ? "the editor" : "a lazy route", packed(name), name]),
  ["inbox.js", packed("inbox.js"), "inbox.js"],
  ["embed.js", packed("embed.js"), "embed.js"],
  ["the binary", sum([...files, "index.html", "inbox.js", "embed.js"], packed), "all, compressed"],
];
let over = 0;
for (const [what, size, names] of measured) {
  const bound = bounds[what];
  if (size > bound) over += 1;
  process.stdout.write(`${size > bound ? "OVER" : "ok  "} ${what}: ${(size / kB).toFixed(1)} of ${bound / kB} kB (${names})\n`);
}
process.exit(over === 0 ? 0 : 1);
