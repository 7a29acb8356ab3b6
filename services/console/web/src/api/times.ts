// Protobuf's times and durations as milliseconds, and back.

import { create } from "@bufbuild/protobuf";
import {
  type Duration,
  DurationSchema,
  type Timestamp,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt";

export function millis(time: Timestamp | undefined): number | null {
  return time ? Number(time.seconds) * 1_000 + time.nanos / 1_000_000 : null;
}

/** Whole seconds, and the rest to the microsecond, which never rounds up to a second. */
function parts(milliseconds: number) {
  const micros = Math.round(milliseconds * 1_000);
  const seconds = Math.floor(micros / 1_000_000);
  return { seconds: BigInt(seconds), nanos: (micros - seconds * 1_000_000) * 1_000 };
}

export function timestamp(at: number): Timestamp {
  return create(TimestampSchema, parts(at));
}

export function span(duration: Duration | undefined): number | null {
  return duration ? Number(duration.seconds) * 1_000 + duration.nanos / 1_000_000 : null;
}

export function toDuration(milliseconds: number): Duration {
  return create(DurationSchema, parts(milliseconds));
}
