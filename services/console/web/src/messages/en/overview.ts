import { counted } from "./counted";

export const overview = {
  title: "Overview",
  todo: "To do",
  kinds: "Kinds of channels",
  hour: "The last hour",
  all: "All deliveries",
  alerts: "Open alerts",
  allAlerts: "All alerts",
  tail: "Live",
  quiet: "No deliveries in the last hour.",
  notSetUp: "not set up",
  unhealthy: (count: number) => counted(count, "channel is unhealthy", "channels are unhealthy"),
  lastSuccess: (when: string) => `last success ${when}`,
  waiting: (when: string) => `oldest waiting: ${when}`,
  away: "The Dispatcher does not answer: what is shown here may be out of date.",
  noChannel: "There is no channel yet: alerts go to the inbox and to people by email only.",
  noOwner: "The team has no Owner: nobody gets notices of failures, nor receipts unless recipients are set.",
  failing: (count: number) => `${counted(count, "expression fails", "expressions fail")} on some events, which counts as no match.`,
  unconfirmed: (count: number) => `${counted(count, "recipient has", "recipients have")} not confirmed that they want the team’s emails.`,
};
