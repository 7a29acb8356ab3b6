// Changes of rules that are gathered for as long as the page is loaded, so that another page can be looked at meanwhile.

import { useMemo, useSyncExternalStore } from "react";
import type { Rule } from "./gen/watchbell/config/v1/rule_pb";
import { type RulesDraft, beginRules, changesOf, rebased } from "../domain/rules-draft";
import { current, subscribe as onSession } from "./session";

const drafts = new Map<string, RulesDraft>();
const listeners = new Set<() => void>();

const warn = (event: BeforeUnloadEvent) => event.preventDefault();

function keep(team: string, draft: RulesDraft | null): void {
  if (draft && changesOf(draft).length > 0) drafts.set(team, draft);
  else drafts.delete(team);
  if (drafts.size > 0) window.addEventListener("beforeunload", warn);
  else window.removeEventListener("beforeunload", warn);
  for (const listener of listeners) listener();
}

/** Whoever signs in next begins anew. */
onSession(() => {
  if (current().key === null) for (const team of drafts.keys()) keep(team, null);
});

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export interface DraftOfRules {
  /** On top of the rules as they are; undefined while these are not read. */
  readonly draft: RulesDraft | undefined;
  change(by: (draft: RulesDraft) => RulesDraft): void;
  discard(): void;
}

export function useRulesDraft(team: string, rules: readonly Rule[] | undefined): DraftOfRules {
  const held = useSyncExternalStore(subscribe, () => drafts.get(team));
  const draft = useMemo(() => rules && (held ? rebased(held, rules) : beginRules(rules)), [held, rules]);
  return {
    draft,
    change: (by) => {
      if (!rules) return;
      // The newest: one change may follow another before anything is drawn.
      const newest = drafts.get(team);
      keep(team, by(newest ? rebased(newest, rules) : beginRules(rules)));
    },
    discard: () => keep(team, null),
  };
}
