export const me = {
  title: "My notifications",
  inbox: "Inbox",
  topics: "By email",
  topicsText: "What you get by email, topic by topic. The default depends on the team’s plan and your role.",
};

export const preferences = {
  /** Topics whose names are no words. */
  topics: { sla: "SLA" } as Record<string, string>,
  settings: { 1: "Off", 2: "On", 3: "Certain severities", 4: "Failures only" } as Record<number, string>,
  byDefault: (what: string) => `Default (${what})`,
  backToDefault: "Back to the default",
  isDefault: "by default",
  refused: "It could not be changed",
};
