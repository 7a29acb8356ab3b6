// The address of the delivery log, and the words of its search box: `state:failed,parked channel:SOAR`.

import type { Filter } from "../../live/merge";
import { DAY, HOUR, MINUTE } from "../../parts/format";
import { type Column, isHideable } from "./columns";
import { isKindWord, isStateWord, type StateWord } from "../../api/words";

export type View = "log" | "events";
export const RANGES = ["15m", "1h", "6h", "24h", "7d", "30d", "all"] as const;
export type Range = (typeof RANGES)[number];

/** As the address has it: every word a text, absent when it says nothing. */
export interface LogSearch {
  state?: string;
  channel?: string;
  kind?: string;
  type?: string;
  event?: string;
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
const instant = (value: unknown) => {
  const word = text(value);
  return word !== undefined && !Number.isNaN(Date.parse(word)) ? word : undefined;
};

/** Leaves out what it does not understand. */
export function readLog(search: Record<string, unknown>): LogSearch {
  const states = (text(search.state) ?? "").split(",").filter(isStateWord).join(",");
  const kind = text(search.kind);
  const range = RANGES.find((known) => known === search.range);
  const found: LogSearch = {
    state: text(states),
    channel: text(search.channel),
    kind: kind !== undefined && isKindWord(kind) ? kind : undefined,
    type: text(search.type),
    event: text(search.event),
    range: range === USUAL_RANGE ? undefined : range,
    from: instant(search.from),
    to: instant(search.to),
    view: search.view === "events" ? "events" : undefined,
    hide: text((text(search.hide) ?? "").split(",").filter(isHideable).join(",")),
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
  const back = range === "all" ? null : now - SPAN[range];
  return {
    states: statesOf(search),
    channelId: search.channel ?? "",
    kind: search.kind !== undefined && isKindWord(search.kind) ? search.kind : null,
    type: search.type ?? "",
    eventId: search.event ?? "",
    start: custom ? (search.from ? Date.parse(search.from) : null) : search.event ? null : back,
    end: custom && search.to ? Date.parse(search.to) : null,
  };
}

/** The part of the address that decides what is listed, as one text. */
export function listKey(search: LogSearch): string {
  const { state, channel, kind, type, event, range, from, to } = search;
  return JSON.stringify([state, channel, kind, type, event, range, from, to]);
}

/** Whether anything but the time narrows the list. */
export function isNarrowed(search: LogSearch): boolean {
  return [search.state, search.channel, search.kind, search.type, search.event].some((word) => word !== undefined);
}

export interface NamedChannel {
  readonly id: string;
  readonly name: string;
}

const quoted = (word: string) => (/[\s"]/.test(word) ? `"${word.replaceAll('"', '\\"')}"` : word);

/** The search box's text for an address. */
export function toWords(search: LogSearch, channels: readonly NamedChannel[]): string {
  const name = channels.find((channel) => channel.id === search.channel)?.name ?? search.channel;
  const words: [string, string | undefined][] = [
    ["state", search.state],
    ["channel", name === undefined ? undefined : quoted(name)],
    ["kind", search.kind],
    ["type", search.type],
    ["event", search.event],
  ];
  return words
    .filter(([, value]) => value !== undefined)
    .map(([word, value]) => `${word}:${value}`)
    .join(" ");
}

export type Understood =
  | { readonly ok: true; readonly search: LogSearch }
  | { readonly ok: false; readonly word: string; readonly why: "word" | "state" | "kind" | "channel" };

/** Reads the search box. An id alone opens the delivery or shows the event. */
export function fromWords(line: string, channels: readonly NamedChannel[]): Understood {
  const search: LogSearch = {};
  const words = line.match(/(?:[^\s"]+:)?"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  for (const word of words) {
    if (word.startsWith("dlv_")) {
      search.open = word;
      continue;
    }
    if (word.startsWith("evt_")) {
      search.event = word;
      continue;
    }
    const colon = word.indexOf(":");
    const name = colon < 0 ? "" : word.slice(0, colon);
    const value = word
      .slice(colon + 1)
      .replace(/^"(.*)"$/s, "$1")
      .replaceAll('\\"', '"');
    switch (name) {
      case "state": {
        const states = value.split(",").filter(Boolean);
        const wrong = states.find((state) => !isStateWord(state));
        if (wrong !== undefined || states.length === 0) return { ok: false, word: wrong ?? word, why: "state" };
        search.state = states.join(",");
        break;
      }
      case "kind":
        if (!isKindWord(value)) return { ok: false, word: value, why: "kind" };
        search.kind = value;
        break;
      case "channel": {
        const lower = value.toLowerCase();
        const channel =
          channels.find((known) => known.id === value || known.name.toLowerCase() === lower) ??
          channels.find((known) => known.name.toLowerCase().includes(lower));
        if (value === "" || (!channel && !value.startsWith("chn_"))) return { ok: false, word: value, why: "channel" };
        search.channel = channel?.id ?? value;
        break;
      }
      case "type":
        search.type = value;
        break;
      case "event":
        search.event = value;
        break;
      default:
        return { ok: false, word, why: "word" };
    }
  }
  return { ok: true, search };
}
