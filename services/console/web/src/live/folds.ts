// What channels folded lately: many messages that one summary tells.

import { useQuery } from "@tanstack/react-query";
import { useApp, useSession } from "../api/context";
import { findDeliveries } from "../api/find";
import { timestamp } from "../api/times";
import { stateOf } from "../api/words";
import { HOUR } from "../parts/format";
import { useRefetchOn } from "./refetch";
import { type Row, toRow } from "./row";

/** The most that is looked at. */
const MOST = 200;

export interface Fold {
  readonly channelId: string;
  /** Empty until it is made. */
  readonly summaryId: string;
  /** When it is made; null when that is not known, or when it is made. */
  readonly until: number | null;
  readonly count: number;
}

/** The newest fold of each channel. Repeats of an alert, and what a rule gathers, are no news: they are folded by intent. */
export function foldsOf(rows: readonly Row[]): readonly Fold[] {
  const folds = new Map<string, Fold>();
  for (const { detail, target } of rows) {
    if (detail?.is !== "folded" || (detail.into !== "summary" && detail.into !== "storm") || target.channelId === "") continue;
    const { summaryId, until } = detail;
    const before = folds.get(target.channelId) ?? { channelId: target.channelId, summaryId, until, count: 0 };
    if (before.summaryId === summaryId) folds.set(target.channelId, { ...before, count: before.count + 1 });
  }
  return [...folds.values()];
}

export function useFolds(team: string): readonly Fold[] {
  const { clients } = useApp();
  const { epoch } = useSession();
  const queryKey = ["folds", team, epoch];
  useRefetchOn(queryKey, ({ stateDetail }) => stateDetail.case === "folded");
  const { data = [] } = useQuery({
    queryKey,
    queryFn: async ({ signal }) => {
      const request = { teamId: team, states: [stateOf("folded")], startTime: timestamp(Date.now() - HOUR), pageSize: MOST };
      return foldsOf((await findDeliveries(clients, request, signal)).deliveries.map(toRow));
    },
    staleTime: 5_000,
    refetchInterval: 60_000,
  });
  return data;
}
