import { deliveriesCounted } from "./counted";

export const compliance = {
  title: "Compliance",
  text: "Receipts, such as of audits that were delivered, go by email to these addresses and nowhere else. No rule or preference changes that.",
  recipients: "Who gets receipts",
  hint: "One address per line, at most 20; the Owners when empty.",
  last: "Last receipts",
  none: (looked: number) => `None among the last ${deliveriesCounted(looked)} by email.`,
};
