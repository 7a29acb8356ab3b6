// Deliveries counted by time and state.

import { STATES, type StateWord } from "../api/words";
import type { Row } from "../live/row";

export interface Bucket {
  readonly from: number;
  readonly counts: Readonly<Partial<Record<StateWord, number>>>;
  readonly total: number;
}

export const BUCKETS = 60;

/** From the bottom of a bar to its top: what is well first. */
export const STACK: readonly StateWord[] = ["delivered", "pending", "cancelled", "held", "folded", "parked", "failed"];

export function buckets(rows: readonly Row[], from: number, to: number, count = BUCKETS): Bucket[] {
  const width = Math.max(1, (to - from) / count);
  const counts: Partial<Record<StateWord, number>>[] = Array.from({ length: count }, () => ({}));
  for (const { made, state } of rows) {
    if (state === null || made < from || made > to) continue;
    const bucket = counts[Math.min(count - 1, Math.floor((made - from) / width))];
    if (bucket) bucket[state] = (bucket[state] ?? 0) + 1;
  }
  return counts.map((bucket, index) => ({
    from: from + index * width,
    counts: bucket,
    total: Object.values(bucket).reduce((sum, value) => sum + value, 0),
  }));
}

export function countStates(rows: readonly Row[]): Readonly<Record<StateWord, number>> {
  const counts = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<StateWord, number>;
  for (const { state } of rows) if (state !== null) counts[state] += 1;
  return counts;
}
