// Mention rules: who is called by name in Slack and Teams messages about certain events.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ArrowRight, Pencil, Plus, Trash2, X } from "lucide-react";
import { type ReactNode, useId, useState } from "react";
import { useSession } from "../../api/context";
import { useServices } from "../../api/services";
import { LARGEST_PAGE, everyPage } from "../../api/every-page";
import { useEventTypes } from "../../api/event-types";
import { problemOf } from "../../api/errors";
import type { MentionRule } from "../../api/gen/watchbell/config/v1/mention_rule_pb";
import type { Mention } from "../../api/gen/watchbell/event/v1/route_pb";
import { nameOf, useMembers } from "../../api/members";
import { useMay } from "../../api/self";
import { SEVERITIES, type SeverityWord, severityOf, severityWord } from "../../api/words";
import * as en from "../../messages/en";
import { Broken } from "../../parts/broken";
import { Confirm } from "../../parts/dialog";
import { Meanwhile, useDraft } from "../../parts/draft";
import { NO_ERRORS, placed } from "../../parts/errors";
import { FieldGroup } from "../../parts/field";
import { FormDialog } from "../../parts/form-dialog";
import { plain } from "../../parts/format";
import { TextField } from "../../parts/inputs";
import { done, refused } from "../../parts/toast";
import { Choice } from "../../parts/toggle";

type Asking = { readonly what: "form"; readonly rule?: MentionRule } | { readonly what: "delete"; readonly rule: MentionRule };

export function Mentions({ team }: { team: string }): ReactNode {
  const services = useServices();
  const { epoch } = useSession();
  const cache = useQueryClient();
  const may = useMay();
  const { data: members = [] } = useMembers(team);
  const [asking, setAsking] = useState<Asking | null>(null);
  const { data, error, refetch } = useQuery({
    queryKey: ["mention-rules", team, epoch],
    queryFn: ({ signal }) =>
      everyPage(
        (pageToken) => services.routing.listMentionRules({ teamId: team, pageSize: LARGEST_PAGE, pageToken }, { signal }),
        ({ mentionRules }) => mentionRules,
      ),
  });
  const changed = () => cache.invalidateQueries({ queryKey: ["mention-rules", team] });
  const denied = may.configure ? undefined : en.denied.configure;
  const memberName = (id: string) => {
    const member = members.find((one) => one.id === id);
    return member ? plain(nameOf(member)) : id;
  };
  const remove = useMutation({
    mutationFn: (rule: MentionRule) => services.routing.deleteMentionRule({ teamId: team, mentionRuleId: rule.id, etag: rule.etag }),
    onError: (problem) => refused(en.routing.refused, problem),
    onSettled: async () => {
      setAsking(null);
      await changed();
    },
  });
  return (
    <section aria-label={en.mentions.title}>
      <div className="mb-2 flex flex-wrap items-center gap-2">
        <p className="min-w-0 flex-1 text-muted">{en.mentions.text}</p>
        <button type="button" className="btn btn-primary" disabled={!may.configure} title={denied} onClick={() => setAsking({ what: "form" })}>
          <Plus aria-hidden="true" />
          {en.mentions.add}
        </button>
      </div>
      {error && !data ? <Broken error={error} again={() => void refetch()} /> : null}
      {data?.length === 0 ? (
        <div className="empty">
          <h2>{en.mentions.empty}</h2>
          <p>{en.mentions.emptyText}</p>
        </div>
      ) : null}
      <ul className="grid gap-2">
        {data?.map((rule) => {
          const about = rule.types.map(plain).join(", ");
          return (
            <li key={rule.id} className="card flex flex-wrap items-center gap-2">
              <span className="flex min-w-0 flex-1 flex-wrap items-center gap-1.5">
                {rule.types.map((type) => (
                  <span key={type} className="tag mono">
                    {plain(type)}
                  </span>
                ))}
                {rule.severities.map((severity) => {
                  const word = severityWord(severity);
                  return (
                    <span key={severity} className="tag">
                      {word ? en.severities[word] : en.unknown(severity)}
                    </span>
                  );
                })}
                <ArrowRight size={13} aria-hidden="true" className="text-muted rtl:rotate-180" />
                {rule.mentions.map((mention) => (
                  <b key={keyOf(mention)}>{mentionText(mention, memberName)}</b>
                ))}
              </span>
              <button type="button" className="btn btn-quiet btn-icon" aria-label={en.mentions.editLabel(about)} disabled={!may.configure} title={denied} onClick={() => setAsking({ what: "form", rule })}>
                <Pencil aria-hidden="true" />
              </button>
              <button type="button" className="btn btn-quiet btn-icon" aria-label={en.mentions.removeLabel(about)} disabled={!may.configure} title={denied} onClick={() => setAsking({ what: "delete", rule })}>
                <Trash2 aria-hidden="true" />
              </button>
            </li>
          );
        })}
      </ul>
      {asking?.what === "form" ? <MentionForm team={team} rule={asking.rule && (data?.find(({ id }) => id === asking.rule?.id) ?? asking.rule)} memberName={memberName} onClose={() => setAsking(null)} onSaved={changed} /> : null}
      {asking?.what === "delete" ? (
        <Confirm open onClose={() => setAsking(null)} title={en.mentions.removeTitle} verb={en.mentions.removeVerb} danger busy={remove.isPending} onConfirm={() => remove.mutate(asking.rule)}>
          <p>{en.mentions.removeText}</p>
        </Confirm>
      ) : null}
    </section>
  );
}

function keyOf({ who }: Mention): string {
  return who.case === "teamsUser" ? `teams ${who.value.id}` : `${who.case} ${String(who.value)}`;
}

function mentionText({ who }: Mention, memberName: (id: string) => string): string {
  switch (who.case) {
    case "here":
      return "@here";
    case "memberId":
      return `@${memberName(who.value)}`;
    case "teamsUser":
      return `@${plain(who.value.name || who.value.id)} (Teams)`;
    case "slackUser":
    case "slackGroup":
      return `@${plain(who.value)}`;
    default:
      return "";
  }
}

type MentionInit =
  | { who: { case: "here"; value: boolean } }
  | { who: { case: "memberId" | "slackUser" | "slackGroup"; value: string } }
  | { who: { case: "teamsUser"; value: { id: string; name: string } } };

interface FormProps {
  readonly team: string;
  readonly rule?: MentionRule | undefined;
  readonly memberName: (id: string) => string;
  readonly onClose: () => void;
  readonly onSaved: () => Promise<unknown>;
}

const CONTROLS = ["types", "severities", "mentions"];
const KINDS = ["memberId", "slackUser", "slackGroup", "teamsUser", "here"] as const;
type MentionKind = (typeof KINDS)[number];

function valuesOf(rule: MentionRule | undefined) {
  return {
    types: (rule?.types ?? []).join(", "),
    severities: (rule?.severities ?? []).flatMap((one): readonly SeverityWord[] => [severityWord(one)].filter((word) => word !== null)),
    mentions: rule?.mentions ?? [],
  };
}

function MentionForm({ team, rule, memberName, onClose, onSaved }: FormProps): ReactNode {
  const services = useServices();
  const id = useId();
  const { data: known = [] } = useEventTypes(team);
  const form = useDraft(rule?.etag ?? "", () => valuesOf(rule));
  const { types, severities, mentions } = form.values;
  const [errors, setErrors] = useState(NO_ERRORS);
  const save = useMutation({
    mutationFn: async (): Promise<unknown> => {
      const init = {
        types: types.split(/[\s,]+/).filter(Boolean),
        severities: severities.map(severityOf),
        mentions: [...mentions] as MentionInit[],
      };
      if (!rule) return services.routing.createMentionRule({ teamId: team, mentionRule: init });
      return services.routing.updateMentionRule({ teamId: team, mentionRule: { id: rule.id, etag: rule.etag, ...init }, updateMask: { paths: CONTROLS } });
    },
    onSuccess: async () => {
      done(en.mentions.saved);
      await onSaved();
      onClose();
    },
    onError: async (error) => {
      if (problemOf(error).reason === "STALE_ETAG") {
        setErrors({ fields: new Map(), rest: [{ path: "", text: en.rule.stale }] });
        await onSaved();
      } else setErrors(placed(error, "mention_rule", CONTROLS));
    },
  });
  return (
    <FormDialog
      title={rule ? en.mentions.edit : en.mentions.add}
      firm={form.dirty.length > 0}
      disabled={form.conflicts.length > 0}
      errors={errors}
      busy={save.isPending}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      <Meanwhile form={form} nameOf={(path) => en.mentions.fields[path]} />
      <TextField label={en.form.types} hint={en.form.typesHint} path="types" errors={errors.fields} mono list={id} value={types} onChange={(value) => form.set("types", value)} />
      <datalist id={id}>
        {known.map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </datalist>
      <FieldGroup label={en.form.severities} hint={en.form.anyOf} error={errors.fields.get("severities")} path="severities">
        <Choice label={en.form.severities} options={SEVERITIES} chosen={severities} word={(one) => en.severities[one]} onChange={(chosen) => form.set("severities", [...chosen])} />
      </FieldGroup>
      <FieldGroup label={en.mentions.who} hint={en.mentions.whoHint} error={errors.fields.get("mentions")} path="mentions">
        <ul className="flex flex-wrap gap-1.5">
          {mentions.map((mention) => (
            <li key={keyOf(mention)} className="tag inline-flex items-center gap-1">
              {mentionText(mention, memberName)}
              <button
                type="button"
                className="btn btn-quiet btn-small btn-icon"
                aria-label={`${en.form.remove}: ${mentionText(mention, memberName)}`}
                onClick={() => form.set("mentions", mentions.filter((other) => other !== mention))}
              >
                <X aria-hidden="true" />
              </button>
            </li>
          ))}
        </ul>
        <AddMention team={team} onAdd={(mention) => form.set("mentions", [...mentions.filter((other) => keyOf(other) !== keyOf(mention)), mention])} />
      </FieldGroup>
    </FormDialog>
  );
}

function AddMention({ team, onAdd }: { team: string; onAdd: (mention: Mention) => void }): ReactNode {
  const { data: members = [] } = useMembers(team);
  const [kind, setKind] = useState<MentionKind>("memberId");
  const [value, setValue] = useState("");
  const add = () => {
    const text = value.trim();
    const base = { $typeName: "watchbell.event.v1.Mention" as const };
    if (kind === "here") onAdd({ ...base, who: { case: "here", value: true } });
    else if (text === "") return;
    else if (kind === "teamsUser") onAdd({ ...base, who: { case: "teamsUser", value: { $typeName: "watchbell.event.v1.TeamsUser", id: text, name: text } } });
    else onAdd({ ...base, who: { case: kind, value: text } });
    setValue("");
  };
  return (
    <div className="flex flex-wrap gap-2">
      <select
        className="input !w-auto"
        aria-label={en.mentions.kind}
        value={kind}
        onChange={(event) => {
          setKind(event.target.value as MentionKind);
          setValue("");
        }}
      >
        {KINDS.map((one) => (
          <option key={one} value={one}>
            {en.mentions.kinds[one]}
          </option>
        ))}
      </select>
      {kind === "here" ? null : kind === "memberId" ? (
        <select className="input !w-auto min-w-0 flex-1" aria-label={en.mentions.kinds.memberId} value={value} onChange={(event) => setValue(event.target.value)}>
          <option value="">{en.mentions.choose}</option>
          {members.map((member) => (
            <option key={member.id} value={member.id} disabled={member.slackUserId === ""}>
              {nameOf(member)}
              {member.slackUserId === "" ? ` (${en.mentions.noSlack})` : ""}
            </option>
          ))}
        </select>
      ) : (
        <input className="input mono !w-auto min-w-0 flex-1" aria-label={en.mentions.kinds[kind]} placeholder={en.mentions.examples[kind]} value={value} onChange={(event) => setValue(event.target.value)} />
      )}
      <button type="button" className="btn" onClick={add}>
        {en.mentions.addOne}
      </button>
    </div>
  );
}
