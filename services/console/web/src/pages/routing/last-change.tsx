// The team's revision, when it was made and by whom, for those who may read that.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useApp, useSession } from "../../api/context";
import { useMay } from "../../api/self";
import { millis } from "../../api/times";
import * as en from "../../messages/en";
import { moment } from "../../parts/format";
import { actorName } from "../history/actor";

export const lastChangeKey = (team: string) => ["last-change", team] as const;

export function LastChange({ team, now }: { team: string; now: number }): ReactNode {
  const { clients } = useApp();
  const { epoch } = useSession();
  const may = useMay();
  const { data } = useQuery({
    queryKey: [...lastChangeKey(team), epoch],
    queryFn: async ({ signal }) => (await clients.teams.listConfigChanges({ teamId: team, pageSize: 1 }, { signal })).revisions[0] ?? null,
    enabled: may.administer,
    refetchInterval: 60_000,
  });
  if (!data) return null;
  return (
    <Link className="cut text-sm text-muted max-lg:hidden" to="/t/$team/history" params={{ team }}>
      {en.routing.lastChange(String(data.revision), moment(millis(data.changeTime) ?? now, now), actorName(data.actor))}
    </Link>
  );
}
