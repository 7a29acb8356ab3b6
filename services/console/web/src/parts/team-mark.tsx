import type { ReactNode } from "react";
import type { Team } from "../api/gen/watchbell/config/v1/team_pb";
import * as en from "../messages/en";

export function TeamMark({ team }: { team: Team }): ReactNode {
  return (
    <span className="team-mark" aria-hidden="true">
      {[...team.displayName][0]?.toUpperCase()}
    </span>
  );
}

export function TeamPlan({ team }: { team: Team }): ReactNode {
  return <span className="ms-auto text-xs font-medium text-muted">{en.shell.plans[team.plan] ?? ""}</span>;
}
