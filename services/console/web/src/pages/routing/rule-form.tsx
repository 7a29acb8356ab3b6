// A rule's form: which events, and what to do with them.

import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { ChannelNames } from "../../api/channels";
import { useServices } from "../../api/services";
import { problemOf } from "../../api/errors";
import type { Rule } from "../../api/gen/watchbell/config/v1/rule_pb";
import { type KindWord, kindOf } from "../../api/words";
import { type FilterValue, NO_FILTER, filterInit, filterValue } from "../../domain/channel";
import { FOLLOW_UP_CONTROLS, FOLLOW_UP_PATHS, type FollowUps, NO_FOLLOW_UPS, followUpsInit, followUpsOf } from "../../domain/follow-ups";
import * as en from "../../messages/en";
import { ChannelChecks } from "../../parts/channel-checks";
import { Meanwhile, useDraft } from "../../parts/draft";
import { NO_ERRORS, placed } from "../../parts/errors";
import { FieldGroup } from "../../parts/field";
import { FilterFields } from "../../parts/filter-fields";
import { FormDialog } from "../../parts/form-dialog";
import { TextField } from "../../parts/inputs";
import { done } from "../../parts/toast";
import { Choice, Toggle } from "../../parts/toggle";
import { FollowUpFields } from "./follow-ups";
import type { Play } from "./play";
import { RuleTrial } from "./rule-trial";

export interface RuleValues {
  readonly display_name: string;
  readonly match: FilterValue;
  readonly action: "send" | "silence";
  readonly channels: readonly string[];
  readonly kinds: readonly ("slack" | "teams")[];
  readonly continues: boolean;
  /** With `send`. */
  readonly followUps: FollowUps;
}

export const EMPTY_RULE: RuleValues = {
  display_name: "",
  match: NO_FILTER,
  action: "send",
  channels: [],
  kinds: [],
  continues: false,
  followUps: NO_FOLLOW_UPS,
};

const CONTROLS = [
  "display_name",
  "match.types",
  "match.sources",
  "match.expression",
  "match",
  "send.channel_ids",
  "send",
  "silence",
  "action",
  ...FOLLOW_UP_CONTROLS,
];
const CHAT = ["slack", "teams"] as const;

export function valuesOfRule(rule: Rule): RuleValues {
  const { match, action } = rule;
  return {
    display_name: rule.displayName,
    match: filterValue(match),
    action: action.case === "silence" ? "silence" : "send",
    channels: action.case === "send" ? action.value.channelIds : [],
    kinds: action.case === "silence" ? CHAT.filter((kind) => action.value.kinds.includes(kindOf(kind))) : [],
    continues: rule.continues,
    followUps: followUpsOf(rule),
  };
}

function initOf(values: RuleValues) {
  return {
    displayName: values.display_name.trim(),
    match: filterInit(values.match),
    action:
      values.action === "send"
        ? { case: "send" as const, value: { channelIds: [...values.channels] } }
        : { case: "silence" as const, value: { kinds: values.kinds.map((kind) => kindOf(kind)) } },
    continues: values.continues,
    ...(values.action === "send" ? followUpsInit(values.followUps) : {}),
  };
}

interface Props {
  readonly team: string;
  readonly names: ChannelNames;
  /** The event that the draft is tried on. */
  readonly play: Play;
  /** The rule to change; absent for a new one. */
  readonly rule?: Rule | undefined;
  /** What a new one begins with. */
  readonly begin: RuleValues;
  readonly onClose: () => void;
  readonly onSaved: () => Promise<unknown>;
}

export function RuleForm({ team, names, play, rule, begin, onClose, onSaved }: Props): ReactNode {
  const services = useServices();
  const form = useDraft(rule?.etag ?? "", () => (rule ? valuesOfRule(rule) : begin));
  const { values } = form;
  const [errors, setErrors] = useState(NO_ERRORS);
  const put = form.put;
  const send = async (): Promise<readonly string[]> => {
    const init = initOf(values);
    if (!rule) return (await services.routing.createRule({ teamId: team, rule: init })).warnings;
    const paths = ["display_name", "match", values.action, "continues", ...FOLLOW_UP_PATHS];
    const request = { teamId: team, rule: { id: rule.id, etag: rule.etag, ...init }, updateMask: { paths } };
    return (await services.routing.updateRule(request)).warnings;
  };
  const refuse = async (error: unknown) => {
    if (problemOf(error).reason === "STALE_ETAG") {
      setErrors({ fields: new Map(), rest: [{ path: "", text: en.rule.stale }] });
      await onSaved();
      return;
    }
    setErrors(placed(error, "rule", CONTROLS));
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
  const { fields } = errors;
  return (
    <FormDialog
      title={rule ? en.rule.edit : en.rule.create}
      wide
      firm={form.dirty.length > 0}
      disabled={form.conflicts.length > 0}
      errors={errors}
      busy={save.isPending}
      verb={[en.rule.save, en.rule.saving]}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      <Meanwhile form={form} nameOf={(path) => en.rule.fields[path]} />
      <TextField label={en.rule.name} path="display_name" errors={fields} value={values.display_name} onChange={(display_name) => put({ display_name })} />
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
        <>
          <FieldGroup
            label={en.rule.send}
            hint={en.rule.sendHint}
            error={fields.get("send.channel_ids") ?? fields.get("send") ?? fields.get("action")}
            path="send.channel_ids"
          >
            <ChannelChecks channels={targets} chosen={values.channels} onChange={(channels) => put({ channels })} />
          </FieldGroup>
          <FollowUpFields value={values.followUps} targets={targets} errors={fields} onChange={(followUps) => put({ followUps })} />
        </>
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
      <RuleTrial
        team={team}
        names={names}
        play={play}
        draft={{ ...initOf({ ...values, display_name: values.display_name.trim() || en.rule.create }), id: rule?.id ?? "", paused: rule?.paused ?? false }}
      />
    </FormDialog>
  );
}
