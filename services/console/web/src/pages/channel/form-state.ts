// What is being edited of a channel, kept apart from what was read. When the channel changes meanwhile, whatever only
// the other side changed is taken over; what both did is asked about.

import { useState } from "react";
import type { Channel } from "../../api/gen/watchbell/config/v1/channel_pb";
import { type Path, type Values, changed, mergeThree, same, valuesOf } from "../../domain/channel";

interface State {
  readonly etag: string;
  readonly base: Values;
  readonly mine: Values;
  readonly conflicts: readonly Path[];
  readonly taken: readonly Path[];
}

export interface ChannelForm {
  readonly values: Values;
  /** As it was read last. */
  readonly base: Values;
  readonly etag: string;
  readonly dirty: readonly Path[];
  readonly conflicts: readonly Path[];
  /** What was changed elsewhere and taken over since the form was last saved or discarded. */
  readonly taken: readonly Path[];
  set<P extends Path>(path: P, value: Values[P]): void;
  /** Ends a conflict: with one's own value, or with theirs. */
  settle(path: Path, whose: "mine" | "theirs"): void;
  discard(): void;
}

function begin(channel: Channel): State {
  const values = valuesOf(channel);
  return { etag: channel.etag, base: values, mine: values, conflicts: [], taken: [] };
}

export function useChannelForm(channel: Channel): ChannelForm {
  const [held, setHeld] = useState(() => begin(channel));
  let state = held;
  if (state.etag !== channel.etag) {
    const theirs = valuesOf(channel);
    const merged = mergeThree(state.base, state.mine, theirs);
    const isDirty = changed(state.base, state.mine).length > 0;
    state = {
      etag: channel.etag,
      base: theirs,
      mine: merged.values,
      conflicts: [...new Set([...state.conflicts, ...merged.conflicts])].filter((path) => !same(merged.values[path], theirs[path])),
      taken: isDirty ? [...new Set([...state.taken, ...merged.taken])] : [],
    };
    setHeld(state);
  }
  return {
    values: state.mine,
    base: state.base,
    etag: state.etag,
    dirty: changed(state.base, state.mine),
    conflicts: state.conflicts,
    taken: state.taken,
    set: (path, value) => setHeld((before) => ({ ...before, mine: { ...before.mine, [path]: value } })),
    settle: (path, whose) =>
      setHeld((before) => ({
        ...before,
        mine: whose === "mine" ? before.mine : { ...before.mine, [path]: before.base[path] },
        conflicts: before.conflicts.filter((other) => other !== path),
      })),
    discard: () => setHeld((before) => ({ ...before, mine: before.base, conflicts: [], taken: [] })),
  };
}
