export const states = {
  failed: "Failed",
  parked: "Parked",
  pending: "Pending",
  held: "Held",
  folded: "Folded",
  delivered: "Delivered",
  cancelled: "Cancelled",
};

export const kinds = { slack: "Slack", teams: "Teams", email: "Email", webhook: "Webhook", "in-app": "In-app" };
export const severities = { critical: "Critical", high: "High", medium: "Medium", low: "Low", info: "Info" };

export const categories = {
  "security-alert": "Security alert",
  "system-notification": "System notification",
  "system-error": "System error",
};

export const unknownState = "Unknown";
export const unknown = (value: number) => `Unknown (${value})`;
export const inbox = "Inbox";
export const receipts = "Receipt recipients";
export const deletedChannel = "Deleted channel";
