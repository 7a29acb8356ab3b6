import { describe, expect, it } from "vitest";
import { isNarrowed, listKey, ofKey, readLog, toFilter, widened } from "../src/pages/deliveries/search";
import { fromWords, toWords } from "../src/pages/deliveries/words";

const channels = [
  { id: "chn_1", name: "SOAR" },
  { id: "chn_2", name: "#sec alerts" },
  { id: "chn_3", name: 'say "hi"' },
];
const known = { channels, rules: [{ id: "rul_1", name: "To SOAR" }] };

describe("the log's address", () => {
  it("leaves out what it does not understand", () => {
    expect(readLog({ state: "failed,wrong", kind: "pigeon", range: "never", from: "yesterday", open: 7 })).toEqual({ state: "failed" });
    expect(readLog({ range: "1h", view: "events", from: "2026-01-01T00:00:00Z" })).toEqual({ view: "events", from: "2026-01-01T00:00:00Z" });
  });

  it("says the same in words and back", () => {
    for (const search of [
      { state: "failed,parked", channel: "chn_1" },
      { channel: "chn_2", kind: "slack", type: "finding.created" },
      { channel: "chn_3", severity: "critical,high", address: "ann@acme.example", replays: "yes" as const },
      { rule: "rul_1", summary: "dlv_1", text: "public bucket" },
      { text: 'he said: "no"' },
      { text: "evt_ of old" },
      {},
    ]) {
      const line = toWords(search, known);
      const back = fromWords(line, known);
      expect(back).toEqual({ ok: true, search });
    }
    expect(toWords({ state: "failed,parked", channel: "chn_1" }, known)).toBe("state:failed,parked channel:SOAR");
    expect(toWords({ channel: "chn_2" }, known)).toBe('channel:"#sec alerts"');
  });

  it("finds channels by a part of their name, and opens what is pasted", () => {
    expect(fromWords("channel:soa", known)).toEqual({ ok: true, search: { channel: "chn_1" } });
    expect(fromWords("dlv_01", known)).toEqual({ ok: true, search: { open: "dlv_01" } });
    expect(fromWords("evt_01", known)).toEqual({ ok: true, search: { event: "evt_01" } });
  });

  it("says which word is wrong", () => {
    expect(fromWords("state:broken", known)).toEqual({ ok: false, word: "broken", why: "state" });
    expect(fromWords("channel:nobody", known)).toEqual({ ok: false, word: "nobody", why: "channel" });
    expect(fromWords("kind:pigeon", known)).toEqual({ ok: false, word: "pigeon", why: "kind" });
    expect(fromWords("severity:", known)).toEqual({ ok: false, word: "severity:", why: "severity" });
    expect(fromWords("rule:none", known)).toEqual({ ok: false, word: "none", why: "rule" });
    expect(fromWords("is:odd", known)).toEqual({ ok: false, word: "odd", why: "is" });
    expect(fromWords("colour:red", known)).toEqual({ ok: false, word: "colour:red", why: "word" });
  });

  it("looks for other words in titles and subjects", () => {
    expect(fromWords("public kind:slack bucket", known)).toEqual({ ok: true, search: { kind: "slack", text: "public bucket" } });
    expect(fromWords('"s3:bucket"', known)).toEqual({ ok: true, search: { text: "s3:bucket" } });
    expect(fromWords("S3://audit-logs", known)).toEqual({ ok: true, search: { text: "S3://audit-logs" } });
  });

  it("is a key of what is listed, and back", () => {
    const search = { state: "failed", text: "a", replays: "yes" as const, range: "7d" as const };
    expect(ofKey(listKey({ ...search, open: "dlv_1", hide: "why", view: "events" }))).toEqual(search);
    expect(isNarrowed({ range: "7d", view: "events" })).toBe(false);
    expect(isNarrowed({ text: "a" })).toBe(true);
    expect(widened({ ...search, hide: "why" })).toEqual({ range: "7d", hide: "why" });
  });

  it("reaches back from when the list is made, but not for one event", () => {
    expect(toFilter({}, 3_600_000).start).toBe(0);
    expect(toFilter({ range: "all" }, 3_600_000).start).toBe(null);
    expect(toFilter({ event: "evt_1" }, 3_600_000).start).toBe(null);
    const custom = toFilter({ from: "1970-01-01T00:00:01Z", to: "1970-01-01T00:00:02Z", range: "7d" }, 0);
    expect([custom.start, custom.end]).toEqual([1_000, 2_000]);
  });
});
