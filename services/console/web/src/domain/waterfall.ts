// A delivery's attempts and the waits between them, to scale.

import { type Attempt, AttemptOutcome } from "../api/gen/watchbell/dispatcher/v1/attempt_pb";
import { millis, span } from "../api/times";

export interface Part {
  readonly kind: "attempt" | "wait" | "next";
  /** Shares of the whole, 0 to 1. */
  readonly from: number;
  readonly width: number;
  readonly milliseconds: number;
  /** The attempt; absent for a wait. */
  readonly attempt?: Attempt;
  /** The number of the attempt that comes next. */
  readonly number?: number;
}

export interface Waterfall {
  readonly parts: readonly Part[];
  readonly milliseconds: number;
}

export function succeeded(attempt: Attempt): boolean {
  return attempt.outcome === AttemptOutcome.DELIVERED || attempt.outcome === AttemptOutcome.ACCEPTED;
}

/** `made`: when the delivery was made. `next`: when it is tried again, if it is. */
export function waterfall(attempts: readonly Attempt[], made: number, next: number | null): Waterfall {
  const timed = attempts.flatMap((attempt) => {
    const from = millis(attempt.startTime);
    return from === null ? [] : [{ attempt, from, to: from + (span(attempt.latency) ?? 0) }];
  });
  const first = timed[0];
  const last = timed.at(-1);
  if (!first || !last) return { parts: [], milliseconds: 0 };
  const begin = Math.min(made, first.from);
  const end = Math.max(last.to, next ?? last.to);
  const whole = Math.max(end - begin, 1);
  const share = (from: number, to: number) => ({
    from: (from - begin) / whole,
    width: Math.max(0, to - from) / whole,
    milliseconds: Math.max(0, to - from),
  });
  const parts: Part[] = [];
  timed.forEach(({ attempt, from, to }, index) => {
    const before = timed[index - 1];
    if (before) parts.push({ kind: "wait", ...share(before.to, from) });
    parts.push({ kind: "attempt", attempt, ...share(from, to) });
  });
  if (next !== null && next > last.to) {
    parts.push({ kind: "next", ...share(last.to, next), number: last.attempt.number + 1 });
  }
  return { parts, milliseconds: whole };
}
