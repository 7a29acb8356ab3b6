import { describe, expect, it } from "vitest";
import { type Known, offersAt, placeAt } from "../src/domain/document-offers";

const known: Known = { types: ["finding.created", "scan.failed"], channels: ["#security", "SIEM"], members: ["ann@acme.example"] };

/** What is offered at the `|` of a document. */
function offered(document: string): readonly string[] {
  const place = placeAt(document.slice(0, document.indexOf("|")));
  return place ? offersAt(place, known).map(({ text }) => text) : [];
}

describe("what a document offers", () => {
  it("has the keys of the place", () => {
    expect(offered("ver|")).toContain("channels:");
    expect(offered("channels:\n- na|")).toEqual(expect.arrayContaining(["name: ", "kind: ", "quiet_hours:", "smtp:"]));
    expect(offered("channels:\n  - name: SIEM\n    filter:\n      ty|")).toContain("types:");
    expect(offered("rules:\n- name: All\n  match:\n    types: [a]\n  se|")).toContain("send:");
    expect(offered("rules:\n- name: All\n- na|")).toContain("continue: ");
    expect(offered("digest:\n  cr|")).toContain("cron: ");
    expect(offered("preferences:\n  ann@acme.example:\n    fi|")).toContain("findings: ");
    expect(offered("nonsense:\n  x|")).toEqual([]);
  });

  it("has the words of a key", () => {
    expect(offered("channels:\n- kind: sl|")).toEqual(expect.arrayContaining(["slack", "in_app"]));
    expect(offered("rules:\n- match:\n    severity: [critical, hi|")).toContain("high");
    expect(offered("rules:\n- match:\n    severity:\n    - hi|")).toContain("high");
    expect(offered("channels:\n- paused: t|")).toEqual(["true", "false"]);
  });

  it("knows the team's names, and quotes what YAML would take for something else", () => {
    expect(offered("rules:\n- match:\n    types: [fin|")).toEqual(["finding.created", "scan.failed", "finding.*", "scan.*"]);
    expect(offered("rules:\n- send: [x|")).toEqual(['"#security"', "SIEM"]);
    expect(offered("rules:\n- send:\n  - x|")).toEqual(['"#security"', "SIEM"]);
  });

  it("is silent in comments", () => {
    expect(offered("# na|")).toEqual([]);
    expect(offered("digest:\n  paused: true # fo|")).toEqual([]);
  });
});
