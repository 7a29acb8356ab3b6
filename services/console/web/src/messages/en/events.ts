import { eventsCounted, number } from "./counted";

export const events = {
  title: "Events",
  type: "Type or pattern",
  typeHint: "finding.created, finding.*",
  severity: "Severity",
  filters: "Filters",
  text: "Title or subject",
  anyCategory: "Any category",
  anySeverity: "Any severity",
  tests: "Include tests",
  nobody: "nobody",
  nobodyText: "Nobody got it: no rule, default channel, webhook, preference or inbox asked for it.",
  source: "Source",
  subject: "Subject",
  occurred: "Occurred",
  accepted: "Accepted",
  id: "Id",
  now: "Who would get it now?",
  who: "Recipients",
};

export const reroute = {
  open: "Send what was never sent…",
  title: "Send what was never sent",
  text: "Stored events are decided again by today’s configuration, and sent to those channels and people that never got them. Alerts stay as they are.",
  which: (words: readonly string[]) =>
    words.length === 0 ? "All events but tests, as the list is filtered." : `Only ${words.join(", ")}, as the list is filtered.`,
  since: "Since",
  days: (days: number) => (days === 1 ? "A day ago" : `${days} days ago`),
  count: (missing: string, events: number) => `${missing} would be sent, for ${eventsCounted(events)}; 50 each second at most.`,
  none: (events: number) => (events === 0 ? "There is no such event." : `All ${eventsCounted(events)} are where they lead today.`),
  more: (count: number) => `and ${number.format(count)} more`,
  truncated: "There are more events than one call looks at: older ones are left out.",
  verb: (count: string) => `Send ${count}`,
  sending: "Sending…",
  done: (count: string) => `${count} queued`,
  refused: "They could not be sent",
};
