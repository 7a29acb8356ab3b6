// What a rule that sends does beyond sending once: repeats, reminders, escalation, gathering.

import type { ReactNode } from "react";
import type { ChannelNames } from "../../api/channels";
import type { Rule } from "../../api/gen/watchbell/config/v1/rule_pb";
import { secondsText } from "../../domain/channel";
import { ESCALATE, type FollowUps, GROUP, REMIND, followUpsOf } from "../../domain/follow-ups";
import * as en from "../../messages/en";
import { ChannelChecks } from "../../parts/channel-checks";
import { FieldGroup } from "../../parts/field";
import { plain } from "../../parts/format";
import { NumberField, SecondsField, TextField } from "../../parts/inputs";
import { Toggle } from "../../parts/toggle";

/** What a rule does beyond sending once, a phrase each. */
export function followUpWords(rule: Rule, names: ChannelNames): string[] {
  const { tellsRepeats, remind, escalate, group } = followUpsOf(rule);
  const nameOf = (id: string) => plain(names.get(id)?.displayName ?? en.deletedChannel);
  return [
    ...(group ? [en.followUps.gathers(group.by, secondsText(group.wait))] : []),
    ...(tellsRepeats ? [en.followUps.tellsRepeats] : []),
    ...(remind ? [en.followUps.reminds(secondsText(remind.every), remind.atMost)] : []),
    ...(escalate ? [en.followUps.escalates(secondsText(escalate.after), escalate.channels.map(nameOf).join(", "))] : []),
  ];
}

interface Props {
  readonly value: FollowUps;
  readonly targets: ChannelNames["all"];
  readonly errors: ReadonlyMap<string, string>;
  readonly onChange: (value: FollowUps) => void;
}

export function FollowUpFields({ value, targets, errors, onChange }: Props): ReactNode {
  const { tellsRepeats, remind, escalate, group } = value;
  const put = (part: Partial<FollowUps>) => onChange({ ...value, ...part });
  return (
    <>
      <Toggle
        label={en.followUps.group}
        hint={errors.get("group") ?? en.followUps.groupHint}
        checked={group !== null}
        onChange={(on) => put({ group: on ? GROUP : null })}
      />
      {group ? (
        <div className="grid gap-3 md:grid-cols-3">
          <TextField
            label={en.followUps.by}
            hint={en.followUps.byHint}
            path="group.by"
            errors={errors}
            mono
            value={group.by}
            onChange={(by) => put({ group: { ...group, by } })}
          />
          <SecondsField
            label={en.followUps.wait}
            hint={en.followUps.waitHint}
            path="group.wait"
            errors={errors}
            value={group.wait}
            onChange={(wait) => put({ group: { ...group, wait } })}
          />
          <NumberField
            label={en.followUps.fullAt}
            hint={en.followUps.fullAtHint}
            path="group.at_most"
            errors={errors}
            value={group.atMost}
            onChange={(atMost) => put({ group: { ...group, atMost } })}
          />
        </div>
      ) : null}
      <Toggle
        label={en.followUps.repeats}
        hint={en.followUps.repeatsHint}
        checked={tellsRepeats}
        onChange={(on) => put({ tellsRepeats: on })}
      />
      <Toggle
        label={en.followUps.remind}
        hint={errors.get("remind") ?? en.followUps.remindHint}
        checked={remind !== null}
        onChange={(on) => put({ remind: on ? REMIND : null })}
      />
      {remind ? (
        <div className="grid gap-3 md:grid-cols-2">
          <SecondsField
            label={en.followUps.every}
            hint={en.followUps.everyHint}
            path="remind.every"
            errors={errors}
            value={remind.every}
            onChange={(every) => put({ remind: { ...remind, every } })}
          />
          <NumberField
            label={en.followUps.atMost}
            hint={en.followUps.atMostHint}
            path="remind.at_most"
            errors={errors}
            value={remind.atMost}
            onChange={(atMost) => put({ remind: { ...remind, atMost } })}
          />
        </div>
      ) : null}
      <Toggle
        label={en.followUps.escalate}
        hint={errors.get("escalate") ?? en.followUps.escalateHint}
        checked={escalate !== null}
        onChange={(on) => put({ escalate: on ? ESCALATE : null })}
      />
      {escalate ? (
        <>
          <SecondsField
            label={en.followUps.after}
            hint={en.followUps.afterHint}
            path="escalate.after"
            errors={errors}
            value={escalate.after}
            onChange={(after) => put({ escalate: { ...escalate, after } })}
          />
          <FieldGroup label={en.followUps.who} error={errors.get("escalate.channel_ids")} path="escalate.channel_ids">
            <ChannelChecks channels={targets} chosen={escalate.channels} onChange={(channels) => put({ escalate: { ...escalate, channels } })} />
          </FieldGroup>
        </>
      ) : null}
    </>
  );
}
