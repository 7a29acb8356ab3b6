// Every string that the console itself says. Sentences of the server (reasons, errors, steps) are shown as they come.
// A file a page, or a part: with a page come the words that it says. `import * as en` loads no more than is named.

export * from "./en/alerts";
export * from "./en/backtest";
export * from "./en/band";
export * from "./en/catalog";
export * from "./en/channel";
export * from "./en/channels";
export * from "./en/common";
export * from "./en/compliance";
export * from "./en/config";
export * from "./en/deliveries";
export * from "./en/digest";
export * from "./en/events";
export * from "./en/findings";
export * from "./en/form";
export * from "./en/help";
export * from "./en/history";
export * from "./en/inbox";
export * from "./en/keys";
export * from "./en/message";
export * from "./en/overview";
export * from "./en/palette";
export * from "./en/people";
export * from "./en/period";
export * from "./en/preferences";
export * from "./en/routing";
export * from "./en/rules-draft";
export * from "./en/shell";
export * from "./en/sign-in";
export * from "./en/silences";
export * from "./en/teams";
export * from "./en/vocabulary";
export { deliveriesCounted, eventsCounted, membersCounted, recipientsCounted, rulesCounted, typesCounted } from "./en/counted";
