import { Link } from "@tanstack/react-router";
import { ArrowRight, CircleAlert } from "lucide-react";
import type { ReactNode } from "react";
import type { ChannelNames } from "../../api/channels";
import { Role } from "../../api/gen/watchbell/config/v1/member_pb";
import { useMembers } from "../../api/members";
import { useMay } from "../../api/self";
import { useStatus } from "../../api/status";
import * as en from "../../messages/en";

interface Lack {
  readonly text: string;
  readonly to: "/t/$team/channels" | "/t/$team/people" | "/t/$team/routing";
  readonly verb: string;
}

/** What the team lacks before everything can reach everybody. */
export function Todo({ team, names }: { team: string; names: ChannelNames }): ReactNode {
  const may = useMay();
  const { data: members } = useMembers(team, may.read);
  const { data: status } = useStatus(team);
  const lacks: Lack[] = [];
  if (status && names.all.length === 0) lacks.push({ text: en.overview.noChannel, to: "/t/$team/channels", verb: en.channels.add });
  if (members && !members.some(({ role }) => role === Role.OWNER)) lacks.push({ text: en.overview.noOwner, to: "/t/$team/people", verb: en.shell.people });
  for (const text of status?.integrations.flatMap(({ warnings }) => warnings) ?? []) lacks.push({ text, to: "/t/$team/channels", verb: en.shell.channels });
  const failing = status?.expressionFailures.length ?? 0;
  if (failing > 0) lacks.push({ text: en.overview.failing(failing), to: "/t/$team/routing", verb: en.shell.routing });
  const unconfirmed = status?.unconfirmedRecipients.length ?? 0;
  if (unconfirmed > 0) lacks.push({ text: en.overview.unconfirmed(unconfirmed), to: "/t/$team/channels", verb: en.shell.channels });
  if (lacks.length === 0) return null;
  return (
    <ul className="grid gap-2" aria-label={en.overview.todo}>
      {lacks.map(({ text, to, verb }) => (
        <li key={text} className="card card-warn flex flex-wrap items-center gap-2">
          <CircleAlert size={15} aria-hidden="true" className="flex-none text-parked" />
          <span className="min-w-0 flex-1">{text}</span>
          <Link className="btn btn-small" to={to} params={{ team }}>
            {verb}
            <ArrowRight aria-hidden="true" className="rtl:rotate-180" />
          </Link>
        </li>
      ))}
    </ul>
  );
}
