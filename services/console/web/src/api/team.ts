// The teams that the credential opens.

import { create } from "@bufbuild/protobuf";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { Clients } from "./clients";
import { useApp, useSession } from "./context";
import { Scope } from "./gen/watchbell/config/v1/api_key_pb";
import { type Team, TeamSchema } from "./gen/watchbell/config/v1/team_pb";
import { isFramed } from "./host";
import { type Self, readSelf, selfQuery } from "./self";

export interface Teams {
  readonly teams: readonly Team[];
  /** A key of the platform, which opens every team. */
  readonly platform: boolean;
  /** A key of the platform in a frame, where it opens nothing: whoever looks at the page around it is one team's member. */
  readonly barred: boolean;
}

/** The most teams that the switcher shows. */
const MOST_TEAMS = 1_000;

export async function readTeams(clients: Clients, signal?: AbortSignal, known?: Self): Promise<Teams> {
  const self = known ?? (await readSelf(clients, signal));
  if (self.scopes.has(Scope.PLATFORM) && isFramed) return { teams: [], platform: false, barred: true };
  if (self.scopes.has(Scope.PLATFORM)) {
    const { teams } = await clients.teams.listTeams({ pageSize: MOST_TEAMS }, { signal });
    return { teams, platform: true, barred: false };
  }
  if (!self.scopes.has(Scope.CONFIG_READ)) {
    return { teams: [create(TeamSchema, { id: self.team, displayName: self.team })], platform: false, barred: false };
  }
  const { team } = await clients.teams.getTeam({ teamId: self.team }, { signal });
  return { teams: team ? [team] : [], platform: false, barred: false };
}

export function useTeams() {
  const { clients } = useApp();
  const { key, epoch } = useSession();
  const cache = useQueryClient();
  return useQuery({
    queryKey: ["teams", epoch],
    queryFn: async ({ signal }) => readTeams(clients, signal, await cache.fetchQuery({ ...selfQuery(clients, epoch), retry: false })),
    enabled: key !== null,
    staleTime: 60_000,
  });
}

/** After a change: reads the teams again. */
export function useTeamsChanged() {
  const cache = useQueryClient();
  return () => cache.invalidateQueries({ queryKey: ["teams"] });
}

export function useTeam(id: string): Team | undefined {
  const { data } = useTeams();
  return data?.teams.find((team) => team.id === id);
}

/** The zone of the team's windows and schedules. */
export function useZone(id: string): string {
  return useTeam(id)?.timeZone || "UTC";
}
