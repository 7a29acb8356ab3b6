// A team's silences.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useSession } from "./context";
import { LARGEST_PAGE, everyPage } from "./every-page";
import { type Silence, SilenceState } from "./gen/watchbell/config/v1/silence_pb";
import { useMay } from "./self";
import { useServices } from "./services";

/** Those that have not ended; with `past`, the others, too. Oldest first. */
export function useSilences(team: string, past = false) {
  const { silences } = useServices();
  const { epoch } = useSession();
  const may = useMay();
  return useQuery({
    queryKey: ["silences", team, epoch, past],
    queryFn: ({ signal }) =>
      everyPage(
        (pageToken) => silences.listSilences({ teamId: team, pageSize: LARGEST_PAGE, pageToken, showExpired: past }, { signal }),
        (page) => page.silences,
      ),
    enabled: may.read,
    staleTime: 5_000,
    refetchInterval: 30_000,
  });
}

export function useSilencesInForce(team: string): readonly Silence[] {
  const { data = [] } = useSilences(team);
  return data.filter(({ state }) => state === SilenceState.ACTIVE);
}

/** After a change: reads the silences again. */
export function useSilencesChanged(team: string) {
  const cache = useQueryClient();
  return () => cache.invalidateQueries({ queryKey: ["silences", team] });
}
