// On which line of a document a path is, for documents as people write them: block style, two levels of lists at most in one
// line. What it does not understand it passes over; the server reads the document.

interface Level {
  readonly indent: number;
  /** The path of what it is in. */
  readonly base: string;
  /** The key of a mapping, or the index of a list's item. */
  at: string | number;
}

const pathOf = ({ base, at }: Level): string => (typeof at === "number" ? `${base}[${at}]` : base === "" ? at : `${base}.${at}`);

/** Lines, from 1, by path. */
export function linesOf(document: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  const levels: Level[] = [];
  // The text of `|` and `>`, which is deeper than its key.
  let block: number | null = null;
  const enter = (indent: number, isItem: boolean, key: string, line: number) => {
    const ends = (level: Level) => level.indent > indent || (level.indent === indent && !isItem && typeof level.at === "number");
    while (levels.some((level, index) => index === levels.length - 1 && ends(level))) levels.pop();
    const top = levels.at(-1);
    if (top && top.indent === indent && (typeof top.at === "number") === isItem) top.at = typeof top.at === "number" ? top.at + 1 : key;
    else levels.push({ indent, base: top ? pathOf(top) : "", at: isItem ? 0 : key });
    const path = pathOf(levels.at(-1) as Level);
    if (!lines.has(path)) lines.set(path, line);
  };
  document.split("\n").forEach((text, index) => {
    let rest = text.trimStart();
    let indent = text.length - rest.length;
    if (rest === "" || rest.startsWith("#")) return;
    if (block !== null && indent > block) return;
    block = null;
    for (let dash = /^-(?:\s+|$)/.exec(rest); dash; dash = /^-(?:\s+|$)/.exec(rest)) {
      enter(indent, true, "", index + 1);
      indent += dash[0].length;
      rest = rest.slice(dash[0].length);
    }
    const key = /^(?:"([^"]*)"|'([^']*)'|([^\s"'#][^:#]*?))\s*:(?:\s+(.*))?$/.exec(rest);
    if (!key) return;
    enter(indent, false, key[1] ?? key[2] ?? key[3] ?? "", index + 1);
    if (/^[|>]/.test(key[4] ?? "")) block = indent;
  });
  return lines;
}

/** The line of a path, or of the nearest that it is in; null when there is none. */
export function lineOf(lines: ReadonlyMap<string, number>, path: string): number | null {
  for (let at = path; at !== ""; at = at.replace(/(?:^|\.)[^.[\]]*$|\[[^\]]*\]$/, "")) {
    const line = lines.get(at);
    if (line !== undefined) return line;
  }
  return null;
}
