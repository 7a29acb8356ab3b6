// A silence's form: what, where, for how long and why; and what it would have kept back, asked of the server.

import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { ChannelNames } from "../../api/channels";
import { useSession } from "../../api/context";
import { problemOf } from "../../api/errors";
import { useServices } from "../../api/services";
import { useZone } from "../../api/team";
import type { KindWord } from "../../api/words";
import { LENGTHS, NEW_SILENCE, type SilenceValues, endOf, silenceInit } from "../../domain/silence";
import * as en from "../../messages/en";
import { ChannelChecks } from "../../parts/channel-checks";
import { NO_ERRORS, placed } from "../../parts/errors";
import { Field, FieldGroup } from "../../parts/field";
import { FilterFields } from "../../parts/filter-fields";
import { FormDialog } from "../../parts/form-dialog";
import { moment, plain } from "../../parts/format";
import { TextField } from "../../parts/inputs";
import { useNow } from "../../parts/now";
import { useSettled } from "../../parts/settled";
import { done } from "../../parts/toast";
import { Choice } from "../../parts/toggle";

const KINDS: readonly KindWord[] = ["slack", "teams", "email", "webhook"];
const MODES = ["hold", "drop"] as const;
const CONTROLS = ["comment", "match.types", "match.sources", "match.expression", "match", "channel_ids", "kinds", "start_time", "end_time", "mode"];

interface Props {
  readonly team: string;
  readonly names: ChannelNames;
  /** The channel to begin with; empty for none. */
  readonly channel: string;
  readonly onClose: () => void;
  readonly onMade: () => Promise<unknown>;
}

export function SilenceForm({ team, names, channel, onClose, onMade }: Props): ReactNode {
  const { silences } = useServices();
  const zone = useZone(team);
  const now = useNow(30_000);
  const [values, setValues] = useState<SilenceValues>(() => (names.get(channel) ? { ...NEW_SILENCE, channels: [channel] } : NEW_SILENCE));
  const [errors, setErrors] = useState(NO_ERRORS);
  const put = (part: Partial<SilenceValues>) => setValues((before) => ({ ...before, ...part }));
  const make = useMutation({
    mutationFn: () => silences.createSilence({ teamId: team, silence: silenceInit(values, zone, Date.now()) }),
    onSuccess: async ({ warnings }) => {
      done(en.silences.made(values.comment.trim()), warnings.join(" "));
      await onMade();
      onClose();
    },
    onError: (error) => setErrors(placed(error, "silence", CONTROLS)),
  });
  const { fields } = errors;
  const end = endOf(values, zone, now);
  const silenced = names.all.filter(({ destination }) => destination.case !== "inApp");
  return (
    <FormDialog
      title={en.silences.add}
      description={en.silences.text}
      wide
      firm={values.comment !== ""}
      errors={errors}
      busy={make.isPending}
      verb={[en.silences.verb, en.silences.making]}
      onSubmit={() => make.mutate()}
      onClose={onClose}
    >
      <TextField label={en.silences.why} hint={en.silences.whyHint} path="comment" errors={fields} value={values.comment} onChange={(comment) => put({ comment })} />
      <FieldGroup label={en.silences.until} error={fields.get("end_time")} path="end_time" hint={end === null ? undefined : en.silences.ends(moment(end, now))}>
        <div className="flex flex-wrap gap-1.5" role="group" aria-label={en.silences.until}>
          {LENGTHS.map((length) => (
            <button key={length} type="button" className="chip" aria-pressed={values.length === length} onClick={() => put({ length })}>
              {en.silences.lengths[length]}
            </button>
          ))}
        </div>
        {values.length === "own" ? (
          <input
            type="datetime-local"
            className="input max-w-[240px]"
            aria-label={en.silences.ending}
            value={values.until}
            onChange={(event) => put({ until: event.target.value })}
          />
        ) : null}
      </FieldGroup>
      <Field label={en.silences.starts} hint={en.silences.startsHint} error={fields.get("start_time")} path="start_time">
        {(control) => (
          <input
            {...control}
            type="datetime-local"
            className="input max-w-[240px]"
            value={values.starts}
            onChange={(event) => put({ starts: event.target.value })}
          />
        )}
      </Field>
      <h2 className="field-label">{en.silences.where}</h2>
      <FieldGroup label={en.silences.kinds} hint={en.silences.kindsHint} error={fields.get("kinds")} path="kinds">
        <Choice<KindWord> label={en.silences.kinds} options={KINDS} chosen={values.kinds} word={(kind) => en.kinds[kind]} onChange={(kinds) => put({ kinds })} />
      </FieldGroup>
      {silenced.length > 0 ? (
        <FieldGroup label={en.silences.channels} error={fields.get("channel_ids")} path="channel_ids">
          <ChannelChecks channels={silenced} chosen={values.channels} onChange={(channels) => put({ channels })} />
        </FieldGroup>
      ) : null}
      <h2 className="field-label">{en.rule.match}</h2>
      <FilterFields team={team} path="match" filter={values.match} errors={fields} onChange={(match) => put({ match })} />
      <FieldGroup label={en.silences.mode} hint={en.silences.modes[values.mode][1]} error={fields.get("mode")} path="mode">
        <div className="seg justify-self-start" role="group" aria-label={en.silences.mode}>
          {MODES.map((mode) => (
            <button key={mode} type="button" aria-pressed={values.mode === mode} onClick={() => put({ mode })}>
              {en.silences.modes[mode][0]}
            </button>
          ))}
        </div>
      </FieldGroup>
      <Reach team={team} values={values} zone={zone} />
    </FormDialog>
  );
}

/** What it would have kept back of the past week. Asked a moment after the last key, and of what it is for alone. */
function Reach({ team, values, zone }: { team: string; values: SilenceValues; zone: string }): ReactNode {
  const { silences } = useServices();
  const { epoch } = useSession();
  const { match, channels, kinds } = values;
  const asked = useSettled(JSON.stringify({ match, channels, kinds }), 500);
  const { data, error } = useQuery({
    queryKey: ["silence-reach", team, epoch, asked],
    queryFn: ({ signal }) => {
      const draft: SilenceValues = { ...NEW_SILENCE, ...(JSON.parse(asked) as Partial<SilenceValues>), comment: en.silences.add };
      return silences.createSilence({ teamId: team, silence: silenceInit(draft, zone, Date.now()), validateOnly: true }, { signal });
    },
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    retry: false,
  });
  const problem = error ? problemOf(error) : null;
  const reach = data?.reach;
  const isWide = reach !== undefined && reach.matchedCount * 2 > reach.messageCount;
  return (
    <section className={`card grid gap-1 ${isWide && !problem ? "card-warn" : ""}`} aria-label={en.silences.reach}>
      <h3>{en.silences.reach}</h3>
      <div role="status" className={problem ? "grid gap-1 opacity-60" : "grid gap-1"}>
        {reach && !isWide ? <p>{reach.messageCount === 0 ? en.silences.noMessages : en.silences.matches(reach.matchedCount, reach.messageCount)}</p> : null}
        {data && !reach ? <p className="text-muted">{en.silences.unknown}</p> : null}
        {data?.warnings.map((warning) => <p key={warning}>{plain(warning)}</p>)}
      </div>
      {problem ? <p className="text-muted">{problem.violations.length > 0 ? problem.violations.map(({ text }) => text).join("; ") : problem.text}</p> : null}
    </section>
  );
}
