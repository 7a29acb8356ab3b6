import type { InboxView } from "../../live/inbox";

const VIEWS: readonly InboxView[] = ["unread", "all", "archived"];

export interface MeSearch {
  view?: InboxView;
}

export function readMe(search: Record<string, unknown>): MeSearch {
  const view = VIEWS.find((known) => known === search.view);
  return view === undefined || view === "unread" ? {} : { view };
}
