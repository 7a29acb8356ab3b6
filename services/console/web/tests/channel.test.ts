import { type DescMessage, create, equals } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ChannelSchema } from "../src/api/gen/watchbell/config/v1/channel_pb";
import { EMPTY, secondsOf, secondsText, toMessage, valuesOf } from "../src/domain/channel";
import { patternMatches } from "../src/domain/pattern";
import { changed, mergeThree } from "../src/domain/draft";
import { dragged, pieces } from "../src/domain/week";
import { CONTROLS } from "../src/pages/channel/fields";

/** Every path of a message down to its scalars, messages of the well-known types counted as one. */
function paths(message: DescMessage, prefix = ""): string[] {
  return message.fields.flatMap((field) => {
    const path = prefix + field.name;
    const inner = field.message;
    return inner && inner.typeName.startsWith("watchbell.") && inner.fields.length > 0 ? paths(inner, `${path}.`) : [path];
  });
}

/** What forms do not edit, and why. */
const ELSEWHERE: Record<string, string> = {
  paused: "the menu of actions",
  is_default: "SetDefaultChannel",
  in_app: "has no settings",
  id: "output",
  team_id: "output",
  kind: "output",
  health: "output",
  health_message: "output",
  health_epoch: "output",
  recover_parked: "output",
  etag: "sent back as it was read",
  create_time: "output",
  update_time: "output",
  "slack.masked_webhook_url": "output",
  "slack.workspace": "output",
  "slack.configuration_url": "output",
  "slack.workspace_id": "output",
  "slack.slack_channel_id": "output",
  "teams.masked_webhook_url": "output",
  "email.smtp.has_password": "output",
  "email.unconfirmed_recipients.address": "output",
  "email.unconfirmed_recipients.ask_time": "output",
  "email.unconfirmed_recipients.expire_time": "output",
  "email.unconfirmed_recipients.sent_count": "output",
  "webhook.masked_url": "output",
  "webhook.ed25519_public_key": "output",
  "webhook.live_secret_count": "output",
};

describe("the form of a channel", () => {
  it("has a control for everything that the contract lets one change", () => {
    const uncovered = paths(ChannelSchema).filter(
      (path) => !(path in ELSEWHERE) && !CONTROLS.some((control) => path === control || path.startsWith(`${control}.`)),
    );
    expect(uncovered).toEqual([]);
    const known = new Set(paths(ChannelSchema));
    expect(Object.keys(ELSEWHERE).filter((path) => !known.has(path)), "these are no longer in the contract").toEqual([]);
  });

  it("gives back what was read", () => {
    const channel = create(ChannelSchema, {
      displayName: "SIEM",
      description: "ours",
      destination: {
        case: "webhook",
        value: { filter: { types: ["finding.*"], severities: [5], sources: ["cspm"], expression: "true" }, headers: [{ name: "X-A" }], envelope: 2, signEd25519: true, preset: "ocsf", body: "{}" },
      },
      quietHours: { timeZone: "Europe/Berlin", windows: [{ weekdays: [1, 2], start: "22:00", end: "07:00" }], passingSeverities: [4, 5], coalesce: true },
      stormControl: { maxMessages: 5, window: { seconds: 120n } },
      triggers: { types: ["*"] },
      delivery: { retryDelays: [{ seconds: 5n }], maxConcurrency: 2, maxPerSecond: 1.5, timeout: { seconds: 10n } },
    });
    const back = create(ChannelSchema, toMessage(valuesOf(channel), "webhook"));
    expect(equals(ChannelSchema, back, channel)).toBe(true);
    expect(changed(valuesOf(channel), valuesOf(back))).toEqual([]);
  });

  it("keeps what only one side changed, and names what both did", () => {
    const base = { ...EMPTY, display_name: "SIEM", description: "old" };
    const mine = { ...base, display_name: "Mine", "delivery.timeout": 5 };
    const theirs = { ...base, display_name: "Theirs", description: "new", "delivery.timeout": 5 };
    const merged = mergeThree(base, mine, theirs);
    expect(merged.values).toEqual({ ...mine, description: "new" });
    expect(merged.conflicts).toEqual(["display_name"]);
    expect(merged.taken).toEqual(["description"]);
    expect(mergeThree(base, base, theirs).values).toEqual(theirs);
  });
});

describe("patterns", () => {
  it("match as the server's do", () => {
    expect(patternMatches("*", "scan.failed")).toBe(true);
    expect(patternMatches("finding.*", "finding.created")).toBe(true);
    expect(patternMatches("finding.*", "findings.created")).toBe(false);
    expect(patternMatches("finding.created", "finding.created.more")).toBe(false);
  });
});

describe("durations", () => {
  it("are written as they are read", () => {
    expect(["90", "30s", "5m", "1h 30m", "2h", "1d", "never", "5 minutes", ""].map(secondsOf)).toEqual([90, 30, 300, 5_400, 7_200, 86_400, null, null, null]);
    for (const seconds of [0, 1, 59, 60, 61, 3_600, 5_400, 86_400, 90_061]) expect(secondsOf(secondsText(seconds))).toBe(seconds);
  });
});

describe("a window on the week", () => {
  it("runs over midnight onto the next day, and from Sunday onto Monday", () => {
    expect(pieces([{ weekdays: [7], start: 1_320, end: 420 }])).toEqual([
      { window: 0, day: 7, from: 1_320, to: 1_440, hasStart: true, hasEnd: false },
      { window: 0, day: 1, from: 0, to: 420, hasStart: false, hasEnd: true },
    ]);
    expect(pieces([{ weekdays: [], start: 540, end: 600 }])).toHaveLength(7);
    expect(pieces([{ weekdays: [6], start: 0, end: 0 }])).toEqual([{ window: 0, day: 6, from: 0, to: 1_440, hasStart: true, hasEnd: true }]);
  });

  it("is dragged in steps, and never to nothing or a whole day", () => {
    expect(dragged(1_320, 420, "move", 67)).toEqual({ start: "23:00", end: "08:00" });
    expect(dragged(540, 600, "end", -500)).toEqual({ start: "09:00", end: "09:15" });
    expect(dragged(540, 600, "start", 500)).toEqual({ start: "09:45", end: "10:00" });
    expect(dragged(540, 600, "end", 5_000)).toEqual({ start: "09:00", end: "08:45" });
    expect(dragged(540, 600, "move", -600)).toEqual({ start: "23:00", end: "00:00" });
  });
});
