// The rules in the order in which they are asked, each with its own answer about the event on the right.

import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { type ChannelNames, useChannelNames } from "../../api/channels";
import { useEvent } from "../../api/event";
import type { Channel } from "../../api/gen/watchbell/config/v1/channel_pb";
import type { Rule } from "../../api/gen/watchbell/config/v1/rule_pb";
import { Plan } from "../../api/gen/watchbell/config/v1/team_pb";
import { StepOutcome } from "../../api/gen/watchbell/router/v1/explanation_pb";
import type { ExplainResponse } from "../../api/gen/watchbell/router/v1/router_service_pb";
import { useRules, useRulesChanged } from "../../api/rules";
import { useRulesDraft } from "../../api/rules-draft";
import { useMay } from "../../api/self";
import { useTeam } from "../../api/team";
import { kindWord } from "../../api/words";
import { NO_FILTER, takesDefaults } from "../../domain/channel";
import { EMPTY_RULE, type RuleValues, ruleOf, valuesOfRule } from "../../domain/rule";
import { type RuleChange, changesOf, moveRule, putRule, removeRule } from "../../domain/rules-draft";
import { rulesDocument } from "../../domain/rules-document";
import { draftVerdict } from "../../domain/verdict";
import * as en from "../../messages/en";
import { Broken } from "../../parts/broken";
import { CopyButton } from "../../parts/copy";
import { ExpressionFailures } from "../../parts/expression-failures";
import { plain } from "../../parts/format";
import { KindIcon } from "../../parts/icons";
import { useNow } from "../../parts/now";
import { DraftBar } from "./draft-bar";
import { fragmentOf, playOf, playOfEvent, playOfFragment, useExplained } from "./play";
import { Playground } from "./playground";
import { RuleForm } from "./rule-form";
import { RuleCard } from "./rule-card";
import { LastChange } from "./last-change";
import { Mentions } from "./mentions";
import { type PlaySearch, VIEWS } from "./search";
import { Triggers } from "./triggers";

export function RoutingPage(): ReactNode {
  const { team } = useParams({ from: "/t/$team" });
  const search = useSearch({ from: "/t/$team/routing" });
  return <Routing team={team} search={search} key={team} />;
}

interface Asking {
  readonly rule?: Rule;
  readonly begin: RuleValues;
}

function Routing({ team, search }: { team: string; search: PlaySearch }): ReactNode {
  const navigate = useNavigate({ from: "/t/$team/routing" });
  const names = useChannelNames(team);
  const may = useMay();
  const view = search.view ?? "rules";
  const now = useNow(15_000);
  const { data: rules, error, refetch } = useRules(team);
  const [own, setOwn] = useState(() => playOfFragment(window.location.hash));
  const { data: accepted } = useEvent(team, search.event ?? "");
  const real = useMemo(() => (accepted ? playOfEvent(accepted) : null), [accepted]);
  const play = own ?? real ?? playOf(search);
  const { draft, change, discard } = useRulesDraft(team, rules);
  const changes = useMemo(() => (draft ? changesOf(draft) : []), [draft]);
  const listed = draft?.mine ?? [];
  const document = draft && changes.length > 0 && names.all.length > 0 ? rulesDocument(draft.mine, names.all) : "";
  const saved = useMemo(() => new Set(rules?.map(({ id }) => id)), [rules]);
  const [asking, setAsking] = useState<Asking | null>(null);
  const [dragged, setDragged] = useState<string | null>(null);
  const [spoken, setSpoken] = useState("");
  const explained = useExplained(team, play, document);
  const free = useTeam(team)?.plan === Plan.FREE;
  const denied = may.configure ? undefined : en.denied.configure;

  const changed = useRulesChanged(team);
  const moveTo = (rule: Rule, to: number) => {
    const at = listed.findIndex(({ id }) => id === rule.id) + 1;
    if (!may.configure || to < 1 || to > listed.length || to === at) return;
    change((before) => moveRule(before, rule.id, to));
    setSpoken(en.routing.moved(plain(rule.displayName), to, listed.length));
  };
  const pause = (rule: Rule) => change((before) => putRule(before, ruleOf(rule.id, { ...valuesOfRule(rule), paused: !rule.paused })));
  const remove = (rule: Rule) => {
    change((before) => removeRule(before, rule.id));
    setSpoken(en.rulesDraft.removed(plain(rule.displayName)));
  };
  return (
    <>
      <header className="page-head">
        <h1>{en.routing.title}</h1>
        <div className="seg" role="group" aria-label={en.log.view}>
          {VIEWS.map((one) => (
            <button key={one} type="button" aria-pressed={view === one} onClick={() => void navigate({ search: one === "rules" ? {} : { view: one } })}>
              {en.routing.views[one]}
            </button>
          ))}
        </div>
        <Link className="link max-md:hidden" to="/t/$team/config" params={{ team }}>
          {en.routing.asYaml}
        </Link>
        <span className="ms-auto" />
        <LastChange team={team} now={now} />
        {view === "rules" ? (
          <>
            <CopyButton text={window.location.href.replace(/#.*$/, "") + (own ? fragmentOf(own) : "")} label={en.playground.copyLink} className="btn max-md:hidden" />
            <button
              type="button"
              className="btn btn-primary"
              disabled={!may.configure}
              title={denied}
              onClick={() => setAsking({ begin: EMPTY_RULE })}
            >
              <Plus aria-hidden="true" />
              {en.routing.add}
            </button>
          </>
        ) : null}
      </header>
      {view === "mentions" ? (
        <div className="page-body">
          <Mentions team={team} />
        </div>
      ) : null}
      {view === "triggers" ? (
        <div className="page-body">
          <Triggers team={team} names={names} />
        </div>
      ) : null}
      {view === "rules" ? (
        <div className="routing">
          <div className="routing-rules">
            {error && !rules ? <Broken error={error} again={() => void refetch()} /> : null}
            <section aria-label={en.routing.chat}>
              <h2>{en.routing.chat}</h2>
              <p className="mb-2 text-sm text-muted">{en.routing.chatText}</p>
              <ExpressionFailures team={team} of="rules" />
              {free ? <p className="card mb-2">{en.routing.resting}</p> : null}
              {rules && listed.length === 0 ? <Templates allowed={may.configure} onBegin={(begin) => setAsking({ begin })} /> : null}
              <ol className="grid gap-2">
                {listed.map((rule, index) => (
                  <RuleCard
                    key={rule.id}
                    rule={rule}
                    number={index + 1}
                    names={names}
                    said={explained.data ? draftVerdict(explained.data.steps, rule.id, rule.displayName, saved) : null}
                    mark={markOf(changes, rule.id)}
                    allowed={may.configure}
                    isDragged={dragged === rule.id}
                    onDrag={setDragged}
                    onDrop={() => {
                      const moved = listed.find(({ id }) => id === dragged);
                      if (moved) moveTo(moved, index + 1);
                      setDragged(null);
                    }}
                    onMove={(by) => moveTo(rule, index + 1 + by)}
                    onEdit={() => setAsking({ rule, begin: valuesOfRule(rule) })}
                    onPause={() => pause(rule)}
                    onDelete={() => remove(rule)}
                  />
                ))}
              </ol>
              <Defaults names={names} answer={explained.data} />
              <p className="sr-only" aria-live="polite">
                {spoken}
              </p>
              {listed.length > 1 ? <p className="field-hint mt-2">{en.routing.hint}</p> : null}
            </section>
            <Listeners names={names} answer={explained.data} />
          </div>
          <Playground
            team={team}
            names={names}
            play={play}
            answer={explained.data}
            error={explained.error}
            isDraft={document !== ""}
            now={now}
            onReal={(event) => {
              setOwn(null);
              void navigate({ search: { event }, replace: true });
            }}
            onPlay={(next) => {
              setOwn(next);
              void navigate({
                search: {
                  ...(next.type ? { type: next.type } : {}),
                  ...(next.severity ? { severity: next.severity } : {}),
                  ...(next.source ? { source: next.source } : {}),
                },
                replace: true,
              });
            }}
          />
        </div>
      ) : null}
      {draft && changes.length > 0 ? <DraftBar team={team} names={names} draft={draft} changes={changes} document={document} onChange={change} onDone={discard} /> : null}
      {asking && draft ? (
        <RuleForm
          team={team}
          names={names}
          play={play}
          draft={draft}
          rule={asking.rule && (listed.find(({ id }) => id === asking.rule?.id) ?? asking.rule)}
          begin={asking.begin}
          onClose={() => setAsking(null)}
          onKeep={(rule) => change((before) => putRule(before, rule))}
          onStale={changed}
        />
      ) : null}
    </>
  );
}

/** What the draft does with a rule, the most telling first. */
function markOf(changes: readonly RuleChange[], id: string): "made" | "changed" | "moved" | null {
  const own = changes.filter((change) => change.id === id).map(({ what }) => what);
  return (["made", "changed", "moved"] as const).find((what) => own.includes(what)) ?? null;
}

interface AnswerProps {
  readonly names: ChannelNames;
  readonly answer: ExplainResponse | undefined;
}

/** The step that says what becomes of a channel, but for quiet hours and health. */
function stepOf(answer: ExplainResponse | undefined, stage: string, id: string) {
  return answer?.steps.find((step) => step.stage === stage && step.subjectId === id);
}

function Said({ answer, stage, channel }: { answer: ExplainResponse | undefined; stage: string; channel: Channel }): ReactNode {
  const step = stepOf(answer, stage, channel.id);
  if (!step) return null;
  const routed = step.outcome === StepOutcome.ROUTED;
  return <span className={`ms-auto text-end text-sm ${routed ? "font-semibold text-delivered" : "text-muted"}`}>{routed ? "→" : plain(step.sentence)}</span>;
}

function Defaults({ names, answer }: AnswerProps): ReactNode {
  const defaults = names.all.filter(takesDefaults);
  return (
    <div className="rule-default">
      <span className="text-muted">{en.routing.otherwise}</span>
      {defaults.length === 0 ? <span>{en.routing.noDefault}</span> : null}
      {defaults.map((channel) => (
        <span key={channel.id} className="flex min-w-0 basis-full items-center gap-1.5">
          <KindIcon kind={kindWord(channel.kind)} />
          <b className="cut max-w-[50%] flex-none">{plain(channel.displayName)}</b>
          <Said answer={answer} stage="default_channel" channel={channel} />
        </span>
      ))}
    </div>
  );
}

function Listeners({ names, answer }: AnswerProps): ReactNode {
  const webhooks = names.all.filter((channel) => channel.destination.case === "webhook");
  const people = answer?.steps.filter((step) => step.stage === "preference" || step.stage === "receipt") ?? [];
  const inbox = answer?.steps.find((step) => step.stage === "inbox");
  return (
    <section aria-label={en.routing.own}>
      <h2>{en.routing.own}</h2>
      <p className="mb-2 text-sm text-muted">{en.routing.ownText}</p>
      <div className="listeners">
        <div className="card grid content-start gap-2">
          <h3>{en.routing.webhooks}</h3>
          {webhooks.length === 0 ? <p className="text-muted">{en.routing.noWebhooks}</p> : null}
          {webhooks.map((channel) => (
            <p key={channel.id} className="flex items-center gap-1.5">
              <KindIcon kind="webhook" />
              <span className="cut">{plain(channel.displayName)}</span>
              <Said answer={answer} stage="webhook" channel={channel} />
            </p>
          ))}
        </div>
        <div className="card grid content-start gap-2">
          <h3>{en.routing.people}</h3>
          {people.map((step) => (
            <p key={`${step.stage} ${step.subjectId} ${step.sentence}`} className="flex items-center gap-1.5" title={plain(step.sentence)}>
              <KindIcon kind="email" />
              <span className="cut">{plain(step.subjectName || step.sentence)}</span>
              {step.outcome === StepOutcome.ROUTED ? <span className="ms-auto font-semibold text-delivered">→</span> : null}
            </p>
          ))}
        </div>
        <div className="card grid content-start gap-2">
          <h3>{en.routing.inbox}</h3>
          {inbox ? (
            <p className="flex items-center gap-1.5">
              <KindIcon kind="in-app" />
              <span>{en.inbox}</span>
              {inbox.outcome === StepOutcome.ROUTED ? <span className="ms-auto font-semibold text-delivered">→</span> : null}
            </p>
          ) : null}
          {inbox ? <p className="text-sm text-muted">{plain(inbox.sentence)}</p> : null}
          <p className="text-sm text-muted">{en.routing.inboxText}</p>
        </div>
      </div>
    </section>
  );
}

const TEMPLATES: readonly { readonly name: keyof typeof en.routing.templates; readonly values: RuleValues }[] = [
  { name: "critical", values: { ...EMPTY_RULE, display_name: "Criticals", match: { ...NO_FILTER, types: ["finding.*"], severities: [5] } } },
  { name: "scans", values: { ...EMPTY_RULE, display_name: "Scans", match: { ...NO_FILTER, types: ["scan.*"] } } },
  { name: "audits", values: { ...EMPTY_RULE, display_name: "Audits", match: { ...NO_FILTER, types: ["audit.*"] } } },
];

function Templates({ allowed, onBegin }: { allowed: boolean; onBegin: (values: RuleValues) => void }): ReactNode {
  return (
    <div className="card mb-2 grid gap-2">
      <b>{en.routing.noRules}</b>
      <p className="text-muted">{en.routing.noRulesText}</p>
      <p className="flex flex-wrap gap-2">
        {TEMPLATES.map(({ name, values }) => (
          <button key={name} type="button" className="btn" disabled={!allowed} onClick={() => onBegin(values)}>
            {en.routing.templates[name]}
          </button>
        ))}
      </p>
    </div>
  );
}
