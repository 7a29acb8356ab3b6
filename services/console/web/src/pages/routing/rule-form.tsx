// A rule's form: which events, and what to do with them.

import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { ChannelNames } from "../../api/channels";
import { useApp } from "../../api/context";
import { type Placed, place, problemOf } from "../../api/errors";
import type { Rule } from "../../api/gen/watchbell/config/v1/rule_pb";
import { type KindWord, kindOf, kindWord } from "../../api/words";
import { type FilterValue, NO_FILTER } from "../../domain/channel";
import { en } from "../../messages/en";
import { Sheet } from "../../parts/dialog";
import { Field, FieldGroup } from "../../parts/field";
import { plain } from "../../parts/format";
import { KindIcon } from "../../parts/icons";
import { done } from "../../parts/toast";
import { Choice, Toggle } from "../../parts/toggle";
import { ErrorSummary, FilterFields } from "../channel/fields";

export interface RuleValues {
  readonly display_name: string;
  readonly match: FilterValue;
  readonly action: "send" | "silence";
  readonly channels: readonly string[];
  readonly kinds: readonly ("slack" | "teams")[];
  readonly continues: boolean;
}

export const EMPTY_RULE: RuleValues = { display_name: "", match: NO_FILTER, action: "send", channels: [], kinds: [], continues: false };

const CONTROLS = ["display_name", "match.types", "match.sources", "match.expression", "match", "send.channel_ids", "send", "silence", "action"];
const CHAT = ["slack", "teams"] as const;

export function valuesOfRule(rule: Rule): RuleValues {
  const { match, action } = rule;
  return {
    display_name: rule.displayName,
    match: match
      ? { types: match.types, categories: match.categories, severities: match.severities, sources: match.sources, expression: match.expression }
      : NO_FILTER,
    action: action.case === "silence" ? "silence" : "send",
    channels: action.case === "send" ? action.value.channelIds : [],
    kinds: action.case === "silence" ? CHAT.filter((kind) => action.value.kinds.includes(kindOf(kind))) : [],
    continues: rule.continues,
  };
}

function initOf(values: RuleValues) {
  const { match } = values;
  return {
    displayName: values.display_name.trim(),
    match: {
      types: [...match.types],
      categories: [...match.categories],
      severities: [...match.severities],
      sources: [...match.sources],
      expression: match.expression,
    },
    action:
      values.action === "send"
        ? { case: "send" as const, value: { channelIds: [...values.channels] } }
        : { case: "silence" as const, value: { kinds: values.kinds.map((kind) => kindOf(kind)) } },
    continues: values.continues,
  };
}

interface Props {
  readonly team: string;
  readonly names: ChannelNames;
  /** The rule to change; absent for a new one. */
  readonly rule?: Rule | undefined;
  readonly begin: RuleValues;
  readonly onClose: () => void;
  readonly onSaved: () => Promise<unknown>;
}

export function RuleForm({ team, names, rule, begin, onClose, onSaved }: Props): ReactNode {
  const { clients } = useApp();
  const [values, setValues] = useState(begin);
  const [placed, setPlaced] = useState<Placed>({ fields: new Map(), rest: [] });
  const put = (part: Partial<RuleValues>) => setValues((before) => ({ ...before, ...part }));
  const send = async (): Promise<readonly string[]> => {
    const init = initOf(values);
    if (!rule) return (await clients.routing.createRule({ teamId: team, rule: init })).warnings;
    const paths = ["display_name", "match", values.action, "continues"];
    const request = { teamId: team, rule: { id: rule.id, etag: rule.etag, ...init }, updateMask: { paths } };
    return (await clients.routing.updateRule(request)).warnings;
  };
  const refuse = async (error: unknown) => {
    const problem = problemOf(error);
    if (problem.reason === "STALE_ETAG") {
      setPlaced({ fields: new Map(), rest: [{ path: "", text: en.rule.stale }] });
      await onSaved();
      return;
    }
    const found = place(problem.violations, "rule", CONTROLS);
    setPlaced({ fields: found.fields, rest: problem.violations.length === 0 ? [{ path: "", text: problem.text }] : found.rest });
  };
  const save = useMutation({
    mutationFn: send,
    onSuccess: async (warnings) => {
      done(en.routing.saved(values.display_name), warnings.join(" "));
      await onSaved();
      onClose();
    },
    onError: refuse,
  });
  const targets = names.all.filter((channel) => channel.destination.case !== "webhook");
  const { fields } = placed;
  return (
    <Sheet open onClose={onClose} title={rule ? en.rule.edit : en.rule.create} wide firm={values !== begin}>
      <form
        className="grid gap-4"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <ErrorSummary errors={placed.rest.length > 0 ? fields : new Map()} rest={placed.rest} />
        <Field label={en.rule.name} error={fields.get("display_name")} path="display_name">
          {(control) => (
            <input {...control} className="input" value={values.display_name} onChange={(event) => put({ display_name: event.target.value })} />
          )}
        </Field>
        <h2 className="field-label">{en.rule.match}</h2>
        <FilterFields team={team} path="match" filter={values.match} errors={fields} onChange={(match) => put({ match })} />
        <div className="seg justify-self-start" role="group" aria-label={en.rule.action}>
          <button type="button" aria-pressed={values.action === "send"} onClick={() => put({ action: "send" })}>
            {en.rule.send}
          </button>
          <button type="button" aria-pressed={values.action === "silence"} onClick={() => put({ action: "silence" })}>
            {en.rule.silence}
          </button>
        </div>
        {values.action === "send" ? (
          <FieldGroup
            label={en.rule.send}
            hint={en.rule.sendHint}
            error={fields.get("send.channel_ids") ?? fields.get("send") ?? fields.get("action")}
            path="send.channel_ids"
          >
            <ul className="grid gap-1 md:grid-cols-2">
              {targets.map((channel) => (
                <li key={channel.id}>
                  <label className="flex min-h-6 items-center gap-2">
                    <input
                      type="checkbox"
                      className="check"
                      checked={values.channels.includes(channel.id)}
                      onChange={(event) =>
                        put({
                          channels: event.target.checked
                            ? [...values.channels, channel.id]
                            : values.channels.filter((other) => other !== channel.id),
                        })
                      }
                    />
                    <KindIcon kind={kindWord(channel.kind)} />
                    <span className="cut">{plain(channel.displayName)}</span>
                  </label>
                </li>
              ))}
            </ul>
          </FieldGroup>
        ) : (
          <FieldGroup label={en.rule.silence} hint={en.rule.silenceHint} error={fields.get("silence")} path="silence">
            <Choice<KindWord>
              label={en.rule.silence}
              options={CHAT}
              chosen={values.kinds}
              word={(kind) => en.kinds[kind]}
              onChange={(kinds) => put({ kinds: CHAT.filter((kind) => kinds.includes(kind)) })}
            />
          </FieldGroup>
        )}
        <Toggle label={en.rule.continues} hint={en.rule.continuesHint} checked={values.continues} onChange={(continues) => put({ continues })} />
        <div className="dialog-foot">
          <button type="button" className="btn" onClick={onClose}>
            {en.cancel}
          </button>
          <button type="submit" className="btn btn-primary" disabled={save.isPending}>
            {save.isPending ? en.rule.saving : en.rule.save}
          </button>
        </div>
      </form>
    </Sheet>
  );
}
