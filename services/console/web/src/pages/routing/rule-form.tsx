// A rule's form: which events, and what to do with them. What it says is checked by the server, and goes into the draft of all rules.

import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { ChannelNames } from "../../api/channels";
import { useServices } from "../../api/services";
import { problemOf } from "../../api/errors";
import type { Rule } from "../../api/gen/watchbell/config/v1/rule_pb";
import type { KindWord } from "../../api/words";
import { FOLLOW_UP_CONTROLS, FOLLOW_UP_PATHS } from "../../domain/follow-ups";
import { CHAT, type RuleValues, ruleInit, ruleOf, valuesOfRule } from "../../domain/rule";
import { type RulesDraft, changesOf, isNew, newId, putRule } from "../../domain/rules-draft";
import { rulesDocument } from "../../domain/rules-document";
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
interface Props {
  readonly team: string;
  readonly names: ChannelNames;
  /** The event that the draft is tried on. */
  readonly play: Play;
  readonly draft: RulesDraft;
  /** The rule of the draft to change; absent for a new one. */
  readonly rule?: Rule | undefined;
  /** What a new one begins with. */
  readonly begin: RuleValues;
  readonly onClose: () => void;
  readonly onKeep: (rule: Rule) => void;
  /** Somebody else has changed the rule: it is to be read again. */
  readonly onStale: () => Promise<unknown>;
}

export function RuleForm({ team, names, play, draft, rule, begin, onClose, onKeep, onStale }: Props): ReactNode {
  const services = useServices();
  const saved = rule && !isNew(draft, rule.id) ? draft.base.find(({ id }) => id === rule.id) : undefined;
  const form = useDraft(rule ? JSON.stringify(valuesOfRule(rule)) : "", () => (rule ? valuesOfRule(rule) : begin));
  const { values } = form;
  const [errors, setErrors] = useState(NO_ERRORS);
  const put = form.put;
  const id = rule?.id ?? newId(draft);
  const ask = async (): Promise<readonly string[]> => {
    const init = ruleInit(values);
    if (!saved) return (await services.routing.createRule({ teamId: team, rule: init, validateOnly: true })).warnings;
    const paths = ["display_name", "match", values.action, "continues", ...FOLLOW_UP_PATHS];
    const request = { teamId: team, rule: { ...init, id: saved.id, etag: saved.etag }, updateMask: { paths }, validateOnly: true };
    return (await services.routing.updateRule(request)).warnings;
  };
  const refuse = async (error: unknown) => {
    if (problemOf(error).reason === "STALE_ETAG") {
      setErrors({ fields: new Map(), rest: [{ path: "", text: en.rule.stale }] });
      await onStale();
      return;
    }
    setErrors(placed(error, "rule", CONTROLS));
  };
  const keep = useMutation({
    mutationFn: ask,
    onSuccess: (warnings) => {
      if (warnings.length > 0) done(en.rulesDraft.kept(values.display_name.trim()), warnings.join(" "));
      onKeep(ruleOf(id, values));
      onClose();
    },
    onError: refuse,
  });
  const targets = names.all.filter((channel) => channel.destination.case !== "webhook");
  const { fields } = errors;
  const drafted = ruleOf(id, { ...values, display_name: values.display_name.trim() || en.rule.create });
  return (
    <FormDialog
      title={rule ? en.rule.edit : en.rule.create}
      wide
      firm={form.dirty.length > 0}
      disabled={form.conflicts.length > 0}
      errors={errors}
      busy={keep.isPending}
      verb={[en.rulesDraft.keep, en.rulesDraft.checking]}
      onSubmit={() => keep.mutate()}
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
        saved={draft.base}
        rule={drafted}
        before={changesOf(draft).length > 0 ? rulesDocument(draft.mine, names.all) : ""}
        document={rulesDocument(putRule(draft, drafted).mine, names.all)}
      />
    </FormDialog>
  );
}
