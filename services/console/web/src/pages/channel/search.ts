// The address of a channel: which of its sides is shown.

export const TABS = ["deliveries", "settings", "filter", "quiet", "storm", "retries", "health", "preview"] as const;
export type Tab = (typeof TABS)[number];

export interface ChannelSearch {
  tab?: Tab;
}

export function readTab(search: Record<string, unknown>): ChannelSearch {
  const tab = TABS.find((known) => known === search.tab);
  return tab === undefined ? {} : { tab };
}
