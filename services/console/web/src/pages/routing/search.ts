// The address of the playground: an event to ask about, without its data, which may be large or secret. A copied link has all of it.

import { type SeverityWord, SEVERITIES } from "../../api/words";

export const VIEWS = ["rules", "mentions", "triggers"] as const;
export type RoutingView = (typeof VIEWS)[number];

export interface PlaySearch {
  view?: RoutingView;
  type?: string;
  severity?: SeverityWord;
  source?: string;
  /** One that was accepted. */
  event?: string;
}

export function readPlay(search: Record<string, unknown>): PlaySearch {
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  const severity = SEVERITIES.find((known) => known === search.severity);
  const view = VIEWS.find((known) => known === search.view && known !== "rules");
  const found: PlaySearch = { view, type: text(search.type), severity, source: text(search.source), event: text(search.event) } as PlaySearch;
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}
