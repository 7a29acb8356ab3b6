import { counted } from "./counted";

export const channels = {
  title: "Channels",
  add: "New channel",
  empty: "No channel yet",
  emptyText: "A channel is where alerts go. Choose a kind to start with.",
  about: {
    slack: "An incoming webhook of one Slack channel.",
    teams: "A Workflow of one Teams channel.",
    email: "Email addresses, through the platform’s mail server or your own.",
    webhook: "A signed HTTPS request to your endpoint.",
    "in-app": "The in-app inbox needs no channel.",
  },
  create: { slack: "New Slack channel", teams: "New Teams channel", email: "New email channel", webhook: "New webhook", "in-app": "" },
  never: "nothing delivered yet",
  waiting: (ago: string) => `oldest waiting for ${ago}`,
  isDefault: "Default",
  defaultHint: "Alerts go here when no rule decides.",
  paused: "Paused",
  unhealthy: "Unhealthy",
  quietUntil: (at: string) => `Quiet until ${at}`,
  noRecipients: "no recipients, a mail server only",
  actions: (name: string) => `Actions for ${name}`,
  test: "Send test…",
  makeDefault: "Make default",
  pause: "Pause",
  resume: "Resume",
  delete: "Delete…",
  more: (count: number) => `and ${count} more`,
  secrets: (count: number) => counted(count, "secret signs", "secrets sign"),
};

export const addToSlack = {
  title: "Add to Slack",
  text: "Pick the channel at Slack: nothing has to be copied, and Watchbell may only post there.",
  goOn: "Continue at Slack",
  added: (channel: string) => `${channel} is connected.`,
  open: "Open it",
  suggested: (channel: string) => `A name for a channel of its own: ${channel}.`,
  until: (at: string) => `Once, until ${at}.`,
  notConfigured: "This installation has no Slack app. Paste the URL of an incoming webhook below.",
  orUrl: "Or paste the URL of an incoming webhook:",
};
