// A team's rules, in the order in which they are asked.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useSession } from "./context";
import type { Rule } from "./gen/watchbell/config/v1/rule_pb";
import { type Services, useServices } from "./services";
import { LARGEST_PAGE, everyPage } from "./every-page";

export const rulesKey = (team: string, epoch: number) => ["rules", team, epoch] as const;

export function readRules(services: Services, team: string, signal?: AbortSignal): Promise<readonly Rule[]> {
  return everyPage(
    (pageToken) => services.routing.listRules({ teamId: team, pageSize: LARGEST_PAGE, pageToken }, { signal }),
    ({ rules }) => rules,
  );
}

export function useRules(team: string, enabled = true) {
  const services = useServices();
  const { epoch } = useSession();
  return useQuery({
    queryKey: rulesKey(team, epoch),
    queryFn: ({ signal }) => readRules(services, team, signal),
    staleTime: 5_000,
    refetchInterval: 30_000,
    enabled,
  });
}

/** After a change: reads the rules again. */
export function useRulesChanged(team: string) {
  const cache = useQueryClient();
  return () => cache.invalidateQueries({ queryKey: ["rules", team] });
}
