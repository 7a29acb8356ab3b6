// A team's channels, which nearly every page names.

import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { useRefetchOn } from "../live/refetch";
import type { Clients } from "./clients";
import { useApp, useSession } from "./context";
import { LARGEST_PAGE, everyPage } from "./every-page";
import type { Channel } from "./gen/watchbell/config/v1/channel_pb";
import type { Delivery } from "./gen/watchbell/dispatcher/v1/delivery_pb";

function readChannels(clients: Clients, team: string, signal: AbortSignal): Promise<readonly Channel[]> {
  return everyPage(
    (pageToken) => clients.channels.listChannels({ teamId: team, pageSize: LARGEST_PAGE, pageToken }, { signal }),
    ({ channels }) => channels,
  );
}

/** Whether a delivery tells of a channel itself, whose health changes with what becomes of its deliveries. */
export const isOfChannel = (delivery: Delivery) => delivery.eventType.startsWith("channel.");

export function channelsKey(team: string, epoch: number) {
  return ["channels", team, epoch] as const;
}

export function channelsQuery(clients: Clients, team: string, epoch: number) {
  return {
    queryKey: channelsKey(team, epoch),
    queryFn: ({ signal }: { signal: AbortSignal }) => readChannels(clients, team, signal),
    staleTime: 10_000,
  };
}

export function useChannels(team: string, interval = 60_000) {
  const { clients } = useApp();
  const { epoch } = useSession();
  useRefetchOn(channelsKey(team, epoch), isOfChannel);
  return useQuery({ ...channelsQuery(clients, team, epoch), refetchInterval: interval });
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
