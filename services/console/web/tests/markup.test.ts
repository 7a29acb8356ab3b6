import { describe, expect, it } from "vitest";
import { type MarkupNode, decoded, elementsOf, parseMarkup } from "../src/domain/markup";

function textOf(nodes: readonly MarkupNode[]): string {
  return nodes.map((node) => (typeof node === "string" ? node : textOf(node.children))).join("");
}

describe("the HTML of an email", () => {
  it("is read into elements, attributes and text", () => {
    const nodes = parseMarkup('<!doctype html><body style="color:red"><p class=\'a\' hidden>1 &lt; 2 &amp; &#x2f;<br>three</p></body>');
    const [paragraph] = elementsOf(nodes, "p");
    expect(paragraph?.attributes.get("class")).toBe("a");
    expect(textOf(paragraph?.children ?? [])).toBe("1 < 2 & /three");
    expect(elementsOf(nodes, "body")[0]?.attributes.get("style")).toBe("color:red");
  });

  it("leaves out comments, conditional ones too", () => {
    const nodes = parseMarkup("<p>a<!--[if mso | IE]><table><tr><td>x</td></tr></table><![endif]-->b</p>");
    expect(textOf(nodes)).toBe("ab");
  });

  it("keeps styles and scripts as text that is nobody's element", () => {
    const nodes = parseMarkup("<style>p > a { color: red }</style><script>if (a < b) document.write('<img>')</script><p>c</p>");
    expect(textOf(elementsOf(nodes, "style"))).toBe("p > a { color: red }");
    expect(elementsOf(nodes, "img")).toEqual([]);
    expect(elementsOf(nodes, "p")).toHaveLength(1);
  });

  it("does not turn what was escaped into markup", () => {
    const nodes = parseMarkup("<td>&lt;img src=x onerror=alert(1)&gt;</td>");
    expect(elementsOf(nodes, "img")).toEqual([]);
    expect(textOf(nodes)).toBe("<img src=x onerror=alert(1)>");
  });

  it("survives what is not closed", () => {
    expect(textOf(parseMarkup("<p>a <b>b</p> c </i> < d"))).toBe("a b c  < d");
    expect(decoded("&#0; &#99999999; &nope;")).toBe("&#0; &#99999999; &nope;");
  });
});
