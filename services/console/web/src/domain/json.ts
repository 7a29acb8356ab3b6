// JSON texts for reading.

/** Laid out for reading without touching a number: parsing would round large ones. */
export function indented(json: string): string {
  let depth = 0;
  let inText = false;
  let out = "";
  const line = () => `\n${"  ".repeat(depth)}`;
  for (let index = 0; index < json.length; index += 1) {
    const character = json[index] ?? "";
    if (inText) {
      out += character;
      if (character === "\\") {
        index += 1;
        out += json[index] ?? "";
      } else if (character === '"') inText = false;
      continue;
    }
    if (/\s/.test(character)) continue;
    const empty = /^\s*[\]}]/.test(json.slice(index + 1, index + 40));
    if (character === '"') {
      inText = true;
      out += character;
    } else if (character === "{" || character === "[") {
      depth += 1;
      out += empty ? character : character + line();
    } else if (character === "}" || character === "]") {
      depth -= 1;
      out += /[{[]$/.test(out) ? character : line() + character;
    } else if (character === ",") out += character + line();
    else if (character === ":") out += ": ";
    else out += character;
  }
  return out;
}
