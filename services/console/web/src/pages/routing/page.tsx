// The rules in the order in which they are asked, each with its own answer about the event on the right.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ArrowRight, Ellipsis, GripVertical, Plus } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { type ChannelNames, useChannelNames } from "../../api/channels";
import { useSession } from "../../api/context";
import { useEvent } from "../../api/event";
import { useServices } from "../../api/services";
import type { Channel } from "../../api/gen/watchbell/config/v1/channel_pb";
import type { Rule } from "../../api/gen/watchbell/config/v1/rule_pb";
import { Plan } from "../../api/gen/watchbell/config/v1/team_pb";
import { StepOutcome } from "../../api/gen/watchbell/router/v1/explanation_pb";
import type { ExplainResponse } from "../../api/gen/watchbell/router/v1/router_service_pb";
import { rulesKey, useRules, useRulesChanged } from "../../api/rules";
import { useMay } from "../../api/self";
import { useTeam } from "../../api/team";
import { kindWord } from "../../api/words";
import { NO_FILTER, takesDefaults } from "../../domain/channel";
import { type RuleVerdict, ruleVerdict } from "../../domain/verdict";
import * as en from "../../messages/en";
import { Broken } from "../../parts/broken";
import { CopyButton } from "../../parts/copy";
import { Confirm } from "../../parts/dialog";
import { ExpressionFailures } from "../../parts/expression-failures";
import { plain } from "../../parts/format";
import { KindIcon } from "../../parts/icons";
import { MenuButton, MenuItem } from "../../parts/menu";
import { useNow } from "../../parts/now";
import { done, refused } from "../../parts/toast";
import { fragmentOf, playOf, playOfEvent, playOfFragment, useExplained } from "./play";
import { Playground } from "./playground";
import { EMPTY_RULE, RuleForm, type RuleValues, valuesOfRule } from "./rule-form";
import { Conditions } from "./conditions";
import { followUpWords } from "./follow-ups";
import { Mentions } from "./mentions";
import { type PlaySearch, VIEWS } from "./search";
import { Triggers } from "./triggers";

export function RoutingPage(): ReactNode {
  const { team } = useParams({ from: "/t/$team" });
  const search = useSearch({ from: "/t/$team/routing" });
  return <Routing team={team} search={search} key={team} />;
}

type Asking =
  | { readonly what: "form"; readonly rule?: Rule; readonly begin: RuleValues }
  | { readonly what: "delete"; readonly rule: Rule };

function Routing({ team, search }: { team: string; search: PlaySearch }): ReactNode {
  const navigate = useNavigate({ from: "/t/$team/routing" });
  const services = useServices();
  const { epoch } = useSession();
  const cache = useQueryClient();
  const names = useChannelNames(team);
  const may = useMay();
  const view = search.view ?? "rules";
  const now = useNow(15_000);
  const { data: rules, error, refetch } = useRules(team);
  const [own, setOwn] = useState(() => playOfFragment(window.location.hash));
  const { data: accepted } = useEvent(team, search.event ?? "");
  const real = useMemo(() => (accepted ? playOfEvent(accepted) : null), [accepted]);
  const play = own ?? real ?? playOf(search);
  const [asking, setAsking] = useState<Asking | null>(null);
  const [dragged, setDragged] = useState<string | null>(null);
  const [spoken, setSpoken] = useState("");
  const explained = useExplained(team, play);
  const free = useTeam(team)?.plan === Plan.FREE;
  const denied = may.configure ? undefined : en.denied.configure;

  const changed = useRulesChanged(team);
  const move = useMutation({
    mutationFn: ({ rule, to }: { rule: Rule; to: number }) => services.routing.moveRule({ teamId: team, ruleId: rule.id, position: to }),
    onMutate: ({ rule, to }) => {
      const key = rulesKey(team, epoch);
      const before = cache.getQueryData<Rule[]>(key);
      cache.setQueryData<Rule[]>(key, (all) => {
        if (!all) return all;
        const others = all.filter(({ id }) => id !== rule.id);
        return [...others.slice(0, to - 1), rule, ...others.slice(to - 1)];
      });
      return { before };
    },
    onSuccess: (_, { rule, to }) => setSpoken(en.routing.moved(plain(rule.displayName), to, rules?.length ?? 0)),
    onError: (problem, _, context) => {
      cache.setQueryData(rulesKey(team, epoch), context?.before);
      refused(en.routing.moveRefused, problem);
    },
    onSettled: changed,
  });
  const pause = useMutation({
    mutationFn: (rule: Rule) =>
      services.routing.updateRule({ teamId: team, rule: { id: rule.id, etag: rule.etag, paused: !rule.paused }, updateMask: { paths: ["paused"] } }),
    onError: (problem) => refused(en.routing.refused, problem),
    onSettled: changed,
  });
  const remove = useMutation({
    mutationFn: (rule: Rule) => services.routing.deleteRule({ teamId: team, ruleId: rule.id, etag: rule.etag }),
    onSuccess: (_, rule) => done(en.routing.removed(plain(rule.displayName))),
    onError: (problem) => refused(en.routing.refused, problem),
    onSettled: async () => {
      setAsking(null);
      await changed();
    },
  });
  const moveTo = (rule: Rule, to: number) => {
    const at = (rules ?? []).findIndex(({ id }) => id === rule.id) + 1;
    if (may.configure && to >= 1 && to <= (rules?.length ?? 0) && to !== at) move.mutate({ rule, to });
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
        <span className="ms-auto" />
        {view === "rules" ? (
          <>
            <CopyButton text={window.location.href.replace(/#.*$/, "") + (own ? fragmentOf(own) : "")} label={en.playground.copyLink} className="btn max-md:hidden" />
            <button
              type="button"
              className="btn btn-primary"
              disabled={!may.configure}
              title={denied}
              onClick={() => setAsking({ what: "form", begin: EMPTY_RULE })}
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
              {rules?.length === 0 ? <Templates allowed={may.configure} onBegin={(begin) => setAsking({ what: "form", begin })} /> : null}
              <ol className="grid gap-2">
                {rules?.map((rule, index) => (
                  <RuleCard
                    key={rule.id}
                    rule={rule}
                    number={index + 1}
                    names={names}
                    said={explained.data ? ruleVerdict(explained.data.steps, rule.id) : null}
                    allowed={may.configure}
                    isDragged={dragged === rule.id}
                    onDrag={setDragged}
                    onDrop={() => {
                      const moved = rules.find(({ id }) => id === dragged);
                      if (moved) moveTo(moved, index + 1);
                      setDragged(null);
                    }}
                    onMove={(by) => moveTo(rule, index + 1 + by)}
                    onEdit={() => setAsking({ what: "form", rule, begin: valuesOfRule(rule) })}
                    onPause={() => pause.mutate(rule)}
                    onDelete={() => setAsking({ what: "delete", rule })}
                  />
                ))}
              </ol>
              <Defaults names={names} answer={explained.data} />
              <p className="sr-only" aria-live="polite">
                {spoken}
              </p>
              {rules && rules.length > 1 ? <p className="field-hint mt-2">{en.routing.hint}</p> : null}
            </section>
            <Listeners names={names} answer={explained.data} />
          </div>
          <Playground
            team={team}
            names={names}
            play={play}
            answer={explained.data}
            error={explained.error}
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
      {asking?.what === "form" ? (
        <RuleForm team={team} names={names} play={play} rule={asking.rule && (rules?.find(({ id }) => id === asking.rule?.id) ?? asking.rule)} begin={asking.begin} onClose={() => setAsking(null)} onSaved={changed} />
      ) : null}
      {asking?.what === "delete" ? (
        <Confirm
          open
          onClose={() => setAsking(null)}
          title={en.routing.removeTitle(plain(asking.rule.displayName))}
          verb={en.routing.removeVerb}
          danger
          busy={remove.isPending}
          onConfirm={() => remove.mutate(asking.rule)}
        >
          <p>{en.routing.removeText}</p>
        </Confirm>
      ) : null}
    </>
  );
}

interface CardProps {
  readonly rule: Rule;
  readonly number: number;
  readonly names: ChannelNames;
  readonly said: RuleVerdict | null;
  readonly allowed: boolean;
  readonly isDragged: boolean;
  readonly onDrag: (id: string | null) => void;
  readonly onDrop: () => void;
  readonly onMove: (by: number) => void;
  readonly onEdit: () => void;
  readonly onPause: () => void;
  readonly onDelete: () => void;
}

function RuleCard(props: CardProps): ReactNode {
  const { rule, number, names, said, allowed, isDragged, onDrag, onDrop, onMove, onEdit, onPause, onDelete } = props;
  const name = plain(rule.displayName);
  const matched = said?.outcome === "routed" || said?.outcome === "silenced";
  return (
    // Dragging is for the pointer; the handle takes the keyboard.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <li
      className="rule"
      data-matched={matched}
      data-missed={said !== null && !matched}
      data-dragged={isDragged}
      draggable={allowed}
      onDragStart={(event) => {
        event.dataTransfer.effectAllowed = "move";
        event.dataTransfer.setData("text/plain", rule.id);
        onDrag(rule.id);
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        onDrop();
      }}
      onDragEnd={() => onDrag(null)}
    >
      <button
        type="button"
        className="rule-handle"
        disabled={!allowed}
        aria-label={en.routing.move(name)}
        onKeyDown={(event) => {
          if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
          event.preventDefault();
          onMove(event.key === "ArrowUp" ? -1 : 1);
        }}
      >
        <GripVertical size={14} aria-hidden="true" />
      </button>
      <span className="text-muted" aria-hidden="true">
        {number}
      </span>
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-2">
          <b className="wrap-anywhere">{name}</b>
          {rule.paused ? <span className="pill s-cancelled">{en.routing.paused}</span> : null}
        </p>
        <p className="mt-1 flex flex-wrap items-center gap-1.5">
          <Conditions match={rule.match ?? NO_FILTER} />
          <ArrowRight size={13} aria-hidden="true" className="text-muted rtl:rotate-180" />
          <Targets rule={rule} names={names} />
          {[...followUpWords(rule, names), ...(rule.continues ? [en.routing.thenOn] : [])].map((words) => (
            <span key={words} className="text-muted">
              {words}
            </span>
          ))}
        </p>
      </div>
      <p className="rule-verdict" role="status">
        {matched ? <b className="text-delivered">{said?.outcome === "silenced" ? en.routing.silences : en.routing.matches}</b> : null}{" "}
        {said?.sentences.map(plain).join(" ")}
      </p>
      <MenuButton
        trigger={
          <button type="button" className="btn btn-quiet btn-small btn-icon" aria-label={en.routing.actions(name)}>
            <Ellipsis aria-hidden="true" />
          </button>
        }
      >
        <MenuItem disabled={!allowed} onClick={onEdit}>
          {en.routing.edit}
        </MenuItem>
        <MenuItem disabled={!allowed} onClick={onPause}>
          {rule.paused ? en.routing.resume : en.routing.pause}
        </MenuItem>
        <MenuItem danger disabled={!allowed} onClick={onDelete}>
          {en.routing.remove}
        </MenuItem>
      </MenuButton>
    </li>
  );
}

function Targets({ rule, names }: { rule: Rule; names: ChannelNames }): ReactNode {
  const { action } = rule;
  if (action.case === "silence") {
    const kinds = action.value.kinds.length === 0 ? [en.kinds.slack, en.kinds.teams] : action.value.kinds.map((kind) => en.kinds[kindWord(kind) ?? "slack"]);
    return <span>{en.routing.silence(kinds.join(", "))}</span>;
  }
  const ids = action.case === "send" ? action.value.channelIds : [];
  return ids.map((id) => {
    const channel = names.get(id);
    return (
      <span key={id} className="inline-flex items-center gap-1.5">
        <KindIcon kind={channel ? kindWord(channel.kind) : null} />
        {plain(channel?.displayName ?? en.deletedChannel)}
      </span>
    );
  });
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
