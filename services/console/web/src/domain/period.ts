// A stretch of time on the screen, and the steps to others.

export interface Period {
  readonly from: number;
  /** Null for one that ends now, and goes on with it. */
  readonly to: number | null;
}

/** The part of its length that now may be past its end, and it still ends now: time goes on between two steps. */
const NEARLY = 0.1;

/** It never ends after now. */
function ending(from: number, to: number, now: number): Period {
  const length = to - from;
  return to >= now - length * NEARLY ? { from: now - length, to: null } : { from, to };
}

/** The one before it, of the same length. */
export function earlier({ from, to }: Period, now: number): Period {
  return { from: 2 * from - (to ?? now), to: from };
}

/** The one after it, of the same length; null when it ends now. */
export function later({ from, to }: Period, now: number): Period | null {
  return to === null ? null : ending(to, 2 * to - from, now);
}

/** Twice as long, around the same moment. */
export function wider({ from, to }: Period, now: number): Period {
  const more = ((to ?? now) - from) / 2;
  return to === null ? { from: from - 2 * more, to } : ending(from - more, to + more, now);
}

/** So long, around a moment. */
export function around(at: number, length: number, now: number): Period {
  return ending(at - length / 2, at + length / 2, now);
}
