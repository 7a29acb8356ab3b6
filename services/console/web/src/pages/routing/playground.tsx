// An event, real or made up, and who would hear of it: the server's own decision, asked a moment after the last key.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { ChannelNames } from "../../api/channels";
import { useSession } from "../../api/context";
import { useMay } from "../../api/self";
import { useServices } from "../../api/services";
import { USUAL_TYPE, useEventTypes } from "../../api/event-types";
import { problemOf } from "../../api/errors";
import type { AcceptedEvent } from "../../api/gen/watchbell/dispatcher/v1/dispatcher_service_pb";
import { StepOutcome } from "../../api/gen/watchbell/router/v1/explanation_pb";
import type { EventSchema } from "../../api/gen/watchbell/event/v1/event_pb";
import type { ExplainResponse } from "../../api/gen/watchbell/router/v1/router_service_pb";
import { type RuleDraft, draftOf, draftText, useRules } from "../../api/rules";
import { timestamp } from "../../api/times";
import { SEVERITIES, type SeverityWord, kindWord, severityOf, severityWord } from "../../api/words";
import { indented } from "../../domain/json";
import { verdict } from "../../domain/verdict";
import { targetOf } from "../../live/row";
import * as en from "../../messages/en";
import { Field } from "../../parts/field";
import { moment, plain } from "../../parts/format";
import { PreviewDialog } from "../../parts/message-preview";
import { StatePill } from "../../parts/pill";
import { RealEvents } from "../../parts/real-events";
import { useSettled } from "../../parts/settled";
import { TargetName } from "../../parts/target";
import type { PlaySearch } from "./search";

export interface Play {
  readonly type: string;
  /** Null: the catalog's. */
  readonly severity: SeverityWord | null;
  readonly source: string;
  /** JSON text; empty for the example of the type. */
  readonly data: string;
  /** As a `datetime-local` control writes it; empty for now. */
  readonly at: string;
}

export function playOf(search: PlaySearch): Play {
  return { type: search.type ?? USUAL_TYPE, severity: search.severity ?? null, source: search.source ?? "", data: "", at: "" };
}

export function isObject(text: string): boolean {
  if (text.trim() === "") return true;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function eventInit({ type, source, severity, data }: Play): MessageInitShape<typeof EventSchema> {
  return {
    type,
    source,
    ...(severity ? { severity: severityOf(severity) } : {}),
    ...(data.trim() === "" ? {} : { payload: { case: "dataJson", value: new TextEncoder().encode(data) } }),
  };
}

/** What the server decides; with a draft, as if that rule were saved. Asked anew when a rule changes. */
export function useExplained(team: string, play: Play, draft?: RuleDraft) {
  const services = useServices();
  const { epoch } = useSession();
  const { data: rules = [] } = useRules(team);
  const state = rules.map(({ id, etag, position }) => `${id} ${etag} ${position}`).join();
  // By its text: a form makes the values anew whenever it is drawn.
  const asked = useSettled(JSON.stringify([play, draft ? draftText(draft) : null]));
  const [settled, drafted] = JSON.parse(asked) as [Play, string | null];
  const at = settled.at === "" ? Number.NaN : new Date(settled.at).getTime();
  return useQuery({
    queryKey: ["play", team, epoch, asked, state],
    queryFn: ({ signal }) =>
      services.router.explain(
        {
          teamId: team,
          event: eventInit(settled),
          ...(Number.isNaN(at) ? {} : { at: timestamp(at) }),
          ...(drafted ? { draftRules: [draftOf(drafted)] } : {}),
        },
        { signal },
      ),
    enabled: isObject(settled.data),
    placeholderData: keepPreviousData,
    staleTime: 0,
  });
}

interface Props {
  readonly team: string;
  readonly names: ChannelNames;
  readonly play: Play;
  readonly onPlay: (next: Play) => void;
  readonly answer: ExplainResponse | undefined;
  readonly error: unknown;
  readonly now: number;
}

export function Playground({ team, names, play, onPlay, answer, error, now }: Props): ReactNode {
  const { data: types = [] } = useEventTypes(team);
  const may = useMay();
  const [previewing, setPreviewing] = useState(false);
  const problem = error ? problemOf(error) : null;
  const said = (path: string) => problem?.violations.filter((one) => one.path.startsWith(path)).map((one) => one.text).join("; ") || undefined;
  const data = isObject(play.data)
    ? problem?.violations.filter((one) => one.path.startsWith("event.data")).map((one) => `${one.path.slice("event.".length)}: ${one.text}`).join("; ") || undefined
    : en.playground.notJson;
  const put = (part: Partial<Play>) => onPlay({ ...play, ...part });
  return (
    <section className="playground" aria-label={en.playground.title}>
      <div className="flex items-center gap-2">
        <h2 className="flex-1">{en.playground.title}</h2>
        <RealEvents team={team} now={now} onEvent={(event) => onPlay(fromEvent(event, play.at))} />
      </div>
      <Field label={en.playground.type} error={said("event.type")} path="event.type">
        {(control) => (
          <select {...control} className="input mono" value={play.type} onChange={(event) => put({ type: event.target.value, data: "" })}>
            {types.some(({ name }) => name === play.type) ? null : <option value={play.type}>{play.type}</option>}
            {types.map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        )}
      </Field>
      <div className="seg max-w-full flex-none justify-self-start overflow-x-auto" role="group" aria-label={en.playground.severity}>
        <button type="button" aria-pressed={play.severity === null} onClick={() => put({ severity: null })}>
          {en.playground.usual}
        </button>
        {SEVERITIES.map((severity) => (
          <button key={severity} type="button" aria-pressed={play.severity === severity} onClick={() => put({ severity })}>
            {en.severities[severity]}
          </button>
        ))}
      </div>
      <div className="grid gap-3 md:grid-cols-2">
        <Field label={en.playground.source} error={said("event.source")} path="event.source">
          {(control) => <input {...control} className="input" value={play.source} onChange={(event) => put({ source: event.target.value })} />}
        </Field>
        <Field label={en.playground.at} hint={en.playground.atHint} error={said("at")} path="at">
          {(control) => (
            <input {...control} type="datetime-local" className="input" value={play.at} onChange={(event) => put({ at: event.target.value })} />
          )}
        </Field>
      </div>
      <Field label={en.playground.data} hint={en.playground.dataHint} error={data} path="event.data">
        {(control) => (
          <textarea
            {...control}
            className="input mono"
            rows={play.data === "" ? 2 : 6}
            spellCheck={false}
            placeholder={exampleOf(types.find(({ name }) => name === play.type)?.example)}
            value={play.data}
            onChange={(event) => put({ data: event.target.value })}
          />
        )}
      </Field>
      {problem && problem.violations.length === 0 ? <p className="field-error">{problem.text}</p> : null}
      {answer ? <Answer answer={answer} names={names} now={now} isOld={problem !== null || !isObject(play.data)} /> : null}
      <p>
        <button type="button" className="btn" disabled={!may.log || !isObject(play.data)} onClick={() => setPreviewing(true)}>
          {en.preview.all}
        </button>
      </p>
      {previewing ? <PreviewDialog team={team} names={names} of={{ event: eventInit(play) }} onClose={() => setPreviewing(false)} /> : null}
    </section>
  );
}

function exampleOf(example: object | undefined): string {
  return example && Object.keys(example).length > 0 ? JSON.stringify(example) : "{}";
}

function fromEvent(accepted: AcceptedEvent, at: string): Play {
  const { event } = accepted;
  return {
    type: event?.type ?? USUAL_TYPE,
    severity: event ? severityWord(event.severity) : null,
    source: event?.source ?? "",
    data: indented(accepted.dataJson),
    at,
  };
}

function Answer({ answer, names, now, isOld }: { answer: ExplainResponse; names: ChannelNames; now: number; isOld: boolean }): ReactNode {
  const routes = answer.routes.map((route) => {
    const who = { kind: kindWord(route.kind), target: targetOf(route) };
    return { ...who, ...verdict(answer, who) };
  });
  const count = (outcome: string) => routes.filter((route) => route.outcome === outcome).length;
  const parts = [
    count("now") > 0 ? en.playground.now(count("now")) : "",
    count("held") > 0 ? en.playground.held(count("held")) : "",
    count("parked") > 0 ? en.playground.parked(count("parked")) : "",
    count("counted") > 0 ? en.playground.counted(count("counted")) : "",
  ].filter(Boolean);
  const reached = new Set(routes.map(({ target }) => target.channelId));
  const silent = answer.steps.filter(
    (step) => step.subjectId.startsWith("chn_") && !reached.has(step.subjectId) && step.outcome !== StepOutcome.ROUTED && step.stage !== "hold",
  );
  return (
    <div className={isOld ? "opacity-60" : ""}>
      <p role="status" className="border-b border-line pb-2">
        <b>{routes.length === 0 ? en.playground.nobody : en.playground.get(routes.length)}</b>{" "}
        <span className="text-muted">
          {parts.length > 0 ? `${en.playground.split(parts)} · ` : ""}
          {en.thenNow.revision(String(answer.revision))}
          {isOld ? ` · ${en.playground.stale}` : ""}
        </span>
      </p>
      <ul className="mt-2 grid gap-2">
        {routes.map((route) => (
          <li key={`${route.kind} ${route.target.channelId} ${route.target.address}`} className="grid gap-0.5">
            <span className="flex items-center gap-2">
              <TargetName kind={route.kind} target={route.target} names={names} />
              <span className="ms-auto" />
              {route.outcome === "now" ? <StatePill state="delivered" text={en.thenNow.now} /> : null}
              {route.outcome === "held" ? (
                <StatePill state="held" text={route.heldUntil === null ? en.states.held : en.took.until(moment(route.heldUntil, now))} />
              ) : null}
              {route.outcome === "parked" ? <StatePill state="parked" /> : null}
              {route.outcome === "counted" ? <StatePill state="folded" /> : null}
            </span>
            <span className="ps-[25px] text-sm text-muted">{plain(route.sentence)}</span>
          </li>
        ))}
        {silent.map((step) => (
          <li key={`${step.stage} ${step.subjectId} ${step.sentence}`} className="grid gap-0.5">
            <span className="flex items-center gap-2 text-muted">
              <TargetName kind={kindWord(step.kind)} target={{ channelId: step.subjectId, address: "" }} names={names} />
              <span className="ms-auto" />
              <StatePill state="cancelled" text={en.playground.not} />
            </span>
            <span className="ps-[25px] text-sm text-muted">{plain(step.sentence)}</span>
          </li>
        ))}
      </ul>
      <p className="field-hint mt-3">
        {en.playground.live}
        {answer.exampleData ? ` ${en.thenNow.example}` : ""}
      </p>
    </div>
  );
}
