// What a member hears by email about a topic: the default, or their own word.

import type { ReactNode } from "react";
import { type Preference, PreferenceSetting } from "../api/gen/watchbell/config/v1/preference_pb";
import { SEVERITIES, type SeverityWord, severityOf, severityWord } from "../api/words";
import * as en from "../messages/en";
import { Choice } from "./toggle";

const OWN = [PreferenceSetting.ON, PreferenceSetting.OFF, PreferenceSetting.SEVERITIES, PreferenceSetting.FAILURES] as const;

/** `audit_delivered` as people read it. */
export function topicName(topic: string): string {
  const named = en.preferences.topics[topic];
  if (named !== undefined) return named;
  const words = topic.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function severityWords(preference: Preference): SeverityWord[] {
  const words = preference.severities.map(severityWord);
  return SEVERITIES.filter((word) => words.includes(word));
}

/** "On", "Critical, High". */
export function settingText(preference: Preference): string {
  if (preference.setting === PreferenceSetting.SEVERITIES) {
    return severityWords(preference).map((word) => en.severities[word]).join(", ") || en.preferences.settings[PreferenceSetting.OFF] || "";
  }
  return en.preferences.settings[preference.setting] ?? en.unknown(preference.setting);
}

export interface Wanted {
  readonly topic: string;
  readonly setting: PreferenceSetting;
  readonly severities: number[];
}

interface Props {
  readonly preference: Preference;
  readonly label: string;
  readonly disabled?: boolean;
  readonly onChange: (wanted: Wanted) => void;
}

export function PreferenceControl({ preference, label, disabled = false, onChange }: Props): ReactNode {
  const { topic, setting, isDefault } = preference;
  const chosen = severityWords(preference);
  const change = (next: PreferenceSetting) =>
    onChange({
      topic,
      setting: next,
      severities: next === PreferenceSetting.SEVERITIES ? [severityOf("critical"), severityOf("high")] : [],
    });
  return (
    <div className="grid gap-2">
      <select
        className="input"
        aria-label={label}
        disabled={disabled}
        value={isDefault ? PreferenceSetting.UNSPECIFIED : setting}
        onChange={(event) => change(Number(event.target.value))}
      >
        <option value={PreferenceSetting.UNSPECIFIED}>
          {isDefault ? en.preferences.byDefault(settingText(preference)) : en.preferences.backToDefault}
        </option>
        {OWN.map((one) => (
          <option key={one} value={one}>
            {en.preferences.settings[one]}
          </option>
        ))}
      </select>
      {!isDefault && setting === PreferenceSetting.SEVERITIES && !disabled ? (
        <Choice
          label={`${label}: ${en.form.severities}`}
          options={SEVERITIES}
          chosen={chosen}
          word={(word) => en.severities[word]}
          onChange={(words) => {
            if (words.length > 0) onChange({ topic, setting, severities: words.map(severityOf) });
          }}
        />
      ) : null}
    </div>
  );
}
