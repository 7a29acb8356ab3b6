// The digest: when it goes out and to whom, what it says now, and what became of the ones before.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { type FormEvent, type ReactNode, useState } from "react";
import { useSession } from "../../api/context";
import { useServices } from "../../api/services";
import { problemOf } from "../../api/errors";
import { type DigestRun, DigestRunState } from "../../api/gen/watchbell/digest/v1/digest_pb";
import type { DigestSettings } from "../../api/gen/watchbell/config/v1/preference_pb";
import { Plan } from "../../api/gen/watchbell/config/v1/team_pb";
import { useMay } from "../../api/self";
import { useTeam, useZone } from "../../api/team";
import { millis } from "../../api/times";
import { nextRuns, parseCron, weekly } from "../../domain/cron";
import * as en from "../../messages/en";
import { Broken } from "../../parts/broken";
import { Confirm } from "../../parts/dialog";
import { Meanwhile, useDraft } from "../../parts/draft";
import { ErrorSummary, NO_ERRORS, placed } from "../../parts/errors";
import { moment, plain } from "../../parts/format";
import { AddressesField, TextField } from "../../parts/inputs";
import { MailView } from "../../parts/mail-view";
import { useNow } from "../../parts/now";
import { done, refused } from "../../parts/toast";
import { Toggle } from "../../parts/toggle";

const USUAL = "0 9 * * MON";
const CONTROLS = ["cron", "recipients", "paused"] as const;
const NAMES: Record<string, string> = { cron: en.digest.cron, recipients: en.digest.recipients, paused: en.digest.on };

interface Values {
  readonly cron: string;
  readonly recipients: readonly string[];
  readonly paused: boolean;
}

const valuesOf = ({ cron, recipients, paused }: DigestSettings): Values => ({ cron, recipients, paused });

export function DigestPage(): ReactNode {
  const { team } = useParams({ from: "/t/$team" });
  const services = useServices();
  const { epoch } = useSession();
  const plan = useTeam(team)?.plan;
  const settings = useQuery({
    queryKey: ["digest", team, epoch],
    queryFn: async ({ signal }) => (await services.preferences.getDigestSettings({ teamId: team }, { signal })).settings,
  });
  return (
    <>
      <header className="page-head">
        <h1>{en.digest.title}</h1>
        <span className="ms-auto" />
        <SendNow team={team} />
      </header>
      <div className="page-body">
        {plan === Plan.FREE ? <p className="card mb-4">{en.digest.resting}</p> : null}
        {settings.error && !settings.data ? <Broken error={settings.error} again={() => void settings.refetch()} /> : null}
        <div className="columns">
          <div className="grid gap-4">
            {settings.data ? <Settings team={team} settings={settings.data} /> : null}
            <Runs team={team} />
          </div>
          <Preview team={team} />
        </div>
      </div>
    </>
  );
}

function scheduleText(text: string): string {
  const cron = parseCron(text.trim() || USUAL);
  const plainly = cron ? weekly(cron) : null;
  if (!plainly) return "";
  const time = `${String(plainly.hour).padStart(2, "0")}:${String(plainly.minute).padStart(2, "0")}`;
  const days = plainly.weekdays.length === 7 ? en.digest.daily : plainly.weekdays.map((day) => en.quiet.weekdays[(day + 6) % 7]).join(", ");
  return en.digest.schedule(days, time);
}

function Settings({ team, settings }: { team: string; settings: DigestSettings }): ReactNode {
  const services = useServices();
  const cache = useQueryClient();
  const may = useMay();
  const zone = useZone(team);
  const now = useNow(60_000);
  const { epoch } = useSession();
  const form = useDraft(settings.etag, () => valuesOf(settings));
  const { values, dirty } = form;
  const [errors, setErrors] = useState(NO_ERRORS);
  const cron = parseCron(values.cron.trim() || USUAL);
  const runs = cron && !values.paused ? nextRuns(cron, zone, now, 5) : [];
  const save = useMutation({
    mutationFn: () =>
      services.preferences.updateDigestSettings({
        teamId: team,
        settings: {
          cron: values.cron.trim(),
          recipients: [...values.recipients],
          paused: values.paused,
          etag: form.version,
        },
        updateMask: { paths: [...dirty] },
      }),
    onSuccess: async ({ settings: saved }) => {
      done(en.channel.saved);
      setErrors(NO_ERRORS);
      cache.setQueryData(["digest", team, epoch], saved);
      form.discard();
      await cache.invalidateQueries({ queryKey: ["digest-preview", team] });
    },
    onError: async (error) => {
      if (problemOf(error).reason === "STALE_ETAG") {
        refused(en.digest.stale, error);
        await cache.invalidateQueries({ queryKey: ["digest", team] });
      } else setErrors(placed(error, "settings", CONTROLS));
    },
  });
  const { fields, rest } = errors;
  return (
    <form
      className="card grid gap-4"
      noValidate
      aria-label={en.digest.settings}
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <fieldset className="grid gap-4" disabled={!may.configure}>
        <legend className="sr-only">{en.digest.settings}</legend>
        <ErrorSummary errors={rest.length > 0 ? fields : new Map()} rest={rest} />
        <Toggle label={en.digest.on} checked={!values.paused} disabled={!may.configure} onChange={(on) => form.set("paused", !on)} />
        <TextField
          label={en.digest.cron}
          hint={scheduleText(values.cron) || en.digest.cronHint}
          path="cron"
          errors={fields}
          mono
          placeholder={USUAL}
          value={values.cron}
          onChange={(text) => form.set("cron", text)}
        />
        {runs.length > 0 ? (
          <div>
            <h2 className="field-label">
              {en.digest.next} · {zone}
            </h2>
            <ol className="flex flex-wrap gap-1.5 pt-1">
              {runs.map((at) => (
                <li key={at} className="tag">
                  {new Intl.DateTimeFormat("en", { timeZone: zone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at)}
                </li>
              ))}
            </ol>
          </div>
        ) : null}
        <AddressesField
          label={en.digest.recipients}
          hint={en.digest.recipientsHint}
          path="recipients"
          errors={fields}
          value={values.recipients}
          onChange={(recipients) => form.set("recipients", recipients)}
        />
      </fieldset>
      <Meanwhile form={form} nameOf={(path) => NAMES[path] ?? path} />
      <p className="flex justify-end gap-2">
        {dirty.length > 0 ? (
          <button type="button" className="btn btn-quiet" onClick={() => {
              form.discard();
              setErrors(NO_ERRORS);
            }}>
            {en.channel.discard}
          </button>
        ) : null}
        <button type="submit" className="btn btn-primary" disabled={!may.configure || dirty.length === 0 || form.conflicts.length > 0 || save.isPending} title={may.configure ? undefined : en.denied.configure}>
          {save.isPending ? en.channel.saving : en.channel.save}
        </button>
      </p>
    </form>
  );
}

function Preview({ team }: { team: string }): ReactNode {
  const services = useServices();
  const { epoch } = useSession();
  const { data, error, refetch } = useQuery({
    queryKey: ["digest-preview", team, epoch],
    queryFn: ({ signal }) => services.digest.previewDigest({ teamId: team }, { signal }),
  });
  return (
    <section className="card" aria-label={en.digest.preview}>
      {data ? null : <h2>{en.digest.preview}</h2>}
      {error && !data ? <Broken error={error} again={() => void refetch()} /> : null}
      {data ? (
        <MailView email={data} title={<h2>{en.digest.preview}</h2>}>
          <p className="text-sm text-muted wrap-anywhere">{data.recipients.length === 0 ? en.digest.nobody : en.digest.to(data.recipients.map(plain).join(", "))}</p>
        </MailView>
      ) : null}
    </section>
  );
}

function Runs({ team }: { team: string }): ReactNode {
  const services = useServices();
  const { epoch } = useSession();
  const now = useNow(60_000);
  const { data, error, refetch } = useQuery({
    queryKey: ["digest-runs", team, epoch],
    queryFn: async ({ signal }) => (await services.digest.listDigestRuns({ teamId: team }, { signal })).digestRuns,
  });
  return (
    <section className="card" aria-label={en.digest.runs}>
      <h2 className="mb-2">{en.digest.runs}</h2>
      {error && !data ? <Broken error={error} again={() => void refetch()} /> : null}
      {data?.length === 0 ? <p className="text-muted">{en.digest.noRuns}</p> : null}
      <ul className="grid gap-2">
        {data?.map((run) => (
          <Run key={run.id} team={team} run={run} now={now} />
        ))}
      </ul>
    </section>
  );
}

const TONE: Partial<Record<DigestRunState, string>> = {
  [DigestRunState.PENDING]: "s-pending",
  [DigestRunState.SUBMITTED]: "s-delivered",
  [DigestRunState.SKIPPED]: "s-folded",
};

function Run({ team, run, now }: { team: string; run: DigestRun; now: number }): ReactNode {
  const [from, to] = [millis(run.periodStart) ?? now, millis(run.periodEnd) ?? now];
  return (
    <li className="flex flex-wrap items-center gap-2">
      <span className={`pill ${TONE[run.state] ?? "s-unknown"}`}>{en.digest.states[run.state] ?? en.unknown(run.state)}</span>
      <span>{en.log.between(moment(from, now), moment(to, now))}</span>
      {run.message ? <span className="text-muted wrap-anywhere">{plain(run.message)}</span> : null}
      {run.eventId ? (
        <Link className="link ms-auto" to="/t/$team/deliveries" params={{ team }} search={{ event: run.eventId }}>
          {en.digest.deliveries}
        </Link>
      ) : null}
    </li>
  );
}

function SendNow({ team }: { team: string }): ReactNode {
  const services = useServices();
  const cache = useQueryClient();
  const may = useMay();
  const [asking, setAsking] = useState(false);
  const send = useMutation({
    mutationFn: () => services.digest.sendDigest({ teamId: team }),
    onSuccess: async ({ sent, run }) => {
      done(sent ? en.digest.sent : en.digest.sentBefore, run?.message);
      await cache.invalidateQueries({ queryKey: ["digest-runs", team] });
    },
    onError: (problem) => refused(en.digest.refused, problem),
    onSettled: () => setAsking(false),
  });
  return (
    <>
      <button type="button" className="btn" disabled={!may.configure} title={may.configure ? undefined : en.denied.configure} onClick={() => setAsking(true)}>
        {en.digest.sendNow}
      </button>
      {asking ? (
        <Confirm open onClose={() => setAsking(false)} title={en.digest.sendTitle} verb={en.digest.sendVerb} busy={send.isPending} onConfirm={() => send.mutate()}>
          <p>{en.digest.sendText}</p>
        </Confirm>
      ) : null}
    </>
  );
}
