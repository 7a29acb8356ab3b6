// The members of a JSON object as texts of their own, so that one is changed without touching a number of another.

import { indented } from "./json";

/** The object that a text is; null when it is none. */
function read(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Each member's text by its name, in order; null when the text is no JSON object. */
export function membersOf(text: string): ReadonlyMap<string, string> | null {
  if (read(text) === null) return null;
  const members = new Map<string, string>();
  const part = { name: "", begin: text.indexOf("{") + 1 };
  let depth = 0;
  for (let at = part.begin; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if (character === '"') at = endOfText(text, at);
    else if (character === "{" || character === "[") depth += 1;
    else if (depth > 0 && (character === "}" || character === "]")) depth -= 1;
    else if (depth === 0 && character === ":") {
      part.name = JSON.parse(text.slice(part.begin, at)) as string;
      part.begin = at + 1;
    } else if (depth === 0 && (character === "," || character === "}")) {
      const value = text.slice(part.begin, at).trim();
      if (value !== "") members.set(part.name, value);
      part.begin = at + 1;
    }
  }
  return members;
}

function endOfText(text: string, begin: number): number {
  let at = begin + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}

/** The object's text with another value of one member; null takes the member away. */
export function withMember(members: ReadonlyMap<string, string>, name: string, value: string | null): string {
  const next = new Map(members);
  if (value === null) next.delete(name);
  else next.set(name, value);
  return indented(`{${[...next].map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(",")}}`);
}
