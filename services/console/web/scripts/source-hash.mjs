// Writes `dist/SOURCE`, the sum of everything that `dist/` was built from; a test of the crate compares it.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { root, sources } from "./sources.mjs";

const sum = (text) => createHash("sha256").update(text).digest("hex");
const whole = sources()
  .map((name) => `${sum(readFileSync(root + name))}  ${name}\n`)
  .join("");
writeFileSync(`${root}../dist/SOURCE`, `${sum(whole)}\n`);
