import { counted } from "./counted";

export const channel = {
  tabs: {
    deliveries: "Deliveries",
    settings: "Settings",
    filter: "Filter",
    triggers: "Triggers",
    quiet: "Quiet hours",
    storm: "Storm",
    retries: "Retries",
    health: "Health",
    preview: "Preview",
  },
  back: "Channels",
  gone: "Channel not found",
  reenabled: (name: string) => `${name} is enabled again`,
  reenableRefused: "It could not be enabled again",
  isDefaultNow: (name: string) => `${name} is the default now`,
  pausedNow: (name: string) => `${name} is paused`,
  resumedNow: (name: string) => `${name} is resumed`,
  changeRefused: "It could not be changed",
  openLog: "Open in the log",
  noDeliveries: "The log has no deliveries to this channel.",
  leave: "Changes are not saved. Leave anyway?",
  unsaved: (count: number) => `${counted(count, "change", "changes")} not saved`,
  discard: "Discard",
  save: "Save",
  saving: "Saving…",
  saved: "Saved",
  stale: "Somebody else has changed this channel in the meantime. Check the result, and save again.",
  meanwhile: (fields: string) => `Changed by somebody else in the meantime, and taken over: ${fields}.`,
  conflict: (field: string) => `Somebody else has changed ${field} as well.`,
  keepMine: "Keep mine",
  takeTheirs: "Take theirs",
  theirs: "Theirs:",
  summary: "Some fields are not right yet",
};

export const secret = {
  title: "The signing secret",
  text: "It is shown once. Store it where the receiver reads it.",
  value: "Signing secret",
  verify: "How the receiver checks it",
  stored: "I have stored it",
  language: "Language",
  oldUntil: (at: string) => `The old secret keeps signing as well until ${at}.`,
};

export const failures = {
  title: "Expressions that fail",
  text: "An expression that fails on an event counts as no match. Ask first whether a field is there: has(event.data.score) && event.data.score > 7.",
  count: (failed: number) => `failed ${counted(failed, "time", "times")} in seven days`,
};

export const unconfirmed = {
  title: "Not confirmed yet",
  text: "Addresses outside the domains of the team’s members get nothing until they confirm by the link in an email.",
  since: (time: string, sent: number) => `asked ${time}, ${counted(sent, "email", "emails")}`,
  again: "Ask again",
  sent: (address: string) => `${address} is asked again`,
  refused: "It could not be sent",
};

export const filter = {
  webhookText: "The webhook gets every event that matches. Rules do not touch webhooks.",
  triggersText: "On a default channel: what is sent here when no rule decides, instead of what the catalog alerts on.",
  triggersOff: "The catalog’s own policy decides what alerts.",
  triggersOn: "Use own triggers",
  notDefault: "Triggers apply to the default channel of a kind. This is not it: only rules send here.",
};

export const quiet = {
  text: "What is not urgent waits for the end of a window and is then delivered in order; nothing is dropped.",
  on: "Hold during quiet hours",
  zone: "Time zone",
  zoneTeam: (zone: string) => `The team’s (${zone})`,
  zoneWrong: "This browser does not know that zone; the drawing uses UTC.",
  windows: "Windows",
  weekdays: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
  start: "From",
  end: "To",
  nextDay: "next day",
  add: "Add a window",
  remove: (index: number) => `Remove window ${index}`,
  window: (index: number) => `Window ${index}`,
  grid: "The week. Drag a window to move it, its ends to change it.",
  ahead: "Next 14 days",
  heldUntil: (count: string, at: string) => `${count} held until ${at}.`,
  shift: "The clocks change",
  passing: "Sent anyway",
  passingHint: "CRITICAL when none is chosen.",
  coalesce: "One summary at the end",
  coalesceHint: "Instead of one message each.",
  now: (until: string) => `It is quiet now, until ${until}.`,
  notNow: (at: string) => `It is not quiet now. Next from ${at}.`,
  never: "It is never quiet.",
};

export const storm = {
  text: "More messages than this within the window are folded into one summary. CRITICAL is never folded.",
  usual: "The kind’s own limit",
  usualChat: "20 a minute",
  usualOff: "no limit",
  own: "Own limit",
  max: "Messages",
  maxHint: "0 turns folding off.",
  window: "Within",
  windowHint: "1 second to 1 hour.",
  drawn: (max: number, window: string) => `${max} go out, the rest of ${window} is one summary`,
  off: "Nothing is folded.",
  lately: "What came lately",
  spans: { hours: "6 hours", day: "A day", week: "A week" },
  noRate: "Nothing came in this time.",
  rate: (most: string, at: string) => `The busiest minute, ${at}, had ${most}.`,
  rateOf: (minutes: number, most: string, at: string) => `The busiest ${minutes} minutes, from ${at} on, had ${most}.`,
  intoMinutes: "A bar leads to its minutes.",
  show: "Show what was folded",
  folded: (folded: string, all: string) => `${folded} of ${all} were folded.`,
};

export const retries = {
  text: "When an attempt fails and may succeed later, it is tried again after these waits. After the last the delivery is given up.",
  delays: "One wait for each retry: 30s, 5m, 2h. Empty for the usual.",
  usual: "The usual schedule.",
  drawn: (attempts: number, whole: string) => `${counted(attempts, "attempt", "attempts")} over ${whole}`,
  wrong: "is not a duration like 30s, 5m or 2h",
  concurrency: "1 to 64; 0 for the usual.",
  perSecond: "0 for the usual: Slack 1, Teams 2, others no limit.",
  timeout: "1 s to 60 s; empty for 15 s.",
};

export const health = {
  text: "A channel turns unhealthy when nothing gets through for a whole retry schedule, or when the other side says that it is gone. Deliveries to it are then parked, not tried.",
  healthy: "Healthy",
  unhealthy: "Unhealthy",
  reenable: "Re-enable…",
  reenableTitle: (name: string) => `Enable ${name} again?`,
  reenableText: (parked: string) => `${parked} parked. New deliveries are tried again from now on.`,
  recoverToo: "Deliver what is parked as well",
  verb: "Enable again",
  verbDeliver: (count: string) => `Enable and deliver ${count}`,
  recover: "Recover…",
  recoverText: "Delivers again what failed or was parked since a time.",
  rotate: "Rotate the signing secret…",
  rotateText: "A new secret is made. For an overlap, the old one keeps signing as well.",
  rotateTitle: "Rotate the signing secret?",
  rotateVerb: "Make a new secret",
  overlap: "The old one keeps signing for",
  overlaps: { 0: "no time: it ends at once", 3600: "1 hour", 86400: "24 hours", 604800: "7 days" } as Record<number, string>,
  rotateRefused: "It could not be rotated",
  test: "Send a test",
};

export const remove = {
  title: (name: string) => `Delete ${name}?`,
  text: "It cannot be undone. What has been delivered stays in the log.",
  rules: (rules: string, names: string) => `It cannot be deleted while rules send to it. ${rules}: ${names}.`,
  waiting: (count: string) => `${count} waiting for it will fail.`,
  isDefault: "It is the default of its kind: until another one is, alerts that no rule decides are not sent by this kind.",
  verb: "Delete it",
  done: (name: string) => `${name} was deleted`,
  refused: "It could not be deleted",
};
