import { AlertWhen, type EventType } from "../../api/gen/watchbell/config/v1/event_type_pb";
import { SEVERITIES, severityWord } from "../../api/words";
import * as en from "../../messages/en";

/** When a type alerts by default, in words. */
export function policyText(type: EventType): string {
  const policy = type.alertPolicy;
  if (policy?.when === AlertWhen.ALWAYS) return en.catalog.policies.always;
  if (policy?.when !== AlertWhen.SEVERITIES) return en.catalog.policies.never;
  const named = policy.severities.map(severityWord);
  return en.catalog.policies.severities(SEVERITIES.filter((word) => named.includes(word)).map((word) => en.severities[word]).join(", "));
}
