import { describe, expect, it } from "vitest";
import { DeliveryState } from "../src/api/gen/watchbell/dispatcher/v1/delivery_pb";
import { ChannelKind, Severity } from "../src/api/gen/watchbell/event/v1/vocabulary_pb";
import { EVERYTHING, type Filter, asked, matches, mayMatch } from "../src/live/filter";
import { NOTHING, later, newestFirst, patch, release, settle, tell } from "../src/live/merge";
import type { Row } from "../src/live/row";

const ALL: Filter = EVERYTHING;

function row(id: string, part: Partial<Row> = {}): Row {
  return {
    id,
    eventId: `evt_${id}`,
    type: "finding.created",
    title: "Public bucket",
    severity: "high",
    kind: "webhook",
    target: { channelId: "chn_1", address: "" },
    reason: { code: "subscription", sentence: "", ruleId: "" },
    state: "pending",
    message: "",
    detail: null,
    attempts: 0,
    next: null,
    made: Number(id.slice(1)),
    ended: null,
    test: false,
    replayOf: "",
    ...part,
  };
}

/** A generator of numbers that are the same in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** What the server may do next with a delivery. */
function change(before: Row, pick: (below: number) => number): Row {
  if (before.state === "failed") return pick(2) === 0 ? before : { ...before, state: "pending", ended: null };
  if (before.ended !== null) return before;
  const attempts = before.attempts + 1;
  switch (pick(5)) {
    case 0:
      return { ...before, state: "delivered", attempts, ended: 1 };
    case 1:
      return { ...before, state: "failed", attempts, ended: 1 };
    case 2:
      return { ...before, state: "cancelled", ended: 1 };
    case 3:
      return { ...before, state: before.state === "pending" ? "parked" : "pending" };
    default:
      return { ...before, state: "pending", attempts };
  }
}

describe("pages and the stream", () => {
  it("show the server's state, however they interleave", () => {
    for (let seed = 1; seed <= 400; seed += 1) {
      const pick = numbers(seed);
      const server = new Map<string, Row>();
      const stream: Row[] = [];
      let page: readonly Row[] = [];
      let listedAt: readonly Row[] | null = null;
      let head = NOTHING;
      const hear = (count: number) => {
        const told = stream.splice(0, count);
        const listed = new Set(page.map(({ id }) => id));
        page = patch(page, new Map(told.map((one) => [one.id, one])));
        head = tell(head, told, ALL, (id) => listed.has(id), pick(2) === 0);
      };
      for (let step = 0; step < 40; step += 1) {
        const what = pick(4);
        if (what === 0) {
          const made = row(`d${100 + step}`);
          server.set(made.id, made);
          stream.push(made);
        } else if (what === 1 && server.size > 0) {
          const ids = [...server.keys()];
          const id = ids[pick(ids.length)] ?? "";
          const next = change(server.get(id) as Row, pick);
          if (next !== server.get(id)) stream.push(next);
          server.set(id, next);
        } else if (what === 2) {
          // The list is made at one moment, before anything that is told later.
          if (listedAt === null && step < 3) listedAt = [...server.values()].toSorted(newestFirst);
        } else {
          hear(1 + pick(3));
        }
        if (listedAt !== null && step === 10) {
          page = listedAt;
          const listed = new Set(page.map(({ id }) => id));
          const above = [...head.shown, ...head.waiting];
          page = patch(page, new Map(above.map((one) => [one.id, one])));
          head = { shown: above.filter(({ id }) => !listed.has(id)), waiting: [] };
        }
      }
      hear(stream.length);
      head = release(head);
      const seen = new Map([...page, ...head.shown].map((one) => [one.id, one]));
      for (const [id, is] of server) {
        expect(seen.get(id)?.state, `seed ${seed}, ${id}`).toBe(is.state);
        expect(seen.get(id)?.attempts, `seed ${seed}, ${id}`).toBe(is.attempts);
      }
      expect(head.shown, `seed ${seed}`).toEqual(head.shown.toSorted(newestFirst));
    }
  });

  it("leave what is older than the first page to the pages behind it", () => {
    const last = row("d5", { made: 500 });
    const older = row("d4", { made: 400, state: "delivered" });
    expect(tell(NOTHING, [older], ALL, () => false, false, last)).toBe(NOTHING);
    expect(tell(NOTHING, [row("d6", { made: 600 })], ALL, () => false, false, last).shown).toHaveLength(1);
    expect(tell(NOTHING, [older], ALL, () => false, false, null).shown).toHaveLength(1);
  });

  it("hold new rows while the reader is elsewhere, and change those on the screen", () => {
    let head = tell(NOTHING, [row("d1")], ALL, () => false, false);
    head = tell(head, [row("d2"), row("d1", { state: "delivered" })], ALL, () => false, true);
    expect(head.shown.map(({ state }) => state)).toEqual(["delivered"]);
    expect(head.waiting.map(({ id }) => id)).toEqual(["d2"]);
    expect(release(head).shown.map(({ id }) => id)).toEqual(["d2", "d1"]);
  });

  it("take in only what the filter asks for", () => {
    const filter: Filter = { ...ALL, states: ["failed"], kind: "webhook", start: 5 };
    expect(matches(filter, row("d9", { state: "failed" }))).toBe(true);
    expect(matches(filter, row("d9"))).toBe(false);
    expect(matches(filter, row("d4", { state: "failed" }))).toBe(false);
    expect(tell(NOTHING, [row("d9")], filter, () => false, false)).toBe(NOTHING);
  });

  it("believe an end without an attempt, and that what failed was taken up again", () => {
    const pending = row("d1", { attempts: 2 });
    const cancelled = row("d1", { attempts: 2, state: "cancelled", ended: 1 });
    const failed = row("d1", { attempts: 2, state: "failed", ended: 1 });
    expect(later(cancelled, pending)).toBe(cancelled);
    expect(later(failed, pending)).toBe(pending);
    expect(later(pending, cancelled)).toBe(cancelled);
  });

  it("show a delivery once that the stream told of while its page was asked for", () => {
    const told = tell(NOTHING, [row("d2", { attempts: 1, state: "delivered", ended: 1 }), row("d3")], ALL, () => false, false);
    const { head, page } = settle(told, [row("d2"), row("d1")]);
    expect(head.shown.map(({ id }) => id)).toEqual(["d3"]);
    expect(page.map(({ id, state }) => [id, state])).toEqual([["d2", "delivered"], ["d1", "pending"]]);
    const waiting = tell(NOTHING, [row("d2")], ALL, () => false, true);
    expect(settle(waiting, [row("d2")]).head.waiting).toEqual([]);
    expect(settle(NOTHING, [row("d1")]).head).toBe(NOTHING);
  });
});

describe("a filter", () => {
  const detail = { is: "folded", into: "summary", until: null, summaryId: "dlv_9", silenceId: "", alertKey: "" } as const;
  const one = row("d1", {
    title: "Public Bucket",
    severity: "high",
    target: { channelId: "chn_1", address: "Ann@acme.example" },
    reason: { code: "rule_matched", sentence: "", ruleId: "rul_1" },
    replayOf: "dlv_0",
    detail,
  });
  it("judges what the stream tells as the server judges", () => {
    const cases: [Partial<Filter>, boolean][] = [
      [{ severities: ["critical", "high"] }, true],
      [{ severities: ["low"] }, false],
      [{ type: "finding.*" }, true],
      [{ type: "scan.*" }, false],
      [{ address: "ann@ACME.example" }, true],
      [{ address: "bob@acme.example" }, false],
      [{ ruleId: "rul_1" }, true],
      [{ ruleId: "rul_2" }, false],
      [{ replaysOnly: true }, true],
      [{ summaryId: "dlv_9" }, true],
      [{ summaryId: "dlv_8" }, false],
      [{ text: "public buck" }, true],
    ];
    for (const [part, is] of cases) expect(matches({ ...ALL, ...part }, one), JSON.stringify(part)).toBe(is);
    expect(matches({ ...ALL, replaysOnly: true }, { ...one, replayOf: "" })).toBe(false);
  });
  it("leaves a text that is not in the title to the server, which knows the subject", () => {
    const filter = { ...ALL, text: "s3://audit" };
    expect([matches(filter, one), mayMatch(filter, one)]).toEqual([false, true]);
    expect(mayMatch({ ...filter, severities: ["low"] }, one)).toBe(false);
  });
  it("is asked in the contract's fields", () => {
    expect(asked({ ...ALL, states: ["failed"], type: "finding.*", kind: "slack", severities: ["high"], text: "a" })).toMatchObject({
      states: [DeliveryState.FAILED],
      types: ["finding.*"],
      kind: ChannelKind.SLACK,
      severities: [Severity.HIGH],
      text: "a",
    });
    expect(asked(ALL)).toMatchObject({ types: [], states: [] });
  });
});
