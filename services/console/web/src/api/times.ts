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

export function timestamp(at: number): Timestamp {
  const seconds = Math.floor(at / 1_000);
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos: Math.round((at - seconds * 1_000) * 1_000_000) });
}

export function span(duration: Duration | undefined): number | null {
  return duration ? Number(duration.seconds) * 1_000 + duration.nanos / 1_000_000 : null;
}

export function toDuration(milliseconds: number): Duration {
  const seconds = Math.floor(milliseconds / 1_000);
  return create(DurationSchema, {
    seconds: BigInt(seconds),
    nanos: Math.round((milliseconds - seconds * 1_000) * 1_000_000),
  });
}
