export const inboxPage = {
  view: "Show",
  views: { unread: "Unread", all: "All", archived: "Archived" },
  unread: "Unread:",
  readAll: "Mark all read",
  markRead: "Mark as read",
  markUnread: "Mark as unread",
  archive: "Archive",
  unarchive: "Move back",
  older: "Show older",
  refused: "It could not be marked",
  empty: { unread: "You have seen everything.", all: "Nothing has come in yet.", archived: "Nothing is archived." },
  /** There are further pages. */
  emptySoFar: {
    unread: "Nothing unread among the newest.",
    all: "Nothing among the newest.",
    archived: "Nothing archived among the newest.",
  },
};
