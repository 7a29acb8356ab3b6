// What is being edited, apart from what was read: values by the paths of an update's mask. What differs makes the mask; what
// two people changed is found path by path.

export function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

type PathOf<Values> = keyof Values & string;

/** The paths whose values differ, for the update mask. */
export function changed<Values extends object>(base: Values, now: Values): PathOf<Values>[] {
  return (Object.keys(base) as PathOf<Values>[]).filter((path) => !same(base[path], now[path]));
}

export interface Merged<Values> {
  readonly values: Values;
  /** What both have changed, and not to the same. */
  readonly conflicts: readonly PathOf<Values>[];
  /** What only the others have changed. */
  readonly taken: readonly PathOf<Values>[];
}

/** Three-way: what only one side changed is taken from it; where both did, mine stays and the conflict is named. */
export function mergeThree<Values extends object>(base: Values, mine: Values, theirs: Values): Merged<Values> {
  const ours = new Set(changed(base, mine));
  const others = changed(base, theirs);
  const taken = others.filter((path) => !ours.has(path));
  const conflicts = others.filter((path) => ours.has(path) && !same(mine[path], theirs[path]));
  const values = { ...mine, ...Object.fromEntries(taken.map((path) => [path, theirs[path]])) };
  return { values, conflicts, taken };
}

export interface Draft<Values> {
  /** Of what was read: its etag, or what else tells that it has changed. */
  readonly version: string;
  readonly base: Values;
  readonly mine: Values;
  readonly conflicts: readonly PathOf<Values>[];
  /** What was changed elsewhere and taken over since the draft was last saved or discarded. */
  readonly taken: readonly PathOf<Values>[];
}

export function begin<Values>(version: string, values: Values): Draft<Values> {
  return { version, base: values, mine: values, conflicts: [], taken: [] };
}

/** The draft on top of what was read now: whatever only the other side changed is taken over, what both did is a conflict. */
export function rebased<Values extends object>(draft: Draft<Values>, version: string, theirs: Values): Draft<Values> {
  const merged = mergeThree(draft.base, draft.mine, theirs);
  const isDirty = changed(draft.base, draft.mine).length > 0;
  return {
    version,
    base: theirs,
    mine: merged.values,
    conflicts: [...new Set([...draft.conflicts, ...merged.conflicts])].filter((path) => !same(merged.values[path], theirs[path])),
    taken: isDirty ? [...new Set([...draft.taken, ...merged.taken])] : [],
  };
}

export function put<Values, Path extends PathOf<Values>>(draft: Draft<Values>, path: Path, value: Values[Path]): Draft<Values> {
  return { ...draft, mine: { ...draft.mine, [path]: value } };
}

/** Ends a conflict: with one's own value, or with theirs. */
export function settled<Values>(draft: Draft<Values>, path: PathOf<Values>, whose: "mine" | "theirs"): Draft<Values> {
  return {
    ...draft,
    mine: whose === "mine" ? draft.mine : { ...draft.mine, [path]: draft.base[path] },
    conflicts: draft.conflicts.filter((other) => other !== path),
  };
}

export function discarded<Values>(draft: Draft<Values>): Draft<Values> {
  return { ...draft, mine: draft.base, conflicts: [], taken: [] };
}
