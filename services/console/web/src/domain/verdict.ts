// What an explanation says about one target, and about one rule.

import { type ExplanationStep, StepOutcome } from "../api/gen/watchbell/router/v1/explanation_pb";
import type { ExplainResponse } from "../api/gen/watchbell/router/v1/router_service_pb";
import { millis } from "../api/times";
import { type KindWord, kindWord } from "../api/words";
import { type Target, sameTarget, targetOf } from "../live/row";

export interface Who {
  readonly kind: KindWord | null;
  readonly target: Target;
}

export interface Verdict {
  readonly outcome: "now" | "held" | "parked" | "counted" | "not";
  readonly sentence: string;
  readonly heldUntil: number | null;
}

/** What an explanation says about one target. */
export function verdict(answer: ExplainResponse, who: Who): Verdict {
  const route = answer.routes.find((one) => sameTarget({ kind: kindWord(one.kind), target: targetOf(one) }, who));
  const about = answer.steps.filter((step) => concerns(step, who));
  const hold = about.find((step) => step.outcome === StepOutcome.HELD);
  const count = about.find((step) => step.outcome === StepOutcome.COUNTED);
  const park = about.find((step) => step.outcome === StepOutcome.PARKED);
  if (!route) {
    const silent = about.findLast((step) => step.outcome !== StepOutcome.ROUTED) ?? answer.steps.at(-1);
    return { outcome: "not", sentence: silent?.sentence ?? "", heldUntil: null };
  }
  const sentence = route.reason?.sentence ?? "";
  if (count) return { outcome: "counted", sentence: count.sentence || sentence, heldUntil: null };
  if (park) return { outcome: "parked", sentence: park.sentence || sentence, heldUntil: null };
  if (hold) return { outcome: "held", sentence: hold.sentence || sentence, heldUntil: millis(hold.heldUntil) };
  return { outcome: "now", sentence, heldUntil: null };
}

function concerns(step: ExplanationStep, who: Who): boolean {
  if (who.target.channelId !== "") return step.subjectId === who.target.channelId;
  if (who.target.address !== "") return step.subjectName === who.target.address;
  return kindWord(step.kind) === who.kind;
}

export interface Difference {
  readonly gained: readonly Who[];
  readonly lost: readonly Who[];
}

/** Who gets an event by one explanation and not by the other. */
export function difference(before: ExplainResponse, after: ExplainResponse): Difference {
  const whoOf = ({ routes }: ExplainResponse): readonly Who[] => routes.map((route) => ({ kind: kindWord(route.kind), target: targetOf(route) }));
  const [now, then] = [whoOf(before), whoOf(after)];
  const without = (all: readonly Who[], others: readonly Who[]) => all.filter((who) => !others.some((other) => sameTarget(who, other)));
  return { gained: without(then, now), lost: without(now, then) };
}

export interface RuleVerdict {
  readonly outcome: "routed" | "silenced" | "rests" | "passed" | "unknown";
  /** The sentence that decides it, and after it those of the other kinds. */
  readonly sentences: readonly string[];
}

/** What the steps say of one rule: the outcome that matters most, and its sentences first. */
export function ruleVerdict(steps: readonly ExplanationStep[], ruleId: string): RuleVerdict {
  const own = steps.filter((step) => step.stage === "rule" && step.subjectId === ruleId);
  const order: readonly [StepOutcome, RuleVerdict["outcome"]][] = [
    [StepOutcome.ROUTED, "routed"],
    [StepOutcome.SILENCED, "silenced"],
    [StepOutcome.RESTS, "rests"],
    [StepOutcome.PASSED_OVER, "passed"],
  ];
  for (const [outcome, word] of order) {
    const first = own.filter((step) => step.outcome === outcome);
    if (first.length > 0) return { outcome: word, sentences: [...new Set(first.map(({ sentence }) => sentence))] };
  }
  return { outcome: "unknown", sentences: [] };
}

/** What the steps say of a rule of a draft: by its id, or, of one that nobody has saved by this name, by the name. */
export function draftVerdict(steps: readonly ExplanationStep[], id: string, name: string, saved: ReadonlySet<string>): RuleVerdict {
  const own = steps.some((step) => step.stage === "rule" && step.subjectId === id);
  if (own) return ruleVerdict(steps, id);
  return ruleVerdict(steps, steps.find((step) => step.stage === "rule" && step.subjectName === name && !saved.has(step.subjectId))?.subjectId ?? "");
}
