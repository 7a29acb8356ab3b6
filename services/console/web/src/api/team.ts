// The teams that the credential opens, and what it may do in one of them.

import { Code, ConnectError } from "@connectrpc/connect";
import { useQuery } from "@tanstack/react-query";
import type { Clients } from "./clients";
import { useApp, useSession } from "./context";
import type { Team } from "./gen/watchbell/config/v1/team_pb";

export interface Teams {
  readonly teams: readonly Team[];
  /** A key of the platform, which opens every team. */
  readonly platform: boolean;
}

/** The most teams that the switcher shows. */
const MOST_TEAMS = 1_000;

const denied = (error: unknown) => error instanceof ConnectError && error.code === Code.PermissionDenied;

export async function readTeams(clients: Clients, signal?: AbortSignal): Promise<Teams> {
  try {
    const { teams } = await clients.teams.listTeams({ pageSize: MOST_TEAMS }, { signal });
    return { teams, platform: true };
  } catch (error) {
    if (!denied(error)) throw error;
    const { team } = await clients.teams.getTeam({}, { signal });
    return { teams: team ? [team] : [], platform: false };
  }
}

export function useTeams() {
  const app = useApp();
  const { key, epoch } = useSession();
  return useQuery({
    queryKey: ["teams", epoch],
    queryFn: ({ signal }) => readTeams(app.clients, signal),
    enabled: key !== null,
    staleTime: 60_000,
  });
}

export interface May {
  /** Change channels and rules. */
  readonly configure: boolean;
  /** Replay, cancel, recover, test. */
  readonly act: boolean;
}

/**
 * What the credential may do, asked by calls that change nothing: one that only checks, and one about no delivery at
 * all. Until the server has answered nothing is said to be forbidden; the server decides in any case.
 */
export function useMay(team: string): May {
  const app = useApp();
  const { epoch } = useSession();
  const { data } = useQuery({
    queryKey: ["may", team, epoch],
    queryFn: async ({ signal }): Promise<May> => {
      const allowed = async (call: Promise<unknown>) => {
        try {
          await call;
          return true;
        } catch (error) {
          return !denied(error);
        }
      };
      const [configure, act] = await Promise.all([
        allowed(app.clients.channels.createChannel({ teamId: team, channel: {}, validateOnly: true }, { signal })),
        allowed(app.clients.dispatcher.cancelDelivery({ teamId: team, deliveryId: "" }, { signal })),
      ]);
      return { configure, act };
    },
    staleTime: 5 * 60_000,
  });
  return data ?? { configure: true, act: true };
}
