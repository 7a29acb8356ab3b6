// What a rule that sends does beyond sending once, as its form holds it.

import { Repeat } from "../api/gen/watchbell/config/v1/event_type_pb";
import type { Rule } from "../api/gen/watchbell/config/v1/rule_pb";
import { span, toDuration } from "../api/times";

/** Spans in seconds. */
export interface FollowUps {
  readonly tellsRepeats: boolean;
  readonly remind: { readonly every: number; readonly atMost: number } | null;
  readonly escalate: { readonly after: number; readonly channels: readonly string[] } | null;
  readonly group: { readonly by: string; readonly wait: number; readonly atMost: number } | null;
}

export const NO_FOLLOW_UPS: FollowUps = { tellsRepeats: false, remind: null, escalate: null, group: null };

export const FOLLOW_UP_PATHS = ["repeat", "remind", "escalate", "group"];
export const FOLLOW_UP_CONTROLS = [
  "remind.every",
  "remind.at_most",
  "remind",
  "escalate.after",
  "escalate.channel_ids",
  "escalate",
  "group.by",
  "group.wait",
  "group.at_most",
  "group",
];

export const REMIND = { every: 14_400, atMost: 5 };
export const ESCALATE = { after: 3_600, channels: [] };
export const GROUP = { by: "", wait: 120, atMost: 0 };

const secondsIn = (duration: Parameters<typeof span>[0]) => (span(duration) ?? 0) / 1_000;

export function followUpsOf({ repeat, remind, escalate, group }: Pick<Rule, "repeat" | "remind" | "escalate" | "group">): FollowUps {
  return {
    tellsRepeats: repeat === Repeat.NOTIFY,
    remind: remind ? { every: secondsIn(remind.every), atMost: remind.atMost } : null,
    escalate: escalate ? { after: secondsIn(escalate.after), channels: escalate.channelIds } : null,
    group: group ? { by: group.by.join(", "), wait: secondsIn(group.wait), atMost: group.atMost } : null,
  };
}

export function followUpsInit({ tellsRepeats, remind, escalate, group }: FollowUps) {
  return {
    ...(tellsRepeats ? { repeat: Repeat.NOTIFY } : {}),
    ...(remind ? { remind: { every: toDuration(remind.every * 1_000), atMost: remind.atMost } } : {}),
    ...(escalate ? { escalate: { after: toDuration(escalate.after * 1_000), channelIds: [...escalate.channels] } } : {}),
    ...(group
      ? { group: { by: group.by.split(/[\s,]+/).filter(Boolean), wait: toDuration(group.wait * 1_000), atMost: group.atMost } }
      : {}),
  };
}
