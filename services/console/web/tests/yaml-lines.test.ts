import { describe, expect, it } from "vitest";
import { lineOf, linesOf } from "../src/domain/yaml-lines";

const DOCUMENT = `# The team
version: 1
team:
  name: "Acme: the team"
channels:
- name: SIEM
  description: |
    channels:
    - not: a key
  webhook:
    url: (secret)
    filter:
      types:
      - finding.*
      - scan.*
- name: '#alerts'
  slack: {}

rules:
  - name: First
    send: [ "#alerts" ]
  -
    name: Second
`;

describe("a path of the document", () => {
  const lines = linesOf(DOCUMENT);

  it("is on the line that says it", () => {
    const found = Object.fromEntries(
      ["version", "team.name", "channels", "channels[0]", "channels[0].webhook.filter.types[1]", "channels[1].name", "channels[1].slack", "rules[0].send", "rules[1].name"].map((path) => [path, lines.get(path)]),
    );
    expect(found).toEqual({
      version: 2,
      "team.name": 4,
      channels: 5,
      "channels[0]": 6,
      "channels[0].webhook.filter.types[1]": 15,
      "channels[1].name": 16,
      "channels[1].slack": 17,
      "rules[0].send": 21,
      "rules[1].name": 23,
    });
  });

  it("is on the line of what it is in when nothing says it", () => {
    expect(lineOf(lines, "channels[0].webhook.secret")).toBe(10);
    expect(lineOf(lines, "channels[1].slack.webhook_url")).toBe(17);
    expect(lineOf(lines, "rules[1].send[3].name")).toBe(22);
    expect(lineOf(lines, "members[2].email")).toBeNull();
    expect(lineOf(lines, "")).toBeNull();
  });

  it("is not taken from a text that only looks like one", () => {
    expect([...lines.keys()].some((path) => path.includes("not"))).toBe(false);
  });
});
