// The words of the log's search box, `state:failed,parked channel:SOAR public bucket`, for what the address says.

import { isKindWord, isStateWord } from "../../api/words";
import { type LogSearch, isSeverityWord } from "./search";

export interface Named {
  readonly id: string;
  readonly name: string;
}

/** What the box knows by name. */
export interface Known {
  readonly channels: readonly Named[];
  readonly rules: readonly Named[];
}

export type Wrong = "word" | "state" | "kind" | "severity" | "channel" | "rule" | "is";
export type Understood = { readonly ok: true; readonly search: LogSearch } | { readonly ok: false; readonly word: string; readonly why: Wrong };

const quoted = (word: string) => (/[\s"]/.test(word) ? `"${word.replaceAll('"', '\\"')}"` : word);
/** A text of the box would be read as a filter, or as an id. */
const asText = (words: string) => (/[:"]|^(?:dlv|evt)_/.test(words) ? `"${words.replaceAll('"', '\\"')}"` : words);

/** The search box's text for an address. */
export function toWords(search: LogSearch, known: Known): string {
  const nameOf = (named: readonly Named[], id: string | undefined) =>
    id === undefined ? undefined : quoted(named.find((one) => one.id === id)?.name ?? id);
  const words: [string, string | undefined][] = [
    ["state", search.state],
    ["severity", search.severity],
    ["channel", nameOf(known.channels, search.channel)],
    ["rule", nameOf(known.rules, search.rule)],
    ["kind", search.kind],
    ["type", search.type],
    ["to", search.address],
    ["event", search.event],
    ["summary", search.summary],
    ["is", search.replays ? "replay" : undefined],
  ];
  const filters = words.filter(([, value]) => value !== undefined).map(([word, value]) => `${word}:${value}`);
  return [...filters, ...(search.text === undefined ? [] : [asText(search.text)])].join(" ");
}

/** By its id, its name, or a part of it. */
function findNamed(named: readonly Named[], value: string): Named | undefined {
  const lower = value.toLowerCase();
  if (lower === "") return undefined;
  return (
    named.find((one) => one.id === value || one.name.toLowerCase() === lower) ?? named.find((one) => one.name.toLowerCase().includes(lower))
  );
}

const unquoted = (word: string) => word.replace(/^"(.*)"$/s, "$1").replaceAll('\\"', '"');

/** Reads the search box. An id alone opens the delivery or shows the event; what is no filter is looked for in titles and subjects. */
export function fromWords(line: string, known: Known): Understood {
  const search: LogSearch = {};
  const texts: string[] = [];
  for (const word of line.match(/(?:[^\s":]+:)?"(?:[^"\\]|\\.)*"|\S+/g) ?? []) {
    if (word.startsWith("dlv_")) search.open = word;
    else if (word.startsWith("evt_")) search.event = word;
    else {
      const named = /^([a-z]+):(.*)$/s.exec(word);
      if (!named) texts.push(unquoted(word));
      else {
        const why = take(search, named[1] ?? "", unquoted(named[2] ?? ""), known);
        if (why) return { ok: false, ...why };
      }
    }
  }
  if (texts.length > 0) search.text = texts.join(" ");
  return { ok: true, search };
}

type Refusal = { readonly word: string; readonly why: Wrong };

/** Puts a filter into the address, or says what is wrong with it. */
function take(search: LogSearch, name: string, value: string, known: Known): Refusal | null {
  switch (name) {
    case "state":
    case "severity": {
      const values = value.split(",").filter(Boolean);
      const isWord = name === "state" ? isStateWord : isSeverityWord;
      const wrong = values.find((one) => !isWord(one));
      if (wrong !== undefined || values.length === 0) return { word: wrong ?? `${name}:`, why: name };
      search[name] = values.join(",");
      return null;
    }
    case "channel":
    case "rule": {
      const one = findNamed(name === "channel" ? known.channels : known.rules, value);
      if (!one && !value.startsWith(name === "channel" ? "chn_" : "rul_")) return { word: value, why: name };
      search[name] = one?.id ?? value;
      return null;
    }
    case "kind":
      if (!isKindWord(value)) return { word: value, why: "kind" };
      search.kind = value;
      return null;
    case "is":
      if (value !== "replay") return { word: value, why: "is" };
      search.replays = "yes";
      return null;
    case "type":
    case "event":
    case "summary":
      search[name] = value;
      return null;
    case "to":
      search.address = value;
      return null;
    default:
      return { word: `${name}:${value}`, why: "word" };
  }
}
