// How a team's kinds of channels fare, and which expressions fail.

import { useQuery } from "@tanstack/react-query";
import { useApp, useSession } from "./context";

export function useStatus(team: string) {
  const { clients } = useApp();
  const { epoch } = useSession();
  return useQuery({
    queryKey: ["status", team, epoch],
    queryFn: ({ signal }) => clients.teams.getIntegrationStatus({ teamId: team }, { signal }),
    staleTime: 10_000,
    refetchInterval: 30_000,
  });
}
