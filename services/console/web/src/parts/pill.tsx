import type { ReactNode } from "react";
import type { SeverityWord, StateWord } from "../api/words";
import * as en from "../messages/en";
import { StateIcon } from "./icons";

/** A state: drawing, word and colour. `text` says more than the state's own word. */
export function StatePill({ state, text }: { state: StateWord | null; text?: string }): ReactNode {
  return (
    <span className={`pill s-${state ?? "unknown"}`}>
      <StateIcon state={state} />
      {text ?? (state ? en.states[state] : en.unknownState)}
    </span>
  );
}

/** The bar before a title, with its meaning for those who do not see it. */
export function SeverityBar({ severity, small = false }: { severity: SeverityWord | null; small?: boolean }): ReactNode {
  return (
    <span
      className={`sev sev-${severity ?? "unknown"}`}
      style={small ? { height: 16 } : undefined}
      role="img"
      aria-label={severity ? en.severities[severity] : en.unknownState}
      title={severity ? en.severities[severity] : undefined}
    />
  );
}
