// A rule as its form and the draft of all rules hold it: one value for each part that is changed as a whole.

import { create } from "@bufbuild/protobuf";
import { type Rule, RuleSchema } from "../api/gen/watchbell/config/v1/rule_pb";
import { kindOf } from "../api/words";
import { type FilterValue, NO_FILTER, filterInit, filterValue } from "./channel";
import { type FollowUps, NO_FOLLOW_UPS, followUpsInit, followUpsOf } from "./follow-ups";

export interface RuleValues {
  readonly display_name: string;
  readonly paused: boolean;
  readonly match: FilterValue;
  readonly action: "send" | "silence";
  readonly channels: readonly string[];
  readonly kinds: readonly ("slack" | "teams")[];
  readonly continues: boolean;
  /** With `send`. */
  readonly followUps: FollowUps;
}

export const EMPTY_RULE: RuleValues = {
  display_name: "",
  paused: false,
  match: NO_FILTER,
  action: "send",
  channels: [],
  kinds: [],
  continues: false,
  followUps: NO_FOLLOW_UPS,
};

export const CHAT = ["slack", "teams"] as const;

export function valuesOfRule(rule: Rule): RuleValues {
  const { match, action } = rule;
  return {
    display_name: rule.displayName,
    paused: rule.paused,
    match: filterValue(match),
    action: action.case === "silence" ? "silence" : "send",
    channels: action.case === "send" ? action.value.channelIds : [],
    kinds: action.case === "silence" ? CHAT.filter((kind) => action.value.kinds.includes(kindOf(kind))) : [],
    continues: rule.continues,
    followUps: followUpsOf(rule),
  };
}

export function ruleInit(values: RuleValues) {
  return {
    displayName: values.display_name.trim(),
    paused: values.paused,
    match: filterInit(values.match),
    action:
      values.action === "send"
        ? { case: "send" as const, value: { channelIds: [...values.channels] } }
        : { case: "silence" as const, value: { kinds: values.kinds.map((kind) => kindOf(kind)) } },
    continues: values.continues,
    ...(values.action === "send" ? followUpsInit(values.followUps) : {}),
  };
}

export function ruleOf(id: string, values: RuleValues): Rule {
  return create(RuleSchema, { id, ...ruleInit(values) });
}
