// Changes of a team's rules that are gathered and not saved: the rules as they were read, and as they are wanted. What others change
// meanwhile is taken over, rule by rule and part by part; what both did is a conflict, to be settled before anything is saved.

import type { Rule } from "../api/gen/watchbell/config/v1/rule_pb";
import { mergeThree, changed as partsChanged, same } from "./draft";
import { type RuleValues, ruleOf, valuesOfRule } from "./rule";

export interface RulesDraft {
  /** As they were read last. */
  readonly base: readonly Rule[];
  /** As they are wanted, in order. New ones have ids that no server knows. */
  readonly mine: readonly Rule[];
  /** Ids of rules that others have changed, too, and not to the same. */
  readonly conflicts: readonly string[];
}

export type RulePart = keyof RuleValues & string;

export interface RuleChange {
  readonly what: "made" | "changed" | "moved" | "removed";
  readonly id: string;
  readonly name: string;
  /** What differs, of one that is changed. */
  readonly parts: readonly RulePart[];
  /** Places from 1, of one that is moved. */
  readonly from: number;
  readonly to: number;
}

const NEW = "draft-";
const idOf = ({ id }: Rule) => id;
const byId = (rules: readonly Rule[]) => new Map(rules.map((rule) => [rule.id, rule]));
const differs = (one: Rule, other: Rule) => !same(valuesOfRule(one), valuesOfRule(other));

export const isNew = (draft: RulesDraft, id: string) => draft.base.every((rule) => rule.id !== id);

export function beginRules(rules: readonly Rule[]): RulesDraft {
  return { base: rules, mine: rules, conflicts: [] };
}

/** An id for a new rule. */
export function newId({ mine }: RulesDraft): string {
  const taken = new Set(mine.map(idOf));
  let number = 1;
  while (taken.has(NEW + number)) number += 1;
  return NEW + number;
}

/** In the place of the rule of its id; a new one is the last. */
export function putRule(draft: RulesDraft, rule: Rule): RulesDraft {
  const known = draft.mine.some(({ id }) => id === rule.id);
  return { ...draft, mine: known ? draft.mine.map((one) => (one.id === rule.id ? rule : one)) : [...draft.mine, rule] };
}

export function removeRule(draft: RulesDraft, id: string): RulesDraft {
  return { ...draft, mine: draft.mine.filter((rule) => rule.id !== id), conflicts: draft.conflicts.filter((other) => other !== id) };
}

/** `to`: a place from 1. */
export function moveRule(draft: RulesDraft, id: string, to: number): RulesDraft {
  const rule = draft.mine.find((one) => one.id === id);
  if (!rule) return draft;
  const others = draft.mine.filter((one) => one !== rule);
  return { ...draft, mine: [...others.slice(0, to - 1), rule, ...others.slice(to - 1)] };
}

/** Puts what others have at its place among what is here: each after all that it comes after there. */
function woven(here: readonly Rule[], there: readonly Rule[], wanted: ReadonlySet<string>): Rule[] {
  const all = [...here];
  there.forEach((rule, index) => {
    if (!wanted.has(rule.id)) return;
    const before = new Set(there.slice(0, index).map(idOf));
    all.splice(all.findLastIndex(({ id }) => before.has(id)) + 1, 0, rule);
  });
  return all;
}

/** The most rules that can stay while the others move around them: the longest rising sequence. Of equal ones, the same as the server's. */
function staying(places: readonly number[]): ReadonlySet<number> {
  const best: { readonly length: number; readonly before: number }[] = [];
  places.forEach((place, at) => {
    let before = -1;
    for (let other = 0; other < at; other += 1) {
      if ((places[other] ?? 0) < place && (best[other]?.length ?? 0) >= (best[before]?.length ?? 0)) before = other;
    }
    best.push({ length: (best[before]?.length ?? 0) + 1, before });
  });
  let at = best.reduce((most, { length }, index) => (length >= (best[most]?.length ?? 0) ? index : most), 0);
  const stay = new Set<number>();
  while (at >= 0 && at < places.length) {
    stay.add(places[at] ?? 0);
    at = best[at]?.before ?? -1;
  }
  return stay;
}

/** What applying the draft does, in the order of the rules; what is removed comes last. */
export function changesOf({ base, mine }: RulesDraft): readonly RuleChange[] {
  const before = byId(base);
  const places = new Map(base.map((rule, index) => [rule.id, index]));
  const stay = staying(mine.flatMap(({ id }) => places.get(id) ?? []));
  const changes: RuleChange[] = [];
  mine.forEach((rule, index) => {
    const { id, displayName: name } = rule;
    const was = before.get(id);
    const [from, to] = [(places.get(id) ?? 0) + 1, index + 1];
    if (!was) {
      changes.push({ what: "made", id, name, parts: [], from: 0, to });
      return;
    }
    const parts = partsChanged(valuesOfRule(was), valuesOfRule(rule));
    if (parts.length > 0) changes.push({ what: "changed", id, name, parts, from, to });
    if (!stay.has(from - 1)) changes.push({ what: "moved", id, name, parts: [], from, to });
  });
  const kept = new Set(mine.map(idOf));
  base.forEach(({ id, displayName: name }, index) => {
    if (!kept.has(id)) changes.push({ what: "removed", id, name, parts: [], from: index + 1, to: 0 });
  });
  return changes;
}

/** Takes one change back. */
export function undone(draft: RulesDraft, { what, id, from }: RuleChange): RulesDraft {
  if (what === "made") return removeRule(draft, id);
  if (what === "moved") return moveRule(draft, id, from);
  const was = draft.base.find((rule) => rule.id === id);
  if (!was) return draft;
  if (what === "changed") return { ...putRule(draft, was), conflicts: draft.conflicts.filter((other) => other !== id) };
  return { ...draft, mine: woven(draft.mine, draft.base, new Set([id])) };
}

/** The draft on top of the rules as they are now. */
export function rebased(draft: RulesDraft, theirs: readonly Rule[]): RulesDraft {
  if (draft.base === theirs) return draft;
  const [before, now] = [byId(draft.base), byId(theirs)];
  const conflicts = new Set(draft.conflicts);
  const kept = draft.mine.flatMap((rule) => {
    const [was, is] = [before.get(rule.id), now.get(rule.id)];
    if (!was) return [rule];
    // What others have removed is gone, unless it is changed here: then it is made anew.
    if (!is) return differs(was, rule) ? [rule] : [];
    if (!differs(was, rule)) return [is];
    const merged = mergeThree(valuesOfRule(was), valuesOfRule(rule), valuesOfRule(is));
    if (merged.conflicts.length > 0) conflicts.add(rule.id);
    return [ruleOf(rule.id, merged.values)];
  });
  for (const was of draft.base) {
    const is = now.get(was.id);
    if (is && draft.mine.every(({ id }) => id !== was.id) && differs(was, is)) conflicts.add(was.id);
  }
  const isMoved = changesOf(draft).some(({ what }) => what === "moved");
  const theirNew = new Set(theirs.filter(({ id }) => !before.has(id)).map(idOf));
  let mine: readonly Rule[];
  if (isMoved) mine = woven(kept, theirs, theirNew);
  else {
    const here = byId(kept);
    const lead = theirs.flatMap((rule) => here.get(rule.id) ?? (theirNew.has(rule.id) ? rule : []));
    mine = woven(lead, kept, new Set(kept.filter(({ id }) => !now.has(id)).map(idOf)));
  }
  const next = { base: theirs, mine, conflicts: [...conflicts] };
  const open = new Set(changesOf(next).map(({ id }) => id));
  return { ...next, conflicts: next.conflicts.filter((id) => open.has(id) && now.has(id)) };
}

/** Ends a conflict: with one's own, or with theirs. */
export function settledRule(draft: RulesDraft, id: string, whose: "mine" | "theirs"): RulesDraft {
  const conflicts = draft.conflicts.filter((other) => other !== id);
  const was = draft.base.find((rule) => rule.id === id);
  if (whose === "mine" || !was) return { ...draft, conflicts };
  const isHere = draft.mine.some((rule) => rule.id === id);
  return { ...draft, conflicts, mine: isHere ? putRule(draft, was).mine : woven(draft.mine, draft.base, new Set([id])) };
}

/** Rules that are called otherwise now. */
export function renamed({ base, mine }: RulesDraft): readonly { readonly id: string; readonly before: string; readonly place: number }[] {
  const before = byId(base);
  return mine.flatMap(({ id, displayName }, index) => {
    const was = before.get(id);
    return was && was.displayName !== displayName ? [{ id, before: was.displayName, place: index + 1 }] : [];
  });
}
