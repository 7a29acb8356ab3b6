// Reads the HTML of an email into a tree, so that it can be built anew from known parts. The page's policy lets no text become
// markup, and so there is no parser of the browser to ask. What it does not understand is text.

export interface MarkupElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: MarkupNode[];
}

export type MarkupNode = string | MarkupElement;

const VOID = new Set(["br", "hr", "img", "input", "link", "meta", "col", "wbr"]);
/** Elements whose content is no markup. */
const RAW = new Set(["style", "script", "title", "textarea"]);
const TAG = /<!--[\s\S]*?-->|<![^>]*>|<(\/?)([a-z][a-z0-9:]*)((?:\s+[^\s"'<>/=]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>=`]+))?)*)\s*\/?>/gi;
const ATTRIBUTE = /([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>=`]+)))?/g;
const NAMED: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00A0" };

export function decoded(text: string): string {
  return text.replaceAll(/&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|([a-z]+));/gi, (whole, hex: string, decimal: string, name: string) => {
    if (name) return NAMED[name.toLowerCase()] ?? whole;
    const code = hex ? Number.parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

function attributesOf(text: string): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name = "", double, single, bare] of text.matchAll(ATTRIBUTE)) {
    if (!attributes.has(name.toLowerCase())) attributes.set(name.toLowerCase(), decoded(double ?? single ?? bare ?? ""));
  }
  return attributes;
}

export function parseMarkup(html: string): MarkupNode[] {
  const root: MarkupElement = { name: "", attributes: new Map(), children: [] };
  const open: MarkupElement[] = [root];
  const top = () => open.at(-1) ?? root;
  const text = (part: string) => {
    if (part !== "") top().children.push(decoded(part));
  };
  let at = 0;
  const tags = new RegExp(TAG);
  for (let found = tags.exec(html); found !== null; found = tags.exec(html)) {
    text(html.slice(at, found.index));
    at = tags.lastIndex;
    const name = found[2]?.toLowerCase();
    if (name === undefined) continue;
    if (found[1] === "/") {
      const depth = open.findLastIndex((element) => element.name === name);
      if (depth > 0) open.length = depth;
      continue;
    }
    const element: MarkupElement = { name, attributes: attributesOf(found[3] ?? ""), children: [] };
    top().children.push(element);
    if (RAW.has(name)) {
      const end = html.toLowerCase().indexOf(`</${name}`, at);
      const until = end < 0 ? html.length : end;
      element.children.push(html.slice(at, until));
      at = until;
      tags.lastIndex = until;
      open.push(element);
    } else if (!VOID.has(name)) open.push(element);
  }
  text(html.slice(at));
  return root.children;
}

/** Every element of a name, in the order of the document. */
export function elementsOf(nodes: readonly MarkupNode[], name: string): MarkupElement[] {
  return nodes.flatMap((node) => {
    if (typeof node === "string") return [];
    return [...(node.name === name ? [node] : []), ...elementsOf(node.children, name)];
  });
}
