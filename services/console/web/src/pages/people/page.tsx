// The people of a team: who they are, what they may do, and what each hears by email.

import { useMutation } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Link2, Pencil, Plus, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useApp } from "../../api/context";
import { type Member, Permission, Role } from "../../api/gen/watchbell/config/v1/member_pb";
import { nameOf, useMembers, useMembersChanged } from "../../api/members";
import { useMay } from "../../api/self";
import * as en from "../../messages/en";
import { Broken } from "../../parts/broken";
import { Confirm } from "../../parts/dialog";
import { plain } from "../../parts/format";
import { done, refused } from "../../parts/toast";
import { MemberForm } from "./form";
import { Matrix } from "./matrix";
import type { PeopleView } from "./search";
import { SignInLink } from "./sign-in-link";

const VIEWS: readonly PeopleView[] = ["members", "matrix"];

type Asking = { readonly what: "form"; readonly member?: Member } | { readonly what: "delete" | "link"; readonly member: Member };

export function PeoplePage(): ReactNode {
  const { team } = useParams({ from: "/t/$team" });
  const { view = "members" } = useSearch({ from: "/t/$team/people" });
  const navigate = useNavigate({ from: "/t/$team/people" });
  const { clients } = useApp();
  const may = useMay();
  const changed = useMembersChanged(team);
  const { data: members, error, refetch } = useMembers(team);
  const [asking, setAsking] = useState<Asking | null>(null);
  const denied = may.administer ? undefined : en.denied.administer;
  const remove = useMutation({
    mutationFn: (member: Member) => clients.teams.deleteMember({ teamId: team, memberId: member.id, etag: member.etag }),
    onSuccess: (_, member) => done(en.people.removed(plain(nameOf(member)))),
    onError: (problem) => refused(en.people.refused, problem),
    onSettled: async () => {
      setAsking(null);
      await changed();
    },
  });
  return (
    <>
      <header className="page-head">
        <h1>{en.people.title}</h1>
        <div className="seg" role="group" aria-label={en.log.view}>
          {VIEWS.map((one) => (
            <button key={one} type="button" aria-pressed={view === one} onClick={() => void navigate({ search: one === "members" ? {} : { view: one } })}>
              {en.people.views[one]}
            </button>
          ))}
        </div>
        <span className="ms-auto text-sm text-muted max-md:hidden">{members ? en.membersCounted(members.length) : ""}</span>
        <button type="button" className="btn btn-primary" disabled={!may.administer} title={denied} onClick={() => setAsking({ what: "form" })}>
          <Plus aria-hidden="true" />
          {en.people.add}
        </button>
      </header>
      <div className="page-body">
        {error && !members ? <Broken error={error} again={() => void refetch()} /> : null}
        {members?.length === 0 ? (
          <div className="empty">
            <h2>{en.people.empty}</h2>
            <p>{en.people.emptyText}</p>
          </div>
        ) : null}
        {members && view === "members" ? (
          <ul className="grid gap-2">
            {members.map((member) => (
              <Row
                key={member.id}
                member={member}
                denied={denied}
                noLink={may.signInLinks ? undefined : en.denied.signInLinks}
                onLink={() => setAsking({ what: "link", member })}
                onEdit={() => setAsking({ what: "form", member })}
                onDelete={() => setAsking({ what: "delete", member })}
              />
            ))}
          </ul>
        ) : null}
        {members && members.length > 0 && view === "matrix" ? <Matrix team={team} members={members} /> : null}
      </div>
      {asking?.what === "form" ? <MemberForm team={team} member={asking.member && (members?.find(({ id }) => id === asking.member?.id) ?? asking.member)} onClose={() => setAsking(null)} /> : null}
      {asking?.what === "link" ? <SignInLink team={team} member={asking.member} onClose={() => setAsking(null)} /> : null}
      {asking?.what === "delete" ? (
        <Confirm
          open
          onClose={() => setAsking(null)}
          title={en.people.removeTitle(plain(nameOf(asking.member)))}
          verb={en.people.removeVerb}
          danger
          busy={remove.isPending}
          onConfirm={() => remove.mutate(asking.member)}
        >
          <p>{en.people.removeText}</p>
        </Confirm>
      ) : null}
    </>
  );
}

interface RowProps {
  readonly member: Member;
  readonly denied: string | undefined;
  readonly noLink: string | undefined;
  readonly onLink: () => void;
  readonly onEdit: () => void;
  readonly onDelete: () => void;
}

function Row({ member, denied, noLink, onLink, onEdit, onDelete }: RowProps): ReactNode {
  const name = plain(nameOf(member));
  const manages = member.role !== Role.MEMBER || member.permissions.includes(Permission.MANAGE_INTEGRATIONS);
  return (
    <li className="card flex flex-wrap items-center gap-x-4 gap-y-1">
      <div className="min-w-[180px] flex-1">
        <b className="wrap-anywhere">{name}</b>
        {member.displayName ? <p className="text-sm text-muted wrap-anywhere">{plain(member.email)}</p> : null}
      </div>
      <p className="flex flex-wrap gap-1">
        <span className="tag">{en.people.roles[member.role] ?? en.unknown(member.role)}</span>
        {manages ? <span className="tag">{en.people.manages}</span> : null}
        {member.slackUserId ? <span className="tag mono">{plain(member.slackUserId)}</span> : null}
      </p>
      <span className="flex">
        <button type="button" className="btn btn-quiet btn-icon" aria-label={en.signInLink.label(name)} disabled={noLink !== undefined} title={noLink ?? en.signInLink.label(name)} onClick={onLink}>
          <Link2 aria-hidden="true" />
        </button>
        <button type="button" className="btn btn-quiet btn-icon" aria-label={en.people.editLabel(name)} disabled={denied !== undefined} title={denied} onClick={onEdit}>
          <Pencil aria-hidden="true" />
        </button>
        <button type="button" className="btn btn-quiet btn-icon" aria-label={en.people.removeLabel(name)} disabled={denied !== undefined} title={denied} onClick={onDelete}>
          <Trash2 aria-hidden="true" />
        </button>
      </span>
    </li>
  );
}
