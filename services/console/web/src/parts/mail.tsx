// A rendered email, as its reader sees it: built anew inside a shadow root, from plain elements and their styles. No scripts, no
// pictures, nothing that loads.

import { type ReactNode, useEffect, useRef } from "react";
import { type MarkupNode, elementsOf, parseMarkup } from "../domain/markup";
import { webAddress } from "./format";

const ELEMENTS = new Set(["a", "b", "br", "div", "em", "h1", "h2", "h3", "hr", "i", "li", "ol", "p", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"]);
/** Elements that are passed over for what is in them. */
const WRAPPERS = new Set(["html", "body"]);
const ATTRIBUTES = ["align", "class", "colspan", "dir", "lang", "role", "rowspan", "scope", "width"];

function build(nodes: readonly MarkupNode[], into: Node): void {
  for (const node of nodes) {
    if (typeof node === "string") {
      into.appendChild(document.createTextNode(node));
      continue;
    }
    if (WRAPPERS.has(node.name)) build(node.children, into);
    if (!ELEMENTS.has(node.name)) continue;
    const element = document.createElement(node.name);
    for (const name of ATTRIBUTES) {
      const value = node.attributes.get(name);
      if (value !== undefined) element.setAttribute(name, value);
    }
    element.style.cssText = (node.attributes.get("style") ?? "").replaceAll(/url\([^)]*\)/gi, "none");
    const address = node.name === "a" ? webAddress(node.attributes.get("href") ?? "") : null;
    if (address !== null) {
      element.setAttribute("href", address);
      element.setAttribute("target", "_blank");
      element.setAttribute("rel", "noopener noreferrer");
    }
    build(node.children, element);
    into.appendChild(element);
  }
}

export function Mail({ html, label }: { html: string; label: string }): ReactNode {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!host.current) return;
    const root = host.current.shadowRoot ?? host.current.attachShadow({ mode: "open" });
    const nodes = parseMarkup(html);
    const styles = elementsOf(nodes, "style").flatMap(({ children }) => children).join("\n");
    const sheet = new CSSStyleSheet();
    // Imports are refused by the rules of constructed sheets, and the policy lets no picture load.
    sheet.replaceSync(styles.replaceAll(/\bbody\b(?=[\s,{>])/g, ".body").replaceAll(/url\([^)]*\)/gi, "none"));
    root.adoptedStyleSheets = [sheet];
    const body = document.createElement("div");
    body.className = "body";
    body.style.cssText = elementsOf(nodes, "body")[0]?.attributes.get("style") ?? "";
    build(nodes, body);
    root.replaceChildren(body);
  }, [html]);
  return <div ref={host} className="mail" role="region" aria-label={label} tabIndex={0} />;
}
