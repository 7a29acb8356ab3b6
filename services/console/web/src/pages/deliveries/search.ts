// The address of the delivery log.

import { SEVERITIES, type SeverityWord, type StateWord, isKindWord, isStateWord } from "../../api/words";
import type { Period } from "../../domain/period";
import type { Filter } from "../../live/filter";
import { DAY, HOUR, MINUTE, SECOND } from "../../parts/format";
import { type Column, isHideable } from "./columns";

export type View = "log" | "events";
export const RANGES = ["15m", "1h", "6h", "24h", "7d", "30d", "all"] as const;
export type Range = (typeof RANGES)[number];

/** As the address has it: every word a text, absent when it says nothing. */
export interface LogSearch {
  state?: string;
  channel?: string;
  kind?: string;
  /** A type, or a group such as `finding.*`. */
  type?: string;
  event?: string;
  severity?: string;
  /** Of email. */
  address?: string;
  rule?: string;
  /** A part of the title or the subject. */
  text?: string;
  replays?: "yes";
  /** What this summary tells. */
  summary?: string;
  range?: Range;
  /** Instants in RFC 3339, instead of a range. */
  from?: string;
  to?: string;
  view?: View;
  /** Columns that are not shown. */
  hide?: string;
  /** The delivery that is open. */
  open?: string;
}

/** What narrows the list, apart from the time. */
export const NARROWING = ["state", "channel", "kind", "type", "event", "severity", "address", "rule", "text", "replays", "summary"] as const;

const SPAN: Record<Exclude<Range, "all">, number> = {
  "15m": 15 * MINUTE,
  "1h": HOUR,
  "6h": 6 * HOUR,
  "24h": DAY,
  "7d": 7 * DAY,
  "30d": 30 * DAY,
};

export const USUAL_RANGE: Range = "1h";

const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
const list = (value: unknown, isWord: (word: string) => boolean) => text((text(value) ?? "").split(",").filter(isWord).join(","));
const instant = (value: unknown) => {
  const word = text(value);
  return word !== undefined && !Number.isNaN(Date.parse(word)) ? word : undefined;
};

export function isSeverityWord(word: string): word is SeverityWord {
  return SEVERITIES.some((severity) => severity === word);
}

/** Leaves out what it does not understand. */
export function readLog(search: Record<string, unknown>): LogSearch {
  const kind = text(search.kind);
  const range = RANGES.find((known) => known === search.range);
  const found: Record<keyof LogSearch, string | undefined> = {
    state: list(search.state, isStateWord),
    channel: text(search.channel),
    kind: kind !== undefined && isKindWord(kind) ? kind : undefined,
    type: text(search.type),
    event: text(search.event),
    severity: list(search.severity, isSeverityWord),
    address: text(search.address),
    rule: text(search.rule),
    text: text(search.text),
    replays: search.replays === "yes" ? "yes" : undefined,
    summary: text(search.summary),
    range: range === USUAL_RANGE ? undefined : range,
    from: instant(search.from),
    to: instant(search.to),
    view: search.view === "events" ? "events" : undefined,
    hide: list(search.hide, isHideable),
    open: text(search.open),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

export function hiddenOf(search: LogSearch): readonly Column[] {
  return (search.hide ?? "").split(",").filter(isHideable);
}

export function statesOf(search: LogSearch): readonly StateWord[] {
  return (search.state ?? "").split(",").filter(isStateWord);
}

/** What is asked of the server. `now` is when the list is made: a range reaches back from there. */
export function toFilter(search: LogSearch, now: number): Filter {
  const range = search.range ?? USUAL_RANGE;
  const custom = search.from !== undefined || search.to !== undefined;
  const isWhole = range === "all" || search.event !== undefined || search.summary !== undefined;
  return {
    states: statesOf(search),
    channelId: search.channel ?? "",
    kind: search.kind !== undefined && isKindWord(search.kind) ? search.kind : null,
    type: search.type ?? "",
    eventId: search.event ?? "",
    severities: (search.severity ?? "").split(",").filter(isSeverityWord),
    address: search.address ?? "",
    ruleId: search.rule ?? "",
    text: search.text ?? "",
    replaysOnly: search.replays === "yes",
    summaryId: search.summary ?? "",
    start: custom ? (search.from ? Date.parse(search.from) : null) : isWhole ? null : now - SPAN[range],
    end: custom && search.to ? Date.parse(search.to) : null,
  };
}

/** The part of the address that says a period: by name where it has one, as long as it goes on. */
export function ofPeriod({ from, to }: Period, now: number): LogSearch {
  const named = RANGES.find((range) => to === null && range !== "all" && Math.abs(SPAN[range] - (now - from)) < SECOND);
  const part = {
    range: named === USUAL_RANGE ? undefined : named,
    from: named ? undefined : new Date(from).toISOString(),
    to: to === null ? undefined : new Date(to).toISOString(),
  };
  return part as LogSearch;
}

const LISTING = [...NARROWING, "range", "from", "to"] as const;

/** The part of the address that decides what is listed, as one text. */
export function listKey(search: LogSearch): string {
  return JSON.stringify(LISTING.map((name) => search[name] ?? null));
}

/** The address that a list's key was made of. */
export function ofKey(key: string): LogSearch {
  const values = JSON.parse(key) as (string | null)[];
  return readLog(Object.fromEntries(LISTING.map((name, index) => [name, values[index]])));
}

/** Whether anything but the time narrows the list. */
export function isNarrowed(search: LogSearch): boolean {
  return NARROWING.some((name) => search[name] !== undefined);
}

/** The address without what narrows the list. */
export function widened(search: LogSearch): LogSearch {
  return Object.fromEntries(Object.entries(search).filter(([name]) => !NARROWING.some((narrowing) => narrowing === name)));
}
