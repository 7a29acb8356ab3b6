// The states with their counts. A click shows one alone; with Shift several.

import type { ReactNode } from "react";
import { STATES, type StateWord } from "../../api/words";
import { type Counts, totalOf } from "../../live/stats";
import * as en from "../../messages/en";
import { count } from "../../parts/format";
import { StateIcon } from "../../parts/icons";

interface Props {
  readonly chosen: readonly StateWord[];
  readonly counts: Counts | null;
  readonly isPartial: boolean;
  readonly onChoose: (states: readonly StateWord[]) => void;
}

export function StateChips({ chosen, counts, isPartial, onChoose }: Props): ReactNode {
  const total = counts ? totalOf(counts) : null;
  const shown = STATES.filter((state) => state !== "cancelled" || (counts?.cancelled ?? 0) > 0 || chosen.includes("cancelled"));
  const choose = (state: StateWord, several: boolean) => {
    const has = chosen.includes(state);
    if (several) onChoose(has ? chosen.filter((other) => other !== state) : [...chosen, state]);
    else onChoose(has && chosen.length === 1 ? [] : [state]);
  };
  return (
    <div role="group" aria-label={en.log.states} className="flex gap-1.5 md:flex-wrap">
      <button type="button" className="chip" aria-pressed={chosen.length === 0} onClick={() => onChoose([])}>
        {en.log.all} {total === null ? null : <b>{`${count(total)}${isPartial ? "+" : ""}`}</b>}
      </button>
      {shown.map((state) => (
        <button
          key={state}
          type="button"
          className="chip"
          aria-pressed={chosen.includes(state)}
          onClick={(event) => choose(state, event.shiftKey)}
        >
          <StateIcon state={state} />
          <span className="max-md:sr-only">{en.states[state]}</span>
          {counts ? <b>{count(counts[state])}</b> : null}
        </button>
      ))}
    </div>
  );
}
