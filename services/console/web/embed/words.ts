// Every word of the component; a page may set others.
export const WORDS = {
  label: "Notifications",
  unread: (count: number) => `${count} unread`,
  readAll: "Mark all read",
  empty: "You have seen everything.",
  emptySoFar: "Nothing more among the newest.",
  older: "Show older",
  archive: "Archive",
  markRead: "Mark as read",
  markUnread: "Mark as unread",
  now: "now",
  ago: (minutes: number) => (minutes < 60 ? `${minutes} min` : minutes < 1_440 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1_440)} d`),
  away: "Notifications cannot be read at the moment.",
  signedOut: "You are signed out.",
  denied: "These notifications are not yours to read.",
  again: "Try again",
  severities: { 1: "Info", 2: "Low", 3: "Medium", 4: "High", 5: "Critical" } as Record<number, string>,
};

export type Words = typeof WORDS;
