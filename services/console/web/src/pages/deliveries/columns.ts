// The columns of the log: which there are, and how wide they are. The address says which are hidden, so that a link shows
// another person the same.

/** All, in order. State and event are always there. */
export const COLUMNS = ["made", "state", "to", "event", "why", "tries", "took"] as const;
export type Column = (typeof COLUMNS)[number];

export const HIDEABLE: readonly Column[] = ["made", "to", "why", "tries", "took"];

const WIDTH: Record<Column, string> = {
  made: "64px",
  state: "96px",
  to: "minmax(96px, 148px)",
  event: "minmax(120px, 1.5fr)",
  why: "minmax(80px, 1.1fr)",
  tries: "34px",
  took: "92px",
};

export function isHideable(word: string): word is Column {
  return HIDEABLE.some((column) => column === word);
}

export function shownColumns(hidden: readonly Column[]): readonly Column[] {
  return COLUMNS.filter((column) => !hidden.includes(column));
}

export function gridOf(shown: readonly Column[]): string {
  return shown.map((column) => WIDTH[column]).join(" ");
}
