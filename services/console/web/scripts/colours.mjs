// Refuses colours outside `tokens.css`: one that is written elsewhere would not change with the theme.
import { readFileSync } from "node:fs";
import { root, sources } from "./sources.mjs";

const literal = /#[0-9a-f]{3,8}\b(?!-)|\b(?:rgb|rgba|hsl|hsla|oklch|oklab|lab|lch|hwb)\(/i;
// What stands alone in pages of others has tokens of its own.
const own_tokens = new Set(["src/tokens.css", "embed/inbox.css"]);
const own = /\.(?:tsx?|css|html)$/;
let found = 0;
for (const name of sources().filter((name) => own.test(name) && !own_tokens.has(name) && !name.startsWith("tests/"))) {
  readFileSync(root + name, "utf8")
    .split("\n")
    .forEach((line, index) => {
      if (!literal.test(line) || line.includes("colour: not one")) return;
      process.stderr.write(`${name}:${index + 1}: a colour outside tokens.css: ${line.trim()}\n`);
      found += 1;
    });
}
process.exit(found === 0 ? 0 : 1);
