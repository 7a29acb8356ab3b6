// Quiet windows drawn on a week, a row for each day, and moved there.

import { timeOf } from "./quiet";

const DAY = 24 * 60;

export interface Piece {
  /** Which window it is of. */
  readonly window: number;
  /** 1 Monday to 7 Sunday: the row. */
  readonly day: number;
  /** Minutes of that row. */
  readonly from: number;
  readonly to: number;
  /** Whether this piece has the window's start, or its end. */
  readonly hasStart: boolean;
  readonly hasEnd: boolean;
}

interface Minutes {
  readonly weekdays: readonly number[];
  readonly start: number;
  readonly end: number;
}

const EVERY = [1, 2, 3, 4, 5, 6, 7];

/** A window that runs over midnight has a piece on the next day. */
export function pieces(windows: readonly Minutes[]): Piece[] {
  return windows.flatMap(({ weekdays, start, end }, window) =>
    (weekdays.length === 0 ? EVERY : weekdays).flatMap((day): Piece[] => {
      if (end > start) return [{ window, day, from: start, to: end, hasStart: true, hasEnd: true }];
      const first = { window, day, from: start, to: DAY, hasStart: true, hasEnd: end === 0 };
      if (end === 0) return [first];
      return [first, { window, day: (day % 7) + 1, from: 0, to: end, hasStart: false, hasEnd: true }];
    }),
  );
}

export const STEP = 15;
const LEAST = STEP;

const snap = (minutes: number) => Math.round(minutes / STEP) * STEP;
const inDay = (minutes: number) => ((minutes % DAY) + DAY) % DAY;

export type Handle = "move" | "start" | "end";

/** Where a window is after its handle was dragged by so many minutes. */
export function dragged(start: number, end: number, handle: Handle, by: number): { start: string; end: string } {
  const length = end > start ? end - start : end + DAY - start;
  const step = snap(by);
  switch (handle) {
    case "move":
      return { start: timeOf(inDay(start + step)), end: timeOf(inDay(end + step)) };
    case "start": {
      const moved = Math.min(length - LEAST, Math.max(length - DAY + LEAST, step));
      return { start: timeOf(inDay(start + moved)), end: timeOf(end) };
    }
    case "end": {
      const moved = Math.max(LEAST - length, Math.min(DAY - LEAST - length, step));
      return { start: timeOf(start), end: timeOf(inDay(end + moved)) };
    }
  }
}
