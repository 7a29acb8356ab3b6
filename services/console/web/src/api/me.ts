// Whose inbox the bell shows: the signed-in member's own. A key is nobody's, so whoever holds one chooses; the choice is
// kept by the tab, like a key that is kept.

import { useSyncExternalStore } from "react";
import { useSelf } from "./self";
import { current, subscribe as onSession } from "./session";

const KEPT = "watchbell.member.";
const listeners = new Set<() => void>();
const chosen = new Map<string, string>();

function read(team: string): string {
  const held = chosen.get(team);
  if (held !== undefined) return held;
  try {
    return window.sessionStorage.getItem(KEPT + team) ?? "";
  } catch {
    // A frame of another site may have none.
    return "";
  }
}

function choose(team: string, member: string): void {
  chosen.set(team, member);
  try {
    window.sessionStorage.setItem(KEPT + team, member);
  } catch {
    // It lasts as long as the page.
  }
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Whoever signs in next does not look at what was chosen before. */
onSession(() => {
  if (current().key !== null) return;
  chosen.clear();
  try {
    for (const name of Object.keys(window.sessionStorage)) if (name.startsWith(KEPT)) window.sessionStorage.removeItem(name);
  } catch {
    // There is nothing to forget.
  }
});

export interface Me {
  /** `mbr_…`; empty while nobody is chosen, and until it is known who is signed in. */
  readonly member: string;
  /** Chooses whose inbox; null for a signed-in member, who has one, and until that is known. */
  readonly choose: ((member: string) => void) | null;
}

export function useMe(team: string): Me {
  const self = useSelf();
  const picked = useSyncExternalStore(subscribe, () => read(team));
  if (!self) return { member: "", choose: null };
  if (self.member) return { member: self.member.id, choose: null };
  return { member: picked, choose: (member) => choose(team, member) };
}
