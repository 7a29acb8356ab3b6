// One event, and its deliveries.

import { useQuery } from "@tanstack/react-query";
import { useRefetchOn } from "../live/refetch";
import { toRow } from "../live/row";
import { useApp, useSession } from "./context";

/** The most deliveries of one event that are listed. */
const MOST = 200;

/** It never changes. None is asked for when the id is empty. */
export function useEvent(team: string, eventId: string) {
  const { clients } = useApp();
  const { epoch } = useSession();
  return useQuery({
    queryKey: ["event", team, epoch, eventId],
    queryFn: async ({ signal }) => (await clients.dispatcher.getEvent({ teamId: team, eventId }, { signal })).event,
    staleTime: Number.POSITIVE_INFINITY,
    enabled: eventId !== "",
  });
}

/** Its deliveries, kept up to date. */
export function useDeliveriesOf(team: string, eventId: string) {
  const { clients } = useApp();
  const { epoch } = useSession();
  const queryKey = ["deliveries-of", team, epoch, eventId];
  useRefetchOn(queryKey, (delivery) => delivery.eventId === eventId);
  return useQuery({
    queryKey,
    queryFn: async ({ signal }) => {
      const answer = await clients.dispatcher.listDeliveries({ teamId: team, eventId, pageSize: MOST }, { signal });
      return { rows: answer.deliveries.map(toRow), more: answer.nextPageToken !== "" };
    },
    staleTime: 5_000,
  });
}
