// `/console/`: leads to the one team, or asks which. `?page=routing` leads to another page than the log.

import { Link, Navigate, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useTeams } from "../api/team";
import * as en from "../messages/en";
import { Broken } from "../parts/broken";
import { TeamMark, TeamPlan } from "../parts/team-mark";
import { PAGES } from "./pages";
import { Barred } from "./root";

export function Start(): ReactNode {
  const { data, error, refetch } = useTeams();
  const search = useSearch({ from: "/" });
  if (error && !data) return <Broken error={error} again={() => void refetch()} />;
  if (!data) return <div className="empty" role="status">{en.loading}</div>;
  if (data.barred) return <Barred />;
  const { page } = search;
  const to = PAGES.find((one) => one.to === `/t/$team/${page}`)?.to ?? "/t/$team/deliveries";
  const [only] = data.teams;
  if (only && data.teams.length === 1) {
    return <Navigate to={to} params={{ team: only.id }} replace />;
  }
  if (!only) {
    return (
      <main className="empty">
        <h1>{en.shell.noTeams}</h1>
        <p>{data.platform ? en.teams.emptyText : en.shell.noTeamsText}</p>
        {data.platform ? (
          <Link to="/teams" className="btn btn-primary">
            {en.teams.add}
          </Link>
        ) : null}
      </main>
    );
  }
  return (
    <main className="mx-auto grid max-w-[480px] gap-3 p-6">
      <div className="flex items-center gap-2">
        <h1 className="flex-1">{en.shell.chooseTeam}</h1>
        {data.platform ? (
          <Link to="/teams" className="btn">
            {en.teams.title}
          </Link>
        ) : null}
      </div>
      <ul className="grid gap-2">
        {data.teams.map((team) => (
          <li key={team.id}>
            <Link to={to} params={{ team: team.id }} className="team !mb-0 bg-card">
              <TeamMark team={team} />
              <span className="cut">{team.displayName}</span>
              <TeamPlan team={team} />
            </Link>
          </li>
        ))}
      </ul>
    </main>
  );
}
