import { counted, number } from "./counted";

export const bell = {
  unread: (count: number) => `${number.format(count)} unread`,
  word: "Inbox",
  title: "Notifications",
  all: "All notifications",
  whose: "Whose inbox",
  whoseHint: "A key belongs to no member: choose one. A signed-in member sees their own.",
  nobody: "Choose a member",
  sounds: "Sound",
  soundsHint: "A short one when something new comes in, every five seconds at most. This browser remembers it.",
};

export const broken = {
  title: "This could not be read",
  again: "Try again",
  worth: (wait: string) => `Try again in ${wait}.`,
  againIn: (left: string) => `Try again in ${left}`,
  reload: "Reload",
  missing: "Page not found",
  upgraded: "The server has a newer console",
  upgradedText: "Reload to load it. What was saved is not affected.",
};

export const shell = {
  skip: "Skip to the content",
  navigation: "Pages",
  deliveries: "Deliveries",
  channels: "Channels",
  routing: "Routing",
  silences: "Silences",
  overview: "Overview",
  alerts: "Alerts",
  events: "Events",
  people: "People",
  digest: "Digest",
  compliance: "Compliance",
  me: "My notifications",
  developers: "Developers",
  catalog: "Event catalog",
  keys: "API keys",
  config: "Config as code",
  history: "History",
  signOut: "Sign out",
  platformKey: "Platform key",
  teamKey: "Team key",
  switchTeam: "Switch team",
  findTeam: "Find a team",
  noTeam: "No team matches",
  theme: "Theme",
  themes: { system: "System", light: "Light", dark: "Dark" },
  plans: { 0: "", 1: "FREE", 2: "TEAM", 3: "ENTERPRISE" } as Record<number, string>,
  unhealthy: (count: number) => counted(count, "unhealthy channel", "unhealthy channels"),
  openAlerts: (count: string) => `${count} open`,
  chooseTeam: "Which team?",
  noTeams: "There is no team yet",
  noTeamsText: "This credential opens no team.",
  menu: "Account and theme",
};

export const live = {
  live: "Live",
  paused: "Paused",
  waiting: "Reconnecting",
  pause: "Pause",
  resume: "Resume",
  lost: "The server does not answer. What is shown may be out of date; the console keeps trying.",
};
