// Which team is looked at. The list of all teams, which a platform key opens, is loaded when there is one.

import { type ReactNode, Suspense, lazy, useState } from "react";
import type { Team } from "../api/gen/watchbell/config/v1/team_pb";
import type { Teams } from "../api/team";
import { useKeys } from "./keys";
import { TeamMark, TeamPlan } from "./team-mark";

// A server that has gone meanwhile does not give the list, and the page is there all the same.
const TeamCombobox = lazy(async () => {
  try {
    return await import("./team-combobox");
  } catch {
    return { default: Alone };
  }
});

export function TeamSwitch({ team, all }: { team: Team; all: Teams }): ReactNode {
  const [open, setOpen] = useState(false);
  useKeys({ t: all.platform ? () => setOpen(true) : undefined });
  if (!all.platform) return <Alone team={team} />;
  return (
    <Suspense fallback={<Alone team={team} />}>
      <TeamCombobox team={team} teams={all.teams} open={open} onOpenChange={setOpen} />
    </Suspense>
  );
}

function Alone({ team }: { team: Team }): ReactNode {
  return (
    <div className="team">
      <TeamMark team={team} />
      <span className="cut">{team.displayName}</span>
      <TeamPlan team={team} />
    </div>
  );
}
