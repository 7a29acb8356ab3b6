// What may be written at a place of a team's document: the keys and words of its schema, and the names that the team knows.

import schema from "./document.schema.json";

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly enum?: readonly string[];
  readonly description?: string;
}

/** Names that a document may use. */
export interface Known {
  readonly types: readonly string[];
  readonly channels: readonly string[];
  readonly members: readonly string[];
}

export interface Offer {
  readonly label: string;
  /** What is written. */
  readonly text: string;
  readonly info: string;
}

export interface Place {
  /** The keys down to it; `[]` for an item of a list. */
  readonly path: readonly string[];
  /** The key whose value is written; null while a key, or an item of a list, is. */
  readonly key: string | null;
  /** What is typed of the word. */
  readonly typed: string;
}

const LINE = /^(\s*)((?:-\s+)?)(.*)$/;
const KEY = /^(?:"([^"]*)"|'([^']*)'|([^\s"'#][^:#]*?))\s*:(?:\s+(.*))?$/;

interface Line {
  readonly indent: number;
  readonly isItem: boolean;
  /** The indent of what comes after the dash. */
  readonly inner: number;
  readonly rest: string;
}

function lineOf(text: string): Line {
  const [, space = "", dash = "", rest = ""] = LINE.exec(text) ?? [];
  return { indent: space.length, isItem: dash !== "", inner: space.length + dash.length, rest };
}

function keyOf(rest: string): { readonly key: string; readonly value: string | undefined } | null {
  const found = KEY.exec(rest);
  return found ? { key: found[1] ?? found[2] ?? found[3] ?? "", value: found[4] } : null;
}

/** Where in the document the end of `before` is; null in a comment. */
export function placeAt(before: string): Place | null {
  const lines = before.split("\n");
  const line = lineOf(lines.pop() ?? "");
  if (/^#|\s#/.test(line.rest)) return null;
  const path = pathAbove(lines.map(lineOf), line);
  const entry = keyOf(line.rest);
  if (entry?.value !== undefined) return { path, key: entry.key, typed: /[^\s[,]*$/.exec(entry.value)?.[0] ?? "" };
  return entry ? null : { path, key: null, typed: line.rest };
}

/** The keys of the lines above that a line is in. */
function pathAbove(above: readonly Line[], line: Line): readonly string[] {
  const path: string[] = [];
  let limit = line.inner;
  // A list may stand as deep as the key that it belongs to.
  let isList = false;
  const enter = ({ indent, isItem }: Line, inner: number) => {
    limit = inner;
    isList = false;
    if (!isItem) return;
    path.unshift("[]");
    limit = indent;
    isList = true;
  };
  enter(line, line.inner);
  for (const one of above.toReversed()) {
    if (one.rest === "" || one.rest.startsWith("#")) continue;
    const entry = keyOf(one.rest);
    if (entry && (one.inner < limit || (isList && one.inner === limit))) {
      path.unshift(entry.key);
      enter(one, one.inner);
    } else if (one.isItem && !isList && one.inner === limit) {
      enter(one, one.inner);
    }
    if (limit === 0 && !isList) break;
  }
  return path;
}

const words = (node: Schema | undefined): Schema | undefined => (node?.type === "array" ? node.items : node);

function below(node: Schema | undefined, step: string): Schema | undefined {
  if (step === "[]") return node?.items;
  const mapping = words(node);
  return mapping?.properties?.[step] ?? mapping?.additionalProperties;
}

/** Whether YAML takes a text for something else unless it is quoted. */
const isOdd = (text: string) => /^[\s#&*!|>'"%@`{}[\],?:-]|:\s|\s#|^(?:true|false|null|~|[\d.]+)$/i.test(text);

const named = (names: readonly string[]): readonly Offer[] =>
  names.map((name) => ({ label: name, text: isOdd(name) ? JSON.stringify(name) : name, info: "" }));

/** Names of the team for the values of a key. */
function namesFor(key: string, known: Known): readonly Offer[] {
  switch (key) {
    case "types": {
      const families = new Set(known.types.map((type) => `${type.split(".")[0]}.*`));
      return named([...known.types, ...families]);
    }
    case "send":
    case "channels":
      return named(known.channels);
    case "member":
      return named(known.members);
    default:
      return [];
  }
}

function values(node: Schema | undefined, key: string, known: Known): readonly Offer[] {
  const one = words(node);
  if (one?.enum) return named(one.enum).map((offer) => ({ ...offer, text: offer.label }));
  if (one?.type === "boolean") return ["true", "false"].map((word) => ({ label: word, text: word, info: "" }));
  return namesFor(key, known);
}

/** What may be written there. */
export function offersAt({ path, key }: Place, known: Known): readonly Offer[] {
  const node = path.reduce<Schema | undefined>(below, schema as Schema);
  if (key !== null) return values(below(node, key), key, known);
  const keys = Object.entries(node?.properties ?? {});
  if (keys.length === 0) return values(node, path.findLast((step) => step !== "[]") ?? "", known);
  return keys.map(([name, { type, description = "" }]) => ({
    label: name,
    text: type === "array" || type === "object" ? `${name}:` : `${name}: `,
    info: description,
  }));
}
