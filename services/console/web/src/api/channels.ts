// A team's channels, which nearly every page names.

import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { useHear } from "../live/context";
import type { Clients } from "./clients";
import { useApp, useSession } from "./context";
import type { Channel } from "./gen/watchbell/config/v1/channel_pb";

/** All pages: a team has a few dozen channels. */
export async function readChannels(clients: Clients, team: string, signal?: AbortSignal): Promise<readonly Channel[]> {
  const channels: Channel[] = [];
  let pageToken = "";
  do {
    // One page after another: each is found by the one before.
    // oxlint-disable-next-line no-await-in-loop
    const page = await clients.channels.listChannels({ teamId: team, pageSize: 1_000, pageToken }, { signal });
    channels.push(...page.channels);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return channels;
}

export function channelsKey(team: string, epoch: number) {
  return ["channels", team, epoch] as const;
}

export function useChannels(team: string) {
  const { clients } = useApp();
  const { epoch } = useSession();
  const query = useQuery({
    queryKey: channelsKey(team, epoch),
    queryFn: ({ signal }) => readChannels(clients, team, signal),
    staleTime: 10_000,
    refetchInterval: 60_000,
  });
  const { refetch } = query;
  // A channel's health changes with what becomes of its deliveries.
  useHear({
    gap: () => void refetch(),
    batch: (deliveries) => {
      if (deliveries.some((delivery) => delivery.eventType.startsWith("channel."))) void refetch();
    },
  });
  return query;
}

export interface ChannelNames {
  /** Undefined when it was deleted, or is not read yet. */
  get(id: string): Channel | undefined;
  readonly all: readonly Channel[];
}

export function useChannelNames(team: string): ChannelNames {
  const { data = [] } = useChannels(team);
  return useMemo(() => {
    const byId = new Map(data.map((channel) => [channel.id, channel]));
    return { get: (id) => byId.get(id), all: data };
  }, [data]);
}

/** After a change: reads again what shows channels. */
export function useChannelsChanged(team: string) {
  const cache: QueryClient = useQueryClient();
  const { epoch } = useSession();
  return () =>
    Promise.all([
      cache.invalidateQueries({ queryKey: channelsKey(team, epoch) }),
      cache.invalidateQueries({ queryKey: ["channel", team] }),
    ]);
}
