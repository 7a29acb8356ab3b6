// The address of the alerts: in which states, how bad, and which one is open.

import { SEVERITIES, type SeverityWord } from "../../api/words";

export const ALERT_STATES = ["open", "acknowledged", "snoozed", "resolved"] as const;
export type AlertWord = (typeof ALERT_STATES)[number];

export interface AlertsSearch {
  /** Words with commas between them; those that have not ended when absent. */
  state?: string;
  severity?: SeverityWord;
  /** The key of the alert that is open. */
  open?: string;
}

export function readAlerts(search: Record<string, unknown>): AlertsSearch {
  const states = typeof search.state === "string" ? ALERT_STATES.filter((word) => (search.state as string).split(",").includes(word)) : [];
  const severity = SEVERITIES.find((word) => word === search.severity);
  return {
    ...(states.length > 0 ? { state: states.join(",") } : {}),
    ...(severity ? { severity } : {}),
    ...(typeof search.open === "string" && search.open !== "" ? { open: search.open } : {}),
  };
}

export function statesOf({ state }: AlertsSearch): readonly AlertWord[] {
  return ALERT_STATES.filter((word) => state?.split(",").includes(word));
}
