// The short forms of what the server says in sentences, for columns that are narrow. A reason that is not known here is
// shown in the server's words.

import * as en from "../messages/en";
import { summaryOf } from "../live/detail";
import type { Row } from "../live/row";
import { countdown, duration, moment, plain, sentence } from "../parts/format";

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

/** Until when a held delivery waits, if that is known. */
export function heldUntil({ state, detail, next }: Row): number | null {
  if (state !== "held") return null;
  return detail?.is === "held" ? detail.until : next;
}

/** How long it took, or what comes next. */
export function tookOrNext(row: Row, now: number): string {
  const { detail } = row;
  switch (row.state) {
    case "held": {
      const until = heldUntil(row);
      return until === null ? en.took.none : en.took.until(moment(until, now));
    }
    case "pending":
      if (row.next !== null && row.next > now) return en.took.in(countdown(row.next - now));
      return en.took.now;
    case "parked":
      return detail?.is === "parked" && detail.why ? en.took.parked[detail.why] : en.took.none;
    case "folded":
      if (summaryOf(detail) !== "") return en.took.summary;
      return detail?.is === "folded" && detail.into ? en.took.folded[detail.into] : en.took.none;
    case "delivered":
      if (row.kind === "email") return en.took.accepted;
      if (row.kind === "in-app") return en.took.inbox;
      return row.ended === null ? en.took.none : duration(row.ended - row.made);
    default:
      return row.ended === null ? en.took.none : duration(row.ended - row.made);
  }
}

/** Why it stands where it does, in one sentence; the server's words where the reason is not known here. */
export function stateSentence(row: Row, now: number): string {
  const { detail, message } = row;
  const at = (time: number | null) => (time === null ? null : moment(time, now));
  switch (detail?.is) {
    case "held":
      return detail.by === null ? sentence(plain(message)) : en.standing.held[detail.by](at(detail.until));
    case "folded":
      return detail.into === null ? sentence(plain(message)) : en.standing.folded[detail.into](at(detail.until));
    case "parked":
      return detail.why === null ? sentence(plain(message)) : en.standing.parked[detail.why](at(detail.since));
    default:
      return sentence(plain(message));
  }
}
