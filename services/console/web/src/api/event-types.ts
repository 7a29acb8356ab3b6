// The team's catalog: what comes with Watchbell, and the team's own.

import { useQuery } from "@tanstack/react-query";
import { useSession } from "./context";
import { useServices } from "./services";
import { LARGEST_PAGE, everyPage } from "./every-page";

/** What forms begin with. */
export const USUAL_TYPE = "finding.created";

export function useEventTypes(team: string, enabled = true) {
  const services = useServices();
  const { epoch } = useSession();
  return useQuery({
    queryKey: ["event-types", team, epoch],
    queryFn: ({ signal }) =>
      everyPage(
        (pageToken) => services.catalog.listEventTypes({ teamId: team, pageSize: LARGEST_PAGE, pageToken }, { signal }),
        ({ eventTypes }) => eventTypes,
      ),
    staleTime: 60_000,
    enabled,
  });
}
