// One list out of two sources: pages that were asked for, and changes that the stream has told.

import { type Filter, matches } from "./filter";
import type { Row } from "./row";

/** The later of what a list said and what the stream told about one delivery, which carries no time of its change. */
export function later(listed: Row, told: Row): Row {
  if (listed.attempts !== told.attempts) return listed.attempts > told.attempts ? listed : told;
  if (listed.ended !== null && told.ended === null) {
    // An end without a further attempt: called off, folded. What has failed, though, can be taken up again.
    return listed.state === "failed" && listed.attempts > 0 ? told : listed;
  }
  return told;
}

/** What lists are sorted by. */
export type Place = Pick<Row, "id" | "made">;

/** Newest first; of one moment, the higher id, as the server sorts. */
export function newestFirst(a: Place, b: Place): number {
  if (a.made !== b.made) return b.made - a.made;
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

/** What came after the first page was read. */
export interface Head {
  /** On the screen above the first page, newest first. */
  readonly shown: readonly Row[];
  /** Not yet on the screen, since the reader is elsewhere. */
  readonly waiting: readonly Row[];
}

export const NOTHING: Head = { shown: [], waiting: [] };

function put(rows: readonly Row[], row: Row): readonly Row[] {
  const at = rows.findIndex((other) => other.id === row.id);
  if (at >= 0) return rows.map((other, index) => (index === at ? row : other));
  return [...rows, row].toSorted(newestFirst);
}

/**
 * Takes what the stream told. `listed`: whether a page has that delivery, and so shows the change itself. `last`: the last of the first
 * page where others follow; what is older stands on one of these, which is read when it is reached.
 */
export function tell(head: Head, told: readonly Row[], filter: Filter, listed: (id: string) => boolean, hold: boolean, last: Place | null = null): Head {
  let { shown, waiting } = head;
  for (const row of told) {
    if (shown.some((other) => other.id === row.id)) shown = put(shown, row);
    else if (waiting.some((other) => other.id === row.id)) waiting = put(waiting, row);
    else if (!listed(row.id) && matches(filter, row) && (last === null || newestFirst(row, last) < 0)) {
      if (hold) waiting = put(waiting, row);
      else shown = put(shown, row);
    }
  }
  return shown === head.shown && waiting === head.waiting ? head : { shown, waiting };
}

/** Lets everything that waits onto the screen. */
export function release(head: Head): Head {
  if (head.waiting.length === 0) return head;
  return { shown: head.waiting.reduce(put, head.shown), waiting: [] };
}

/** A page that has come, and the head without what the page has: the stream may have told of it while it was asked for. */
export function settle(head: Head, page: readonly Row[]): { readonly head: Head; readonly page: readonly Row[] } {
  const told = new Map([...head.shown, ...head.waiting].map((row) => [row.id, row]));
  const listed = new Set(page.flatMap(({ id }) => (told.has(id) ? [id] : [])));
  if (listed.size === 0) return { head, page };
  const left = (rows: readonly Row[]) => rows.filter(({ id }) => !listed.has(id));
  return { head: { shown: left(head.shown), waiting: left(head.waiting) }, page: patch(page, told) };
}

/** A page with what the stream told since. The same page when nothing in it has changed. */
export function patch(page: readonly Row[], told: ReadonlyMap<string, Row>): readonly Row[] {
  if (!page.some((row) => told.has(row.id))) return page;
  return page.map((row) => {
    const change = told.get(row.id);
    return change ? later(row, change) : row;
  });
}
