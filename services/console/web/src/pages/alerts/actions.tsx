// Taking an alert on, hearing nothing of it for a while, ending it: with a word to the others.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { Alert } from "../../api/gen/watchbell/dispatcher/v1/alert_pb";
import { useServices } from "../../api/services";
import { useZone } from "../../api/team";
import { timestamp } from "../../api/times";
import { LENGTHS, type Length, NEW_SILENCE, endOf } from "../../domain/silence";
import * as en from "../../messages/en";
import { NO_ERRORS, placed } from "../../parts/errors";
import { FieldGroup } from "../../parts/field";
import { FormDialog } from "../../parts/form-dialog";
import { moment, plain } from "../../parts/format";
import { TextField } from "../../parts/inputs";
import { useNow } from "../../parts/now";
import { done } from "../../parts/toast";

export type Doing = "acknowledge" | "snooze" | "resolve";

interface Props {
  readonly team: string;
  readonly alert: Alert;
  readonly what: Doing;
  readonly onClose: () => void;
}

export function ActOn({ team, alert: { key, title }, what, onClose }: Props): ReactNode {
  const { alerts } = useServices();
  const zone = useZone(team);
  const cache = useQueryClient();
  const now = useNow(30_000);
  const [comment, setComment] = useState("");
  const [length, setLength] = useState<Length>("2h");
  const [until, setUntil] = useState("");
  const [errors, setErrors] = useState(NO_ERRORS);
  const end = endOf({ ...NEW_SILENCE, length, until }, zone, now);
  const act = useMutation({
    mutationFn: async () => {
      const request = { teamId: team, key, comment: comment.trim() };
      if (what === "acknowledge") await alerts.acknowledgeAlert(request);
      else if (what === "resolve") await alerts.resolveAlert(request);
      else {
        const at = endOf({ ...NEW_SILENCE, length, until }, zone, Date.now());
        await alerts.snoozeAlert({ ...request, ...(at === null ? {} : { endTime: timestamp(at) }) });
      }
    },
    onSuccess: () => {
      done(en.alerts.done[what](plain(title) || key));
      onClose();
    },
    onError: (error) => setErrors(placed(error, "", ["comment", "end_time"])),
    onSettled: () => cache.invalidateQueries({ queryKey: ["alerts", team] }),
  });
  return (
    <FormDialog
      title={en.alerts.titles[what](plain(title) || key)}
      description={en.alerts.texts[what]}
      firm={comment !== ""}
      errors={errors}
      busy={act.isPending}
      verb={[en.alerts.verbs[what], en.channel.saving]}
      onSubmit={() => act.mutate()}
      onClose={onClose}
    >
      {what === "snooze" ? (
        <FieldGroup label={en.silences.until} error={errors.fields.get("end_time")} path="end_time" hint={end === null ? undefined : en.silences.ends(moment(end, now))}>
          <div className="flex flex-wrap gap-1.5" role="group" aria-label={en.silences.until}>
            {LENGTHS.map((one) => (
              <button key={one} type="button" className="chip" aria-pressed={length === one} onClick={() => setLength(one)}>
                {en.silences.lengths[one]}
              </button>
            ))}
          </div>
          {length === "own" ? (
            <input
              type="datetime-local"
              className="input max-w-[240px]"
              aria-label={en.silences.ending}
              value={until}
              onChange={(event) => setUntil(event.target.value)}
            />
          ) : null}
        </FieldGroup>
      ) : null}
      <TextField label={en.alerts.comment} hint={en.alerts.commentHint} path="comment" errors={errors.fields} value={comment} onChange={setComment} />
    </FormDialog>
  );
}
