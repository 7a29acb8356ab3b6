// An event, real or made up, and who would hear of it: the server's own decision, asked a moment after the last key.

import { type ReactNode, useState } from "react";
import type { ChannelNames } from "../../api/channels";
import { problemOf } from "../../api/errors";
import { useEventTypes } from "../../api/event-types";
import { StepOutcome } from "../../api/gen/watchbell/router/v1/explanation_pb";
import type { ExplainResponse } from "../../api/gen/watchbell/router/v1/router_service_pb";
import { useRules } from "../../api/rules";
import { useMay } from "../../api/self";
import { useZone } from "../../api/team";
import { CATEGORIES, SEVERITIES, kindWord } from "../../api/words";
import { mentioned } from "../../domain/schema-fields";
import { type Verdict, type Who, verdict } from "../../domain/verdict";
import { targetOf } from "../../live/row";
import * as en from "../../messages/en";
import { Field } from "../../parts/field";
import { moment, plain } from "../../parts/format";
import { PreviewDialog } from "../../parts/message-preview";
import { StatePill } from "../../parts/pill";
import { RealEvents } from "../../parts/real-events";
import { SendTest } from "../../parts/send-test";
import { TargetName } from "../../parts/target";
import { At } from "./at";
import { DataFields } from "./data-fields";
import { type Play, eventInit, isAskable } from "./play";

interface Props {
  readonly team: string;
  readonly names: ChannelNames;
  readonly play: Play;
  readonly onPlay: (next: Play) => void;
  /** One that was accepted is chosen. */
  readonly onReal: (eventId: string) => void;
  readonly answer: ExplainResponse | undefined;
  readonly error: unknown;
  /** It is answered as if the draft were saved. */
  readonly isDraft: boolean;
  readonly now: number;
}

export function Playground({ team, names, play, onPlay, onReal, answer, error, isDraft, now }: Props): ReactNode {
  const { data: types = [] } = useEventTypes(team);
  const { data: rules = [] } = useRules(team);
  const zone = useZone(team);
  const may = useMay();
  const [asking, setAsking] = useState<"preview" | "test" | null>(null);
  const problem = error ? problemOf(error) : null;
  const said = (path: string) => problem?.violations.filter((one) => one.path.startsWith(path)).map((one) => one.text).join("; ") || undefined;
  const put = (part: Partial<Play>) => onPlay({ ...play, ...part });
  const text = (field: "source" | "subject" | "title") => (
    <Field label={en.playground.fields[field]} error={said(`event.${field}`)} path={`event.${field}`}>
      {(control) => <input {...control} className="input" value={play[field]} onChange={(event) => put({ [field]: event.target.value })} />}
    </Field>
  );
  return (
    <section className="playground" aria-label={en.playground.title}>
      <div className="flex items-center gap-2">
        <h2 className="flex-1">{en.playground.title}</h2>
        <RealEvents team={team} now={now} onEvent={({ event }) => event && onReal(event.id)} />
      </div>
      <Field label={en.playground.type} error={said("event.type")} path="event.type">
        {(control) => (
          <select {...control} className="input mono" value={play.type} onChange={(event) => put({ type: event.target.value, data: "", dedupKey: "" })}>
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
        {text("title")}
        {text("subject")}
        {text("source")}
        <Field label={en.playground.fields.category} error={said("event.category")} path="event.category">
          {(control) => (
            <select
              {...control}
              className="input"
              value={play.category ?? ""}
              onChange={(event) => put({ category: CATEGORIES.find((one) => one === event.target.value) ?? null })}
            >
              <option value="">{en.playground.usual}</option>
              {CATEGORIES.map((category) => (
                <option key={category} value={category}>
                  {en.categories[category]}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      <DataFields
        key={play.type}
        type={types.find(({ name }) => name === play.type)}
        data={play.data}
        asked={mentioned(rules.map(({ match }) => match?.expression ?? ""))}
        violations={problem?.violations ?? []}
        onChange={(data) => put({ data, dedupKey: "" })}
      />
      <At names={names} zone={zone} at={play.at} now={now} error={said("at")} onAt={(at) => put({ at })} />
      {problem && problem.violations.length === 0 ? <p className="field-error">{problem.text}</p> : null}
      {answer ? <Answer answer={answer} names={names} now={now} isDraft={isDraft} isOld={problem !== null || !isAskable(play.data)} /> : null}
      <p className="flex flex-wrap gap-2">
        <button type="button" className="btn" disabled={!may.log || !isAskable(play.data)} onClick={() => setAsking("preview")}>
          {en.preview.all}
        </button>
        <button
          type="button"
          className="btn"
          disabled={!may.act || names.all.length === 0 || !isAskable(play.data)}
          title={may.act ? undefined : en.denied.act}
          onClick={() => setAsking("test")}
        >
          {en.playground.test}
        </button>
      </p>
      {asking === "preview" ? <PreviewDialog team={team} names={names} of={{ event: eventInit(play) }} onClose={() => setAsking(null)} /> : null}
      {asking === "test" ? <SendTest team={team} names={names} channelId={firstOf(answer)} event={eventInit(play)} onClose={() => setAsking(null)} /> : null}
    </section>
  );
}

/** A channel that would get it. */
function firstOf(answer: ExplainResponse | undefined): string {
  return answer?.routes.map((route) => targetOf(route).channelId).find(Boolean) ?? "";
}

function Answer({ answer, names, now, isDraft, isOld }: { answer: ExplainResponse; names: ChannelNames; now: number; isDraft: boolean; isOld: boolean }): ReactNode {
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
          {isDraft ? en.rulesDraft.byDraft : en.thenNow.revision(String(answer.revision))}
          {isOld ? ` · ${en.playground.stale}` : ""}
        </span>
      </p>
      <ul className="mt-2 grid gap-2">
        {alike(routes).map(([route, ...others]) => (
          <li key={`${route.kind} ${route.target.channelId} ${route.target.address}`} className="grid gap-0.5">
            <span className="flex items-center gap-2">
              {others.length === 0 ? (
                <TargetName kind={route.kind} target={route.target} names={names} />
              ) : (
                <details className="min-w-0">
                  <summary>{en.playground.people(others.length + 1)}</summary>
                  <p className="text-sm text-muted wrap-anywhere">{[route, ...others].map(({ target }) => plain(target.address)).join(", ")}</p>
                </details>
              )}
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
        {isDraft ? en.playground.liveDraft : en.playground.live}
        {answer.exampleData ? ` ${en.thenNow.example}` : ""}
      </p>
    </div>
  );
}

/** Those who are answered alike, people by email, stand in one line. */
function alike<Answered extends Who & Verdict>(routes: readonly Answered[]): readonly (readonly [Answered, ...Answered[]])[] {
  const groups = new Map<string, [Answered, ...Answered[]]>();
  for (const route of routes) {
    const { kind, target, outcome, sentence, heldUntil } = route;
    const isPerson = target.channelId === "" && target.address !== "";
    const key = JSON.stringify([kind, isPerson ? "" : target, outcome, sentence, heldUntil]);
    const known = groups.get(key);
    if (known) known.push(route);
    else groups.set(key, [route]);
  }
  return [...groups.values()];
}
