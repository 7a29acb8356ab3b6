// The smaller sides of a channel: settings, filter, storm, retries.

import { type ReactNode, useState } from "react";
import type { KindWord } from "../../api/words";
import { NO_FILTER, USUAL_DELAYS, secondsOf, secondsText } from "../../domain/channel";
import * as en from "../../messages/en";
import { Field } from "../../parts/field";
import { FilterFields } from "../../parts/filter-fields";
import { duration } from "../../parts/format";
import { NumberField, SecondsField } from "../../parts/inputs";
import { Toggle } from "../../parts/toggle";
import { DestinationFields, type FormProps, NameFields } from "./fields";
import { Rate } from "./rate";

export interface TabProps extends FormProps {
  readonly kind: KindWord;
}

export function SettingsTab(props: TabProps): ReactNode {
  return (
    <div className="sheet">
      <NameFields {...props} />
      <DestinationFields {...props} />
    </div>
  );
}

export function FilterTab({ team, values, set, errors, kind, channel, onLeave }: TabProps): ReactNode {
  if (kind === "webhook") {
    return (
      <div className="sheet">
        <p className="text-muted">{en.filter.webhookText}</p>
        <FilterFields
          team={team}
          path="webhook.filter"
          filter={values["webhook.filter"]}
          errors={errors}
          onChange={(next) => set("webhook.filter", next)}
          onLeave={onLeave}
        />
      </div>
    );
  }
  const { triggers } = values;
  return (
    <div className="sheet">
      <p className="text-muted">{en.filter.triggersText}</p>
      {channel?.isDefault ? null : <p className="card">{en.filter.notDefault}</p>}
      <Toggle
        label={en.filter.triggersOn}
        hint={triggers ? undefined : en.filter.triggersOff}
        checked={triggers !== null}
        onChange={(on) => set("triggers", on ? NO_FILTER : null)}
      />
      {triggers ? (
        <FilterFields team={team} path="triggers" filter={triggers} errors={errors} onChange={(next) => set("triggers", next)} onLeave={onLeave} />
      ) : null}
    </div>
  );
}

export function StormTab({ team, channel, values, set, errors, kind }: TabProps): ReactNode {
  const storm = values.storm_control;
  const isChat = kind === "slack" || kind === "teams";
  const shown = storm ?? (isChat ? { max_messages: 20, seconds: 60 } : { max_messages: 0, seconds: 60 });
  return (
    <div className="sheet">
      <p className="text-muted">{en.storm.text}</p>
      <Toggle
        label={en.storm.own}
        hint={storm ? undefined : `${en.storm.usual}: ${isChat ? en.storm.usualChat : en.storm.usualOff}`}
        checked={storm !== null}
        onChange={(on) => set("storm_control", on ? { max_messages: 20, seconds: 60 } : null)}
      />
      {storm ? (
        <div className="grid gap-3 md:grid-cols-2">
          <NumberField
            label={en.storm.max}
            hint={en.storm.maxHint}
            path="storm_control.max_messages"
            errors={errors}
            error={errors.get("storm_control")}
            value={storm.max_messages}
            onChange={(max_messages) => set("storm_control", { ...storm, max_messages })}
          />
          <SecondsField
            label={en.storm.window}
            hint={en.storm.windowHint}
            path="storm_control.window"
            errors={errors}
            value={storm.seconds}
            onChange={(seconds) => set("storm_control", { ...storm, seconds })}
          />
        </div>
      ) : null}
      <StormDrawing max={shown.max_messages} seconds={shown.seconds} />
      {channel ? <Rate team={team} channelId={channel.id} max={shown.max_messages} seconds={shown.seconds} /> : null}
    </div>
  );
}

/** So many that go out, and the rest as one. */
function StormDrawing({ max, seconds }: { max: number; seconds: number }): ReactNode {
  if (max === 0) return <p>{en.storm.off}</p>;
  const dots = Math.min(max, 40);
  return (
    <figure className="card grid gap-2">
      <div className="flex flex-wrap items-center gap-1" aria-hidden="true">
        {Array.from({ length: dots }, (_, index) => (
          // Dots are all alike.
          // oxlint-disable-next-line react/no-array-index-key
          <span key={index} className="size-2.5 rounded-full bg-brand" />
        ))}
        {max > dots ? <span className="text-muted">…</span> : null}
        <span className="pill s-folded ms-2">{en.states.folded}</span>
      </div>
      <figcaption className="text-muted">{en.storm.drawn(max, secondsText(seconds))}</figcaption>
    </figure>
  );
}

export function RetriesTab({ values, set, errors }: TabProps): ReactNode {
  const delays = values["delivery.retry_delays"];
  const [text, setText] = useState<string | null>(null);
  const [wrong, setWrong] = useState<string | undefined>();
  const read = (line: string) => {
    setText(line);
    const words = line.split(",").map((word) => word.trim()).filter(Boolean);
    const seconds = words.map(secondsOf);
    const bad = words.find((_, index) => seconds[index] === null);
    setWrong(bad === undefined ? undefined : `“${bad}” ${en.retries.wrong}`);
    if (bad === undefined) set("delivery.retry_delays", seconds.flatMap((one) => one ?? []));
  };
  return (
    <div className="sheet">
      <p className="text-muted">{en.retries.text}</p>
      <Schedule delays={delays.length === 0 ? USUAL_DELAYS : delays} usual={delays.length === 0} />
      <Field
        label={en.fields["delivery.retry_delays"]}
        hint={en.retries.delays}
        error={wrong ?? errors.get("delivery.retry_delays")}
        path="delivery.retry_delays"
      >
        {(control) => (
          <input
            {...control}
            className="input mono"
            placeholder={USUAL_DELAYS.map(secondsText).join(", ")}
            value={text ?? delays.map(secondsText).join(", ")}
            onChange={(event) => read(event.target.value)}
            onBlur={() => wrong === undefined && setText(null)}
          />
        )}
      </Field>
      <div className="grid gap-3 md:grid-cols-3">
        <SecondsField
          label={en.fields["delivery.timeout"]}
          hint={en.retries.timeout}
          path="delivery.timeout"
          errors={errors}
          value={values["delivery.timeout"]}
          onChange={(seconds) => set("delivery.timeout", seconds)}
        />
        <NumberField
          label={en.fields["delivery.max_concurrency"]}
          hint={en.retries.concurrency}
          path="delivery.max_concurrency"
          errors={errors}
          value={values["delivery.max_concurrency"]}
          onChange={(number) => set("delivery.max_concurrency", number)}
        />
        <NumberField
          label={en.fields["delivery.max_per_second"]}
          hint={en.retries.perSecond}
          path="delivery.max_per_second"
          errors={errors}
          whole={false}
          value={values["delivery.max_per_second"]}
          onChange={(number) => set("delivery.max_per_second", number)}
        />
      </div>
    </div>
  );
}

/** Attempts on a line. Waits grow from seconds to hours, so that places are by the logarithm of the time since the first. */
function Schedule({ delays, usual }: { delays: readonly number[]; usual: boolean }): ReactNode {
  const ends = delays.map((_, index) => delays.slice(0, index + 1).reduce((sum, one) => sum + one, 0));
  const whole = ends.at(-1) ?? 0;
  const place = (seconds: number) => (whole <= 0 ? 0 : (Math.log1p(seconds) / Math.log1p(whole)) * 100);
  const tries = [0, ...ends];
  return (
    <figure className="card">
      <div className="schedule" aria-hidden="true">
        <span className="schedule-line" />
        {tries.map((at, index) => (
          // Attempts are told apart by their number.
          // oxlint-disable-next-line react/no-array-index-key
          <span key={index}>
            <span className="schedule-try" style={{ insetInlineStart: `${place(at)}%` }}>
              {index + 1}
            </span>
            {index > 0 && place(at) - place(tries[index - 1] ?? 0) > 4 ? (
              <span className="schedule-wait" style={{ insetInlineStart: `${(place(at) + place(tries[index - 1] ?? 0)) / 2}%` }}>
                {secondsText(delays[index - 1] ?? 0)}
              </span>
            ) : null}
          </span>
        ))}
      </div>
      <figcaption className="text-muted">
        {en.retries.drawn(tries.length, duration(whole * 1_000))}. {usual ? en.retries.usual : ""}
      </figcaption>
    </figure>
  );
}
