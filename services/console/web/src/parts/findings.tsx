// What is odd about the team's configuration, or about a draft of it: the server's sentences, each with a way to the place.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { useSession } from "../api/context";
import { type ConfigFinding, ConfigFindingKind } from "../api/gen/watchbell/router/v1/config_finding_pb";
import { useMay } from "../api/self";
import { useServices } from "../api/services";
import * as en from "../messages/en";
import { plain } from "./format";

/** Without a document the team's own configuration is asked about. */
export function useFindings(team: string, document = ""): readonly ConfigFinding[] {
  const { router } = useServices();
  const { epoch } = useSession();
  const may = useMay();
  const { data = [] } = useQuery({
    queryKey: ["findings", team, epoch, document],
    queryFn: async ({ signal }) => (await router.checkTeamConfig({ teamId: team, document }, { signal })).findings,
    enabled: may.read,
    staleTime: 30_000,
  });
  return data;
}

/** The page where a finding is mended. */
function placeOf(kind: ConfigFindingKind): "/t/$team/routing" | "/t/$team/channels" | "/t/$team/people" {
  switch (kind) {
    case ConfigFindingKind.CHANNEL_UNUSED:
      return "/t/$team/channels";
    case ConfigFindingKind.MEMBER_UNHEARD:
      return "/t/$team/people";
    default:
      return "/t/$team/routing";
  }
}

const WORD = {
  "/t/$team/routing": en.shell.routing,
  "/t/$team/channels": en.shell.channels,
  "/t/$team/people": en.shell.people,
};

/** So many are shown; the others are a click away. */
const SHOWN = 3;

export function Findings({ team, findings }: { team: string; findings: readonly ConfigFinding[] }): ReactNode {
  if (findings.length === 0) return null;
  const line = (finding: ConfigFinding) => {
    const to = placeOf(finding.kind);
    return (
      <li key={`${finding.kind} ${finding.subjectId} ${finding.message}`} className="flex flex-wrap items-baseline gap-x-2 gap-y-1.5">
        <span className="min-w-0 flex-1 wrap-anywhere">{plain(finding.message)}</span>
        <Link className="link flex-none" to={to} params={{ team }}>
          {WORD[to]}
        </Link>
      </li>
    );
  };
  const more = findings.slice(SHOWN);
  return (
    <section className="card grid gap-2" aria-label={en.findings.title}>
      <h2 className="flex items-center gap-2">
        <CircleAlert size={15} aria-hidden="true" className="flex-none text-parked" />
        {en.findings.title}
      </h2>
      <ul className="grid gap-1.5">{findings.slice(0, SHOWN).map(line)}</ul>
      {more.length > 0 ? (
        <details>
          <summary className="text-sm font-semibold text-muted">{en.findings.more(more.length)}</summary>
          <ul className="mt-1.5 grid gap-1.5">{more.map(line)}</ul>
        </details>
      ) : null}
    </section>
  );
}
