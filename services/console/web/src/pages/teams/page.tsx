// All teams of the installation, for a key of the platform.

import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Pencil, Plus, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useApp } from "../../api/context";
import type { Team } from "../../api/gen/watchbell/config/v1/team_pb";
import { useTeams, useTeamsChanged } from "../../api/team";
import * as en from "../../messages/en";
import { Broken } from "../../parts/broken";
import { Confirm } from "../../parts/dialog";
import { count, plain } from "../../parts/format";
import { TeamMark, TeamPlan } from "../../parts/team-mark";
import { done, refused } from "../../parts/toast";
import { Missing } from "../root";
import { TeamForm } from "./form";

type Asking = { readonly what: "form"; readonly team?: Team } | { readonly what: "delete"; readonly team: Team };

export function TeamsPage(): ReactNode {
  const { clients } = useApp();
  const { data, error, refetch } = useTeams();
  const changed = useTeamsChanged();
  const [asking, setAsking] = useState<Asking | null>(null);
  const [find, setFind] = useState("");
  const remove = useMutation({
    mutationFn: (team: Team) => clients.teams.deleteTeam({ teamId: team.id, etag: team.etag }),
    onSuccess: (_, team) => done(en.teams.removed(plain(team.displayName))),
    onError: (problem) => refused(en.teams.refused, problem),
    onSettled: async () => {
      setAsking(null);
      await changed();
    },
  });
  if (error && !data) return <Broken error={error} again={() => void refetch()} />;
  if (!data) return <div className="empty" role="status">{en.loading}</div>;
  if (!data.platform) return <Missing />;
  const shown = data.teams.filter(({ displayName, id }) => `${displayName} ${id}`.toLowerCase().includes(find.trim().toLowerCase()));
  return (
    <main className="main">
      <header className="page-head">
        <h1>{en.teams.title}</h1>
        <input
          type="search"
          className="input max-md:order-last md:!w-[280px]"
          aria-label={en.shell.findTeam}
          placeholder={en.shell.findTeam}
          value={find}
          onChange={(event) => setFind(event.target.value)}
        />
        <span className="ms-auto text-sm text-muted">{count(shown.length)}</span>
        <button type="button" className="btn btn-primary" onClick={() => setAsking({ what: "form" })}>
          <Plus aria-hidden="true" />
          {en.teams.add}
        </button>
      </header>
      <div className="page-body">
        {data.teams.length === 0 ? (
          <div className="empty">
            <h2>{en.shell.noTeams}</h2>
            <p>{en.teams.emptyText}</p>
          </div>
        ) : null}
        <ul className="grid max-w-[720px] gap-2">
          {shown.map((team) => (
            <li key={team.id} className="card flex items-center gap-2">
              <TeamMark team={team} />
              <span className="min-w-0 flex-1">
                <Link className="cut block font-semibold hover:underline" to="/t/$team/overview" params={{ team: team.id }}>
                  {plain(team.displayName)}
                </Link>
                <span className="cut block text-sm text-muted">
                  <span className="mono">{team.id}</span> · {plain(team.timeZone || "UTC")}
                </span>
              </span>
              <TeamPlan team={team} />
              <button type="button" className="btn btn-quiet btn-icon" aria-label={en.teams.editLabel(plain(team.displayName))} onClick={() => setAsking({ what: "form", team })}>
                <Pencil aria-hidden="true" />
              </button>
              <button type="button" className="btn btn-quiet btn-icon" aria-label={en.teams.removeLabel(plain(team.displayName))} onClick={() => setAsking({ what: "delete", team })}>
                <Trash2 aria-hidden="true" />
              </button>
            </li>
          ))}
        </ul>
      </div>
      {asking?.what === "form" ? (
        <TeamForm team={asking.team && (data.teams.find(({ id }) => id === asking.team?.id) ?? asking.team)} onClose={() => setAsking(null)} />
      ) : null}
      {asking?.what === "delete" ? (
        <Confirm
          open
          onClose={() => setAsking(null)}
          title={en.teams.removeTitle(plain(asking.team.displayName))}
          verb={en.teams.removeVerb}
          danger
          typed={asking.team.displayName}
          busy={remove.isPending}
          onConfirm={() => remove.mutate(asking.team)}
        >
          <p>{en.teams.removeText}</p>
        </Confirm>
      ) : null}
    </main>
  );
}
