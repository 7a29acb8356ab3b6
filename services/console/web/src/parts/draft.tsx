// A form's draft, and what it says of changes that others made meanwhile.

import { type ReactNode, useState } from "react";
import { type Draft, begin, changed, discarded, put, rebased, settled } from "../domain/draft";
import * as en from "../messages/en";

export interface DraftForm<Values> {
  readonly values: Values;
  /** As it was read last. */
  readonly base: Values;
  readonly version: string;
  readonly dirty: readonly (keyof Values & string)[];
  readonly conflicts: readonly (keyof Values & string)[];
  readonly taken: readonly (keyof Values & string)[];
  set<Path extends keyof Values & string>(path: Path, value: Values[Path]): void;
  put(part: Partial<Values>): void;
  settle(path: keyof Values & string, whose: "mine" | "theirs"): void;
  discard(): void;
}

/** Keeps what was typed when what was read changes. `read` gives the values of `version`. */
export function useDraft<Values extends object>(version: string, read: () => Values): DraftForm<Values> {
  const [held, setHeld] = useState<Draft<Values>>(() => begin(version, read()));
  let draft = held;
  if (draft.version !== version) {
    draft = rebased(draft, version, read());
    setHeld(draft);
  }
  return {
    values: draft.mine,
    base: draft.base,
    version: draft.version,
    dirty: changed(draft.base, draft.mine),
    conflicts: draft.conflicts,
    taken: draft.taken,
    set: (path, value) => setHeld((before) => put(before, path, value)),
    put: (part) =>
      setHeld((before) => (Object.keys(part) as (keyof Values & string)[]).reduce((draft, path) => put(draft, path, part[path] as Values[typeof path]), before)),
    settle: (path, whose) => setHeld((before) => settled(before, path, whose)),
    discard: () => setHeld(discarded),
  };
}

/** What was changed elsewhere: what was taken over, and what has to be decided before anything is saved. */
export function Meanwhile<Values>({ form, nameOf }: { form: DraftForm<Values>; nameOf: (path: keyof Values & string) => string }): ReactNode {
  return (
    <>
      {form.taken.length > 0 ? <span role="status">{en.channel.meanwhile(form.taken.map(nameOf).join(", "))}</span> : null}
      {form.conflicts.map((path) => (
        <span key={path} role="alert" className="flex flex-wrap items-center gap-2">
          {en.channel.conflict(nameOf(path))} {en.channel.theirs} <code className="mono cut max-w-[40ch]">{brief(form.base[path])}</code>
          <button type="button" className="btn btn-small btn-quiet" onClick={() => form.settle(path, "mine")}>
            {en.channel.keepMine}
          </button>
          <button type="button" className="btn btn-small btn-quiet" onClick={() => form.settle(path, "theirs")}>
            {en.channel.takeTheirs}
          </button>
        </span>
      ))}
    </>
  );
}

function brief(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
