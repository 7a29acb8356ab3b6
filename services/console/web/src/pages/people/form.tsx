// A member's form. Only what was changed is sent.

import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useApp } from "../../api/context";
import { problemOf } from "../../api/errors";
import { type Member, Permission, Role } from "../../api/gen/watchbell/config/v1/member_pb";
import { useMembersChanged } from "../../api/members";
import * as en from "../../messages/en";
import { Meanwhile, useDraft } from "../../parts/draft";
import { NO_ERRORS, placed } from "../../parts/errors";
import { FormDialog } from "../../parts/form-dialog";
import { SelectField, TextField } from "../../parts/inputs";
import { done } from "../../parts/toast";
import { Toggle } from "../../parts/toggle";

interface Values {
  readonly email: string;
  readonly display_name: string;
  readonly role: Role;
  readonly slack_user_id: string;
  readonly permissions: readonly Permission[];
}

const ROLES = [Role.OWNER, Role.ADMIN, Role.MEMBER] as const;
const CONTROLS = ["email", "display_name", "role", "slack_user_id", "permissions"] as const;

function valuesOf(member: Member | undefined): Values {
  return {
    email: member?.email ?? "",
    display_name: member?.displayName ?? "",
    role: member?.role ?? Role.MEMBER,
    slack_user_id: member?.slackUserId ?? "",
    permissions: member?.permissions ?? [],
  };
}

interface Props {
  readonly team: string;
  /** Whom to change; absent for somebody new. */
  readonly member?: Member | undefined;
  readonly onClose: () => void;
}

export function MemberForm({ team, member, onClose }: Props): ReactNode {
  const { clients } = useApp();
  const changed = useMembersChanged(team);
  const form = useDraft(member?.etag ?? "", () => valuesOf(member));
  const { values, dirty, put } = form;
  const [errors, setErrors] = useState(NO_ERRORS);
  const save = useMutation({
    mutationFn: async () => {
      const init = {
        email: values.email.trim(),
        displayName: values.display_name.trim(),
        role: values.role,
        slackUserId: values.slack_user_id.trim(),
        permissions: [...values.permissions],
      };
      if (!member) return clients.teams.createMember({ teamId: team, member: init });
      return clients.teams.updateMember({ teamId: team, member: { id: member.id, etag: member.etag, ...init }, updateMask: { paths: [...dirty] } });
    },
    onSuccess: async () => {
      done(en.people.saved(values.display_name || values.email));
      await changed();
      onClose();
    },
    onError: async (error) => {
      if (problemOf(error).reason === "STALE_ETAG") {
        setErrors({ fields: new Map(), rest: [{ path: "", text: en.people.stale }] });
        await changed();
      } else setErrors(placed(error, "member", CONTROLS));
    },
  });
  const grants = values.role === Role.MEMBER;
  return (
    <FormDialog
      title={member ? en.people.edit : en.people.add}
      firm={dirty.length > 0}
      errors={errors}
      busy={save.isPending}
      disabled={(member !== undefined && dirty.length === 0) || form.conflicts.length > 0}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      <Meanwhile form={form} nameOf={(path) => en.people.fields[path]} />
      <TextField label={en.people.email} path="email" errors={errors.fields} type="email" value={values.email} onChange={(email) => put({ email })} />
      <TextField label={en.people.name} path="display_name" errors={errors.fields} value={values.display_name} onChange={(display_name) => put({ display_name })} />
      <SelectField
        label={en.people.role}
        hint={en.people.roleHints[values.role]}
        path="role"
        errors={errors.fields}
        options={ROLES}
        word={(role) => en.people.roles[role] ?? en.unknown(role)}
        value={values.role}
        onChange={(role) => put({ role })}
      />
      <Toggle
        label={en.people.manages}
        hint={grants ? en.people.managesHint : en.people.managesByRole}
        checked={!grants || values.permissions.includes(Permission.MANAGE_INTEGRATIONS)}
        disabled={!grants}
        onChange={(on) => put({ permissions: on ? [Permission.MANAGE_INTEGRATIONS] : [] })}
      />
      <TextField
        label={en.people.slack}
        hint={en.people.slackHint}
        path="slack_user_id"
        errors={errors.fields}
        mono
        value={values.slack_user_id}
        onChange={(slack_user_id) => put({ slack_user_id })}
      />
    </FormDialog>
  );
}
