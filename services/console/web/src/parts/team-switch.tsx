// Which team is looked at. The list of all teams, which a platform key opens, is loaded when there is one.

import { type ReactNode, Suspense, lazy, useState } from "react";
import type { Team } from "../api/gen/watchbell/config/v1/team_pb";
import type { Teams } from "../api/team";
import { useKeys } from "./keys";
import { TeamMark, TeamPlan } from "./team-mark";

const TeamCombobox = lazy(() => import("./team-combobox"));

export function TeamSwitch({ team, all }: { team: Team; all: Teams }): ReactNode {
  const [open, setOpen] = useState(false);
  useKeys({ t: all.platform ? () => setOpen(true) : undefined });
  const alone = (
    <div className="team">
      <TeamMark team={team} />
      <span className="cut">{team.displayName}</span>
      <TeamPlan team={team} />
    </div>
  );
  if (!all.platform) return alone;
  return (
    <Suspense fallback={alone}>
      <TeamCombobox team={team} teams={all.teams} open={open} onOpenChange={setOpen} />
    </Suspense>
  );
}
