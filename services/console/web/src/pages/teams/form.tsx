// A team's form.

import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useApp } from "../../api/context";
import { problemOf } from "../../api/errors";
import { Plan, type Team } from "../../api/gen/watchbell/config/v1/team_pb";
import { useTeamsChanged } from "../../api/team";
import * as en from "../../messages/en";
import { Meanwhile, useDraft } from "../../parts/draft";
import { NO_ERRORS, placed } from "../../parts/errors";
import { FormDialog } from "../../parts/form-dialog";
import { SelectField, TextField } from "../../parts/inputs";
import { done } from "../../parts/toast";

const PLANS = [Plan.FREE, Plan.TEAM, Plan.ENTERPRISE] as const;
const CONTROLS = ["display_name", "plan", "time_zone"];

function valuesOf(team: Team | undefined) {
  return { display_name: team?.displayName ?? "", plan: team?.plan ?? Plan.TEAM, time_zone: team?.timeZone ?? "" };
}

export function TeamForm({ team, onClose }: { team?: Team | undefined; onClose: () => void }): ReactNode {
  const { clients } = useApp();
  const changed = useTeamsChanged();
  const form = useDraft(team?.etag ?? "", () => valuesOf(team));
  const { values, dirty, put } = form;
  const [errors, setErrors] = useState(NO_ERRORS);
  const save = useMutation({
    mutationFn: async (): Promise<unknown> => {
      const init = { displayName: values.display_name.trim(), plan: values.plan, timeZone: values.time_zone.trim() };
      if (!team) return clients.teams.createTeam({ team: init });
      return clients.teams.updateTeam({ team: { id: team.id, etag: team.etag, ...init }, updateMask: { paths: [...dirty] } });
    },
    onSuccess: async () => {
      done(en.teams.saved(values.display_name));
      await changed();
      onClose();
    },
    onError: async (error) => {
      if (problemOf(error).reason === "STALE_ETAG") {
        setErrors({ fields: new Map(), rest: [{ path: "", text: en.teams.stale }] });
        await changed();
      } else setErrors(placed(error, "team", CONTROLS));
    },
  });
  return (
    <FormDialog
      title={team ? en.teams.edit : en.teams.add}
      firm={dirty.length > 0}
      errors={errors}
      busy={save.isPending}
      disabled={(team !== undefined && dirty.length === 0) || form.conflicts.length > 0}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      <Meanwhile form={form} nameOf={(path) => en.teams.fields[path]} />
      <TextField label={en.teams.name} path="display_name" errors={errors.fields} value={values.display_name} onChange={(display_name) => put({ display_name })} />
      <SelectField
        label={en.teams.plan}
        hint={en.teams.planHint}
        path="plan"
        errors={errors.fields}
        options={PLANS}
        word={(plan) => en.shell.plans[plan] ?? en.unknown(plan)}
        value={values.plan}
        onChange={(plan) => put({ plan })}
      />
      <TextField label={en.teams.zone} hint={en.teams.zoneHint} path="time_zone" errors={errors.fields} value={values.time_zone} onChange={(time_zone) => put({ time_zone })} />
    </FormDialog>
  );
}
