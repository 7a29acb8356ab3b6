import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { place } from "../src/api/errors";
import { AttemptOutcome, AttemptSchema } from "../src/api/gen/watchbell/dispatcher/v1/attempt_pb";
import { keyOfFragment } from "../src/api/session";
import { timestamp, toDuration } from "../src/api/times";
import { command, word } from "../src/domain/cli";
import { waterfall } from "../src/domain/waterfall";
import { heldUntil, stateSentence, tookOrNext, why } from "../src/domain/wording";
import { backOff } from "../src/live/feed";
import type { Row } from "../src/live/row";
import { indented } from "../src/domain/json";
import { countdown, duration, plain, webAddress } from "../src/parts/format";
import { contrast, inkOn, readable } from "../src/parts/theme";

const row = (part: Partial<Row>): Row => ({
  id: "dlv_1",
  eventId: "evt_1",
  type: "finding.created",
  title: "",
  severity: "high",
  kind: "webhook",
  target: { channelId: "chn_1", address: "" },
  reason: { code: "", sentence: "", ruleId: "" },
  state: "pending",
  message: "",
  detail: null,
  attempts: 0,
  next: null,
  made: 0,
  ended: null,
  test: false,
  replayOf: "",
  ...part,
});

describe("reasons in short", () => {
  it("keep the name, and the sentence where the code is not known", () => {
    const cases: [string, string, string][] = [
      ["rule_matched", "The rule “Scans” sends it here.", "rule “Scans”"],
      ["subscription", "The webhook subscribes to finding.*.", "subscribes to finding.*"],
      ["preference", "By default the member gets emails on findings at this severity.", "topic findings, by default"],
      ["preference", "The member asked for emails on findings at this severity.", "topic findings, asked for"],
      ["default_channel", "No rule decided it, and it alerts by default, so it goes to the default channel.", "default channel"],
      ["something_new", "Because of something new.", "Because of something new."],
      ["rule_matched", "The rule speaks another way.", "The rule speaks another way."],
      ["constructor", "A word that objects know.", "A word that objects know."],
    ];
    for (const [code, sentence, short] of cases) expect(why({ code, sentence })).toBe(short);
  });
});

describe("what a row says last", () => {
  it("is how long it took, or what comes next", () => {
    expect(tookOrNext(row({ state: "delivered", ended: 6_300 }), 0)).toBe("6.3 s");
    expect(tookOrNext(row({ state: "delivered", kind: "email", ended: 1 }), 0)).toBe("accepted");
    expect(tookOrNext(row({ next: 38_000 }), 0)).toBe("in 0:38");
    expect(tookOrNext(row({ next: 38_000 }), 40_000)).toBe("now");
    expect(tookOrNext(row({ state: "parked" }), 0)).toBe("–");
    const folded = { is: "folded", until: null, summaryId: "", silenceId: "", alertKey: "" } as const;
    expect(tookOrNext(row({ state: "folded", detail: { ...folded, into: "summary", summaryId: "dlv_2" } }), 0)).toBe("in 1 summary");
    expect(tookOrNext(row({ state: "folded", detail: { ...folded, into: "repeat" } }), 0)).toBe("counted");
    expect(tookOrNext(row({ state: "folded", detail: { ...folded, into: null } }), 0)).toBe("–");
    expect(tookOrNext(row({ state: "parked", detail: { is: "parked", why: "paused", since: null } }), 0)).toBe("paused");
    const held = row({ state: "held", next: 7, detail: { is: "held", by: "quiet", until: 9, silenceId: "" } });
    expect(heldUntil(held)).toBe(9);
    expect(heldUntil({ ...held, detail: null })).toBe(7);
    expect(heldUntil({ ...held, state: "delivered" })).toBe(null);
  });
});

describe("why a delivery stands where it does", () => {
  const at = Date.UTC(2026, 10, 26, 20);
  it("is said in the console's words, and in the server's where the reason is not known here", () => {
    const held = { is: "held", until: at, silenceId: "" } as const;
    expect(stateSentence(row({ state: "held", detail: { ...held, by: "quiet" } }), at)).toMatch(/^Held for quiet hours until \d\d:00; delivered at their end\.$/);
    expect(stateSentence(row({ state: "held", detail: { ...held, by: null }, message: "held by something new" }), at)).toBe("Held by something new.");
    expect(stateSentence(row({ state: "failed", message: "the hook is gone" }), at)).toBe("The hook is gone.");
    const parked = row({ state: "parked", detail: { is: "parked", why: "unhealthy", since: null } });
    expect(stateSentence(parked, at)).toBe("Parked while the channel is unhealthy: re-enable the channel and recover what is parked.");
  });
});

describe("the waterfall", () => {
  it("draws attempts and waits to scale, and the next try", () => {
    const attempt = (number: number, at: number, took: number) =>
      create(AttemptSchema, { number, startTime: timestamp(at), latency: toDuration(took), outcome: AttemptOutcome.RETRYABLE });
    const { parts, milliseconds } = waterfall([attempt(1, 1_000, 100), attempt(2, 2_000, 100)], 1_000, 3_000);
    expect(milliseconds).toBe(2_000);
    expect(parts.map(({ kind }) => kind)).toEqual(["attempt", "wait", "attempt", "next"]);
    expect(parts[1]).toMatchObject({ from: 0.05, milliseconds: 900 });
    expect(parts[1]?.width).toBeCloseTo(0.45);
    expect(parts[3]).toMatchObject({ number: 3, milliseconds: 900 });
    expect(parts.reduce((sum, { width }) => sum + width, 0)).toBeCloseTo(1);
    expect(waterfall([], 0, null).parts).toEqual([]);
  });
});

describe("commands", () => {
  it("quote what a shell would read", () => {
    expect(word("dlv_01-a.b")).toBe("dlv_01-a.b");
    expect(word("it's $HOME `x` \"y\"\n")).toBe(`'it'\\''s $HOME \`x\` "y"\n'`);
    expect(word("")).toBe("''");
    expect(command("channels", "test", "#sec alerts")).toBe("watchbell channels test '#sec alerts'");
  });
});

describe("a link's key", () => {
  it("is taken out of the fragment, and nothing else is", () => {
    expect(keyOfFragment("#key=wbk_a-b")).toEqual({ key: "wbk_a-b", rest: "" });
    expect(keyOfFragment("#x=1&key=wbk_a")).toEqual({ key: "wbk_a", rest: "#x=1" });
    expect(keyOfFragment("#key=")).toEqual({ key: null, rest: "" });
    expect(keyOfFragment("")).toEqual({ key: null, rest: "" });
  });
});

describe("violations", () => {
  it("land on the nearest control, and are never lost", () => {
    const { fields, rest } = place(
      [
        { path: "channel.quiet_hours.windows[0].start", text: "must be a time" },
        { path: "channel.quiet_hours.time_zone", text: "must be a zone" },
        { path: "channel.webhook.url", text: "must be https" },
        { path: "channel.webhook.url", text: "must be short" },
        { path: "team_id", text: "is unknown" },
      ],
      "channel",
      ["quiet_hours", "quiet_hours.windows", "webhook.url", "webhook"],
    );
    expect(Object.fromEntries(fields)).toEqual({
      "quiet_hours.windows": "must be a time",
      quiet_hours: "must be a zone",
      "webhook.url": "must be https; must be short",
    });
    expect(rest).toEqual([{ path: "team_id", text: "is unknown" }]);
  });
});

describe("texts of others", () => {
  it("show marks that would turn the line around", () => {
    expect(plain("a\u202Eb\u2066c")).toBe("a⟨U+202E⟩b⟨U+2066⟩c");
  });
  it("become links only to http and https", () => {
    expect(webAddress("https://example.com/a")).toBe("https://example.com/a");
    for (const bad of ["javascript:alert(1)", "data:text/html,x", " javascript:x", "//example.com", ""]) expect(webAddress(bad)).toBe(null);
  });
  it("are laid out without touching a number", () => {
    expect(indented('{"n":12345678901234567890,"t":"a{,}:\\"b","e":[],"l":[1,{"x":null}]}')).toBe(
      '{\n  "n": 12345678901234567890,\n  "t": "a{,}:\\"b",\n  "e": [],\n  "l": [\n    1,\n    {\n      "x": null\n    }\n  ]\n}',
    );
  });
});

describe("times", () => {
  it("are short", () => {
    expect([212, 6_300, 59_400, 240_000, 7_500_000, 3 * 86_400_000].map(duration)).toEqual(["212 ms", "6.3 s", "59 s", "4 min", "2 h 5 min", "3 d"]);
    expect([38_000, 725_000, 11_040_000].map(countdown)).toEqual(["0:38", "12:05", "3:04:00"]);
  });
  it("grow between tries, within bounds", () => {
    expect(backOff(0, 0)).toBe(250);
    expect(backOff(3, 0.5)).toBe(4_000);
    expect(backOff(50, 1)).toBe(30_000);
  });
});

describe("a brand's colour", () => {
  it("can be read on light and on dark", () => {
    const [paper, night, white, black] = ["#eaf0ff", "#1b2747", "#ffffff", "#0b0f17"];
    for (const colour of ["#1f6feb", "#ffd400", "#000000", "#ffffff", "#7a0000"]) {
      const [light, dark] = [readable(colour, paper, black), readable(colour, night, white)];
      expect(contrast(light, paper), colour).toBeGreaterThanOrEqual(4.5);
      expect(contrast(dark, night), colour).toBeGreaterThanOrEqual(4.5);
      expect(contrast(inkOn(light, white, black), light), colour).toBeGreaterThanOrEqual(4.5);
    }
  });
});
