// The address of the playground: an event to ask about, without its data, which may be large or secret.

import { type SeverityWord, SEVERITIES } from "../../api/words";

export interface PlaySearch {
  type?: string;
  severity?: SeverityWord;
  source?: string;
}

export const USUAL_TYPE = "finding.created";

export function readPlay(search: Record<string, unknown>): PlaySearch {
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  const severity = SEVERITIES.find((known) => known === search.severity);
  const found: PlaySearch = { type: text(search.type), severity, source: text(search.source) } as PlaySearch;
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}
