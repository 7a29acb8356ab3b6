// Rules as a document of the team's configuration that has nothing else: what it leaves out stays as it is.

import type { Channel } from "../api/gen/watchbell/config/v1/channel_pb";
import type { EventFilter } from "../api/gen/watchbell/config/v1/filter_pb";
import type { Rule } from "../api/gen/watchbell/config/v1/rule_pb";
import { categoryWord, kindWord, severityWord } from "../api/words";
import { followUpsOf } from "./follow-ups";
import { CHAT, valuesOfRule } from "./rule";

const known = (word: string | null, number: number) => word?.replaceAll("-", "_") ?? String(number);
/** `${` would begin a reference. */
const text = (value: string) => value.replaceAll("${", () => "$${");
const span = (seconds: number) => (seconds % 1 === 0 ? `${seconds}s` : `${Math.round(seconds * 1_000)}ms`);
const list = (name: string, values: readonly string[]) => (values.length === 0 ? {} : { [name]: values.map(text) });

function filterOf(match: EventFilter | undefined) {
  const { types = [], categories = [], severities = [], sources = [], expression = "" } = match ?? {};
  return {
    ...list("types", types),
    ...list("categories", categories.map((one) => known(categoryWord(one), one))),
    ...list("severity", severities.map((one) => known(severityWord(one), one))),
    ...list("sources", sources),
    ...(expression === "" ? {} : { expression: text(expression) }),
  };
}

/** `nameOf`: what a rule is called there, by which it is known. */
export function rulesDocument(rules: readonly Rule[], channels: readonly Channel[], nameOf = ({ displayName }: Rule) => displayName): string {
  const byId = new Map(channels.map((channel) => [channel.id, channel]));
  const called = (id: string) => {
    const channel = byId.get(id);
    // Its kind, too, since channels of two kinds may have one name.
    return channel ? { [known(kindWord(channel.kind), channel.kind)]: text(channel.displayName) } : id;
  };
  const entry = (rule: Rule) => {
    const { paused, action, channels: to, kinds, continues } = valuesOfRule(rule);
    const { tellsRepeats, remind, escalate, group } = followUpsOf(rule);
    const match = filterOf(rule.match);
    return {
      name: text(nameOf(rule)),
      ...(paused ? { paused } : {}),
      ...(Object.keys(match).length === 0 ? {} : { match }),
      ...(action === "send" ? { send: to.map(called) } : { silence: kinds.length === 0 ? CHAT : kinds }),
      ...(continues ? { continue: true } : {}),
      ...(tellsRepeats ? { repeat: "notify" } : {}),
      ...(remind ? { remind: { every: span(remind.every), at_most: remind.atMost } } : {}),
      ...(escalate ? { escalate: { after: span(escalate.after), send: escalate.channels.map(called) } } : {}),
      ...(group ? { group: { ...list("by", rule.group?.by ?? []), wait: span(group.wait), ...(group.atMost === 0 ? {} : { at_most: group.atMost }) } } : {}),
    };
  };
  return JSON.stringify({ version: 1, rules: rules.map(entry) });
}
