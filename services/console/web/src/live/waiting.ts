// What waits for a channel: held by quiet hours, or parked because the channel is unhealthy.

import { useQueries } from "@tanstack/react-query";
import { useApp, useSession } from "../api/context";
import { findDeliveries } from "../api/find";
import { stateOf } from "../api/words";
import { EVERYTHING, type Filter } from "./filter";
import { useRefetchOn } from "./refetch";
import { type Row, targetOf, toRow } from "./row";
import { type Counts, useStats } from "./stats";

/** The most that is looked at. */
const MOST = 200;

export interface Waiting {
  readonly rows: readonly Row[];
  readonly more: boolean;
}

/** By the channels' ids. */
export function useWaiting(team: string, channels: readonly { readonly id: string }[], state: "held" | "parked"): ReadonlyMap<string, Waiting> {
  const { clients } = useApp();
  const { epoch } = useSession();
  useRefetchOn(["waiting", team, epoch], ({ route }) => {
    const { channelId } = targetOf(route);
    return channels.some(({ id }) => id === channelId);
  });
  const answers = useQueries({
    queries: channels.map(({ id }) => ({
      queryKey: ["waiting", team, epoch, id, state],
      queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Waiting> => {
        const request = { teamId: team, channelId: id, states: [stateOf(state)], pageSize: MOST };
        const answer = await findDeliveries(clients, request, signal);
        return { rows: answer.deliveries.map(toRow), more: answer.nextPageToken !== "" };
      },
      staleTime: 5_000,
    })),
  });
  return new Map(channels.flatMap(({ id }, index) => {
    const data = answers[index]?.data;
    return data ? [[id, data] as const] : [];
  }));
}

const WAITING: Filter = { ...EVERYTHING, states: ["pending", "held", "parked"] };
const waiting = () => WAITING;

/** How many are pending, held and parked, by the channels' ids. */
export function useWaitingCounts(team: string, enabled = true): ReadonlyMap<string, Counts> | undefined {
  return useStats(team, "waiting", waiting, { enabled })?.channels;
}
