// When a channel is quiet, drawn from the same definition as the server's: a window is one stretch of time, from the first
// moment at which the zone's clock shows a time inside of it to the last. Only for drawing; the server decides.

import { DAY, MINUTE } from "../parts/format";

export interface Window {
  /** 1 Monday to 7 Sunday: the days on which it starts; every day when empty. */
  readonly weekdays: readonly number[];
  /** Minutes from midnight. */
  readonly start: number;
  /** Minutes from midnight; at or before `start` it means the next day. */
  readonly end: number;
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

const DAY_MINUTES = 24 * 60;
const formats = new Map<string, Intl.DateTimeFormat | null>();

function formatOf(zone: string): Intl.DateTimeFormat | null {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  let format: Intl.DateTimeFormat | null = null;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
      era: "short",
    });
  } catch {
    // A zone that this browser does not know.
  }
  formats.set(zone, format);
  return format;
}

export function isZone(zone: string): boolean {
  return formatOf(zone) !== null;
}

/** What the zone's clock shows, as milliseconds of a clock that shows UTC. */
export function localOf(at: number, zone: string): number {
  const format = formatOf(zone);
  if (!format) return at;
  const parts: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(at)) parts[type] = Number(value);
  return Date.UTC(
    parts.year ?? 1970,
    (parts.month ?? 1) - 1,
    parts.day ?? 1,
    parts.hour ?? 0,
    parts.minute ?? 0,
    parts.second ?? 0,
  );
}

function offset(at: number, zone: string): number {
  const whole = Math.floor(at / 1_000) * 1_000;
  return localOf(whole, zone) - whole;
}

/** The first or last instant at which the zone's clock shows `local`; where it never does, the moment of the jump. */
export function instantOf(local: number, zone: string, which: "first" | "last"): number {
  const offsets = [offset(local - DAY, zone), offset(local + DAY, zone)];
  const shown = offsets.map((by) => local - by).filter((at) => offset(at, zone) === local - at);
  if (shown.length > 0) return which === "first" ? Math.min(...shown) : Math.max(...shown);
  let [before, after] = [local - Math.max(...offsets), local - Math.min(...offsets)];
  const old = offset(before, zone);
  while (after - before > 1_000) {
    const middle = Math.floor((before + after) / 2_000) * 1_000;
    if (offset(middle, zone) === old) before = middle;
    else after = middle;
  }
  return after;
}

/** Whether it is quiet between two moments, as spans in order that do not touch. */
export function quietSpans(windows: readonly Window[], zone: string, from: number, to: number): Span[] {
  const spans: Span[] = [];
  const firstDay = Math.floor(localOf(from, zone) / DAY) - 2;
  const lastDay = Math.floor(localOf(to, zone) / DAY) + 1;
  for (let day = firstDay; day <= lastDay; day += 1) {
    // 1 January 1970 was a Thursday.
    const weekday = ((((day + 3) % 7) + 7) % 7) + 1;
    for (const { weekdays, start, end } of windows) {
      if (weekdays.length > 0 && !weekdays.includes(weekday)) continue;
      const begins = day * DAY + start * MINUTE;
      const ends = day * DAY + (end <= start ? end + DAY_MINUTES : end) * MINUTE;
      const span = { from: instantOf(begins, zone, "first"), to: instantOf(ends, zone, "last") };
      if (span.to > span.from) spans.push(span);
    }
  }
  const merged: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last && span.from <= last.to) merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, span.to) };
    else merged.push(span);
  }
  return merged
    .filter((span) => span.to > from && span.from < to)
    .map((span) => ({ from: Math.max(span.from, from), to: Math.min(span.to, to) }));
}

/** How far ahead the end of a quiet time is looked for: windows leave some minute of every week. */
const AHEAD = 9 * DAY;

/** The first moment that is not quiet; null when now is not. */
export function quietUntil(windows: readonly Window[], zone: string, now: number): number | null {
  const span = quietSpans(windows, zone, now, now + AHEAD).find(({ from }) => from <= now);
  return span ? span.to : null;
}

/** Minutes of "22:00"; null when it is no time of day. */
export function minutesOf(text: string): number | null {
  const found = /^(\d{1,2}):(\d{2})$/.exec(text);
  if (!found) return null;
  const [hours, minutes] = [Number(found[1]), Number(found[2])];
  return hours < 24 && minutes < 60 ? hours * 60 + minutes : null;
}

export function timeOf(minutes: number): string {
  const inDay = ((minutes % DAY_MINUTES) + DAY_MINUTES) % DAY_MINUTES;
  return `${String(Math.floor(inDay / 60)).padStart(2, "0")}:${String(inDay % 60).padStart(2, "0")}`;
}

interface WireWindow {
  readonly weekdays: readonly number[];
  readonly start: string;
  readonly end: string;
}

export function windowsOf(windows: readonly WireWindow[]): Window[] {
  return windows.flatMap(({ weekdays, start, end }) => {
    const [begins, ends] = [minutesOf(start), minutesOf(end)];
    return begins === null || ends === null ? [] : [{ weekdays, start: begins, end: ends }];
  });
}
