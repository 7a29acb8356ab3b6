// A silence as the form edits it, and which messages one is for.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { ChannelKind } from "../api/gen/watchbell/event/v1/vocabulary_pb";
import { type Silence, SilenceMode, type SilenceSchema } from "../api/gen/watchbell/config/v1/silence_pb";
import { timestamp } from "../api/times";
import { type KindWord, kindOf } from "../api/words";
import { DAY, HOUR } from "../parts/format";
import { type FilterValue, NO_FILTER, filterInit } from "./channel";
import { instantOf, localOf } from "./quiet";

export const LENGTHS = ["1h", "2h", "tomorrow", "own"] as const;
export type Length = (typeof LENGTHS)[number];

/** When "until tomorrow" ends, by the team's clock. */
const MORNING = 9 * HOUR;

export interface SilenceValues {
  readonly comment: string;
  readonly match: FilterValue;
  /** Ids. */
  readonly channels: readonly string[];
  readonly kinds: readonly KindWord[];
  /** As a `datetime-local` control writes it; empty for now. */
  readonly starts: string;
  readonly length: Length;
  /** The end, with the length "own"; as `starts`. */
  readonly until: string;
  readonly mode: "hold" | "drop";
}

export const NEW_SILENCE: SilenceValues = {
  comment: "",
  match: NO_FILTER,
  channels: [],
  kinds: [],
  starts: "",
  length: "2h",
  until: "",
  mode: "hold",
};

const instant = (text: string) => {
  const at = new Date(text).getTime();
  return Number.isNaN(at) ? null : at;
};

/** The end; null while none is chosen. */
export function endOf({ starts, length, until }: SilenceValues, zone: string, now: number): number | null {
  const start = instant(starts) ?? now;
  switch (length) {
    case "1h":
      return start + HOUR;
    case "2h":
      return start + 2 * HOUR;
    case "tomorrow": {
      const today = Math.floor(localOf(start, zone) / DAY) * DAY;
      return instantOf(today + DAY + MORNING, zone, "first");
    }
    case "own":
      return instant(until);
  }
}

export function silenceInit(values: SilenceValues, zone: string, now: number): MessageInitShape<typeof SilenceSchema> {
  const [start, end] = [instant(values.starts), endOf(values, zone, now)];
  return {
    comment: values.comment.trim(),
    match: filterInit(values.match),
    channelIds: [...values.channels],
    kinds: values.kinds.map(kindOf),
    ...(start === null ? {} : { startTime: timestamp(start) }),
    ...(end === null ? {} : { endTime: timestamp(end) }),
    mode: values.mode === "drop" ? SilenceMode.DROP : SilenceMode.HOLD,
  };
}

/** Whether it is for messages to a channel: webhooks must be named, and the inbox is never silenced. */
export function covers({ channelIds, kinds }: Silence, channel: { readonly id: string; readonly kind: ChannelKind }): boolean {
  if (channelIds.length + kinds.length > 0) return channelIds.includes(channel.id) || kinds.includes(channel.kind);
  return channel.kind !== ChannelKind.WEBHOOK && channel.kind !== ChannelKind.IN_APP;
}
