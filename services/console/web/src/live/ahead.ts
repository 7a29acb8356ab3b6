// The first page of the log, asked for while the files of the page that shows it are on their way.

import type { Clients } from "../api/clients";
import { findDeliveries } from "../api/find";
import { timestamp } from "../api/times";
import { type Filter, asked } from "./filter";

export const PAGE = 200;
/** What was asked for longer ago is asked for again, in milliseconds. */
const FRESH = 5_000;

export function askPage(clients: Clients, team: string, filter: Filter, token: string, signal?: AbortSignal) {
  return findDeliveries(
    clients,
    {
      teamId: team,
      pageSize: PAGE,
      pageToken: token,
      ...asked(filter),
      ...(filter.start === null ? {} : { startTime: timestamp(filter.start) }),
      ...(filter.end === null ? {} : { endTime: timestamp(filter.end) }),
    },
    signal,
  );
}

type Answer = Awaited<ReturnType<typeof askPage>>;

export interface Ahead {
  /** By which the list has to be gone on with. */
  readonly filter: Filter;
  /** Once: whoever comes later asks anew. */
  take(): Promise<Answer> | null;
}

let asking: { readonly of: string; readonly at: number; readonly filter: Filter; answer: Promise<Answer> | null } | null = null;

const ofList = (team: string, key: string, epoch: number) => JSON.stringify([team, key, epoch]);

/** `key`: of the list, as the page will call it. */
export function askAhead(clients: Clients, team: string, key: string, epoch: number, filter: Filter): void {
  const answer = askPage(clients, team, filter, "");
  // Whoever takes it hears of it.
  answer.catch(() => {});
  asking = { of: ofList(team, key, epoch), at: Date.now(), filter, answer };
}

/** Null when this list was not asked for, or is taken. */
export function aheadOf(team: string, key: string, epoch: number): Ahead | null {
  const known = asking;
  if (known === null || known.answer === null || known.of !== ofList(team, key, epoch) || Date.now() - known.at > FRESH) return null;
  return {
    filter: known.filter,
    take: () => {
      const { answer } = known;
      known.answer = null;
      return answer;
    },
  };
}
