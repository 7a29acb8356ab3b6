export const palette = {
  title: "Go to",
  hint: "A page, a channel, a rule, or an id: dlv_…, evt_…",
  nothing: "Nothing matches",
  groups: { pages: "Page", channels: "Channel", rules: "Rule", teams: "Team", ids: "Open" },
};
