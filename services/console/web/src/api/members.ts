// The members of a team.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { Clients } from "./clients";
import { useApp, useSession } from "./context";
import { LARGEST_PAGE, everyPage } from "./every-page";
import type { Member } from "./gen/watchbell/config/v1/member_pb";

function readMembers(clients: Clients, team: string, signal: AbortSignal): Promise<readonly Member[]> {
  return everyPage(
    (pageToken) => clients.teams.listMembers({ teamId: team, pageSize: LARGEST_PAGE, pageToken }, { signal }),
    ({ members }) => members,
  );
}

export function useMembers(team: string, enabled = true) {
  const { clients } = useApp();
  const { epoch } = useSession();
  return useQuery({
    queryKey: ["members", team, epoch],
    queryFn: ({ signal }) => readMembers(clients, team, signal),
    enabled,
  });
}

/** After a change: reads the members again. */
export function useMembersChanged(team: string) {
  const cache = useQueryClient();
  return () => cache.invalidateQueries({ queryKey: ["members", team] });
}

export const nameOf = (member: Member) => member.displayName || member.email;
