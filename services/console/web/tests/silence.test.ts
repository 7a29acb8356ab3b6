import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { SilenceSchema } from "../src/api/gen/watchbell/config/v1/silence_pb";
import { kindOf } from "../src/api/words";
import { NEW_SILENCE, covers, endOf, silenceInit } from "../src/domain/silence";

const NOW = Date.parse("2026-11-27T10:00:00Z");
const end = (part: object, zone = "UTC") => {
  const at = endOf({ ...NEW_SILENCE, ...part }, zone, NOW);
  return at === null ? null : new Date(at).toISOString();
};

describe("when a silence ends", () => {
  it("counts from its beginning", () => {
    expect(end({ length: "1h" })).toBe("2026-11-27T11:00:00.000Z");
    expect(end({ length: "2h", starts: "2026-12-01T08:00:00Z" })).toBe("2026-12-01T10:00:00.000Z");
  });

  it("is tomorrow at nine by the team's clock, also when the clocks change", () => {
    expect(end({ length: "tomorrow" }, "Europe/Berlin")).toBe("2026-11-28T08:00:00.000Z");
    expect(end({ length: "tomorrow", starts: "2026-10-24T22:30:00Z" }, "Europe/Berlin")).toBe("2026-10-26T08:00:00.000Z");
    // Still today in New York.
    expect(end({ length: "tomorrow", starts: "2026-11-28T03:00:00Z" }, "America/New_York")).toBe("2026-11-28T14:00:00.000Z");
  });

  it("is left to the server while none is chosen", () => {
    expect(end({ length: "own" })).toBeNull();
    expect(silenceInit({ ...NEW_SILENCE, length: "own" }, "UTC", NOW)).not.toHaveProperty("endTime");
  });
});

describe("which channels a silence is for", () => {
  const slack = { id: "chn_slack", kind: kindOf("slack") };
  const webhook = { id: "chn_webhook", kind: kindOf("webhook") };
  const inbox = { id: "chn_inbox", kind: kindOf("in-app") };
  const of = (init: { channelIds?: string[]; kinds?: number[] }) => {
    const silence = create(SilenceSchema, init);
    return [slack, webhook, inbox].filter((channel) => covers(silence, channel)).map(({ id }) => id);
  };

  it("is all but webhooks and the inbox when it names none", () => {
    expect(of({})).toEqual(["chn_slack"]);
  });

  it("is those that it names, and those of its kinds", () => {
    expect(of({ channelIds: ["chn_webhook"] })).toEqual(["chn_webhook"]);
    expect(of({ channelIds: ["chn_webhook"], kinds: [kindOf("slack")] })).toEqual(["chn_slack", "chn_webhook"]);
    expect(of({ kinds: [kindOf("email")] })).toEqual([]);
  });
});
