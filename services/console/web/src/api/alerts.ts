// Alerts that are open: how many there are, and the newest.

import { useQuery } from "@tanstack/react-query";
import { useRefetchOn } from "../live/refetch";
import { useSession } from "./context";
import { AlertState } from "./gen/watchbell/dispatcher/v1/alert_pb";
import { useServices } from "./services";

/** The most that are counted. */
export const MOST_COUNTED = 20;
const EVERY = 5_000;

/** Of all alerts of a team, whatever is asked about them. */
export const alertsKey = (team: string, epoch: number) => ["alerts", team, epoch] as const;

/** One more than is counted, when there are more. */
export function useOpenAlerts(team: string) {
  const { alerts } = useServices();
  const { epoch } = useSession();
  const queryKey = [...alertsKey(team, epoch), "open"];
  // Where the stream of alerts is not followed: an alert changes by events, and these make deliveries.
  useRefetchOn(queryKey, () => true, EVERY);
  return useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await alerts.listAlerts({ teamId: team, pageSize: MOST_COUNTED + 1, states: [AlertState.OPEN] }, { signal })).alerts,
    staleTime: EVERY,
    refetchInterval: 60_000,
  });
}
