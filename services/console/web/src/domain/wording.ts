// The short forms of what the server says in sentences, for columns that are narrow. A reason that is not known here is
// shown in the server's words.

import * as en from "../messages/en";
import type { Row } from "../live/row";
import { countdown, duration, moment } from "../parts/format";

export function why({ code, sentence }: { code: string; sentence: string }): string {
  const between = (pattern: RegExp) => pattern.exec(sentence)?.[1];
  switch (code) {
    case "rule_matched": {
      const rule = between(/^The rule “(.*)” sends it here\.$/s);
      return rule === undefined ? sentence : en.why.rule(rule);
    }
    case "subscription": {
      const pattern = between(/^The webhook subscribes to (.*)\.$/s);
      return pattern === undefined ? sentence : en.why.subscribes(pattern);
    }
    case "preference": {
      const topic = between(/emails on (\S+) at this severity\.$/);
      if (topic === undefined) return sentence;
      return sentence.startsWith("By default") ? en.why.topicByDefault(topic) : en.why.topicAsked(topic);
    }
    default:
      return Object.hasOwn(en.why.codes, code) ? (en.why.codes[code] ?? sentence) : sentence;
  }
}

/** Until when a held delivery waits, if the server has said so. */
export function heldUntil(row: Row): number | null {
  if (row.state !== "held") return null;
  const said = /until (\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))/.exec(row.message)?.[1];
  return said === undefined ? row.next : Date.parse(said);
}

/** The summary that told of a folded delivery; null while there is none. */
export function summaryOf(row: Row): string | null {
  return row.state === "folded" ? (/\b(dlv_\w+)/.exec(row.message)?.[1] ?? null) : null;
}

/** How long it took, or what comes next. */
export function tookOrNext(row: Row, now: number): string {
  switch (row.state) {
    case "held": {
      const until = heldUntil(row);
      return until === null ? en.took.none : en.took.until(moment(until, now));
    }
    case "pending":
      if (row.next !== null && row.next > now) return en.took.in(countdown(row.next - now));
      return en.took.now;
    case "parked":
      return en.took.none;
    case "folded":
      return summaryOf(row) === null ? en.took.summaryDue : en.took.summary;
    case "delivered":
      if (row.kind === "email") return en.took.accepted;
      if (row.kind === "in-app") return en.took.inbox;
      return row.ended === null ? en.took.none : duration(row.ended - row.made);
    default:
      return row.ended === null ? en.took.none : duration(row.ended - row.made);
  }
}
