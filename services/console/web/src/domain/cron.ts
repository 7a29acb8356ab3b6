// When a schedule of five fields comes next, for drawing; the server decides. What it does not understand is null.

import { DAY, HOUR, MINUTE } from "../parts/format";
import { instantOf, localOf } from "./quiet";

export interface Cron {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** 0 Sunday to 6 Saturday. */
  readonly weekdays: ReadonlySet<number>;
  readonly anyDay: boolean;
  readonly anyWeekday: boolean;
}

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

function numberOf(word: string, names: readonly string[], first: number): number {
  const named = names.indexOf(word.toUpperCase());
  if (named >= 0) return named + first;
  return /^\d+$/.test(word) ? Number(word) : Number.NaN;
}

function field(text: string, from: number, to: number, names: readonly string[] = []): number[] | null {
  const values = new Set<number>();
  for (const part of text.split(",")) {
    const [range = "", step] = part.split("/");
    const [low, high] = range.split("-");
    const every = step === undefined ? 1 : Number(step);
    const start = range === "*" ? from : numberOf(low ?? "", names, from);
    const end = range === "*" || (high === undefined && step !== undefined) ? to : numberOf(high ?? low ?? "", names, from);
    if (!Number.isInteger(every) || every < 1 || !(start >= from && end <= to && start <= end)) return null;
    for (let value = start; value <= end; value += every) values.add(value);
  }
  return [...values].toSorted((a, b) => a - b);
}

export function parseCron(text: string): Cron | null {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== 5) return null;
  const [minute = "", hour = "", , month = ""] = parts;
  const [day = "", weekday = ""] = [parts[2], parts[4]].map((part) => part?.replaceAll("?", "*"));
  const minutes = field(minute, 0, 59);
  const hours = field(hour, 0, 23);
  const days = field(day, 1, 31);
  const months = field(month, 1, 12, MONTHS);
  const weekdays = field(weekday, 0, 7, WEEKDAYS);
  if (!minutes || !hours || !days || !months || !weekdays) return null;
  return {
    minutes,
    hours,
    days: new Set(days),
    months: new Set(months),
    weekdays: new Set(weekdays.map((value) => value % 7)),
    // `*/2` names days, as the server has it.
    anyDay: day === "*",
    anyWeekday: weekday === "*",
  };
}

function comesOn(cron: Cron, local: number): boolean {
  const date = new Date(local);
  if (!cron.months.has(date.getUTCMonth() + 1)) return false;
  const [day, weekday] = [cron.days.has(date.getUTCDate()), cron.weekdays.has(date.getUTCDay())];
  if (cron.anyDay || cron.anyWeekday) return day && weekday;
  // With both, either is enough, as cron has always had it.
  return day || weekday;
}

/** The next moments after `now`, by the zone's clock. */
export function nextRuns(cron: Cron, zone: string, now: number, count: number): number[] {
  const runs: number[] = [];
  const today = Math.floor(localOf(now, zone) / DAY) * DAY;
  for (let day = 0; day < 366 * 5 && runs.length < count; day += 1) {
    const midnight = today + day * DAY;
    if (!comesOn(cron, midnight)) continue;
    for (const hour of cron.hours) {
      for (const minute of cron.minutes) {
        const at = instantOf(midnight + hour * HOUR + minute * MINUTE, zone, "first");
        if (at > now && runs.length < count) runs.push(at);
      }
    }
  }
  return runs;
}

/** Weekdays and the time of a schedule that comes at one time of certain days; null for any other. */
export function weekly(cron: Cron): { readonly weekdays: readonly number[]; readonly hour: number; readonly minute: number } | null {
  const [hour, minute] = [cron.hours[0], cron.minutes[0]];
  if (cron.hours.length !== 1 || cron.minutes.length !== 1 || hour === undefined || minute === undefined) return null;
  if (!cron.anyDay || cron.months.size !== 12) return null;
  return { weekdays: [1, 2, 3, 4, 5, 6, 0].filter((day) => cron.weekdays.has(day)), hour, minute };
}
