// What the numbers of the contracts are called, in addresses and on the screen. A number that is not known here is shown
// as it is.

import { Category, ChannelKind, Severity } from "./gen/watchbell/event/v1/vocabulary_pb";
import { DeliveryState } from "./gen/watchbell/dispatcher/v1/delivery_pb";

export type StateWord = "failed" | "parked" | "pending" | "held" | "folded" | "delivered" | "cancelled";
export type KindWord = "slack" | "teams" | "email" | "webhook" | "in-app";
export type SeverityWord = "critical" | "high" | "medium" | "low" | "info";
export type CategoryWord = "security-alert" | "system-notification" | "system-error";

/** In the order in which they want attention. */
export const STATES: readonly StateWord[] = ["failed", "parked", "pending", "held", "folded", "delivered", "cancelled"];

const STATE: Record<StateWord, DeliveryState> = {
  failed: DeliveryState.FAILED,
  parked: DeliveryState.PARKED,
  pending: DeliveryState.PENDING,
  held: DeliveryState.HELD,
  folded: DeliveryState.FOLDED,
  delivered: DeliveryState.DELIVERED,
  cancelled: DeliveryState.CANCELLED,
};

export const KINDS: readonly KindWord[] = ["slack", "teams", "email", "webhook", "in-app"];

const KIND: Record<KindWord, ChannelKind> = {
  slack: ChannelKind.SLACK,
  teams: ChannelKind.TEAMS,
  email: ChannelKind.EMAIL,
  webhook: ChannelKind.WEBHOOK,
  "in-app": ChannelKind.IN_APP,
};

export const SEVERITIES: readonly SeverityWord[] = ["critical", "high", "medium", "low", "info"];

const SEVERITY: Record<SeverityWord, Severity> = {
  critical: Severity.CRITICAL,
  high: Severity.HIGH,
  medium: Severity.MEDIUM,
  low: Severity.LOW,
  info: Severity.INFO,
};

export const CATEGORIES: readonly CategoryWord[] = ["security-alert", "system-notification", "system-error"];

const CATEGORY: Record<CategoryWord, Category> = {
  "security-alert": Category.SECURITY_ALERT,
  "system-notification": Category.SYSTEM_NOTIFICATION,
  "system-error": Category.SYSTEM_ERROR,
};

function wordOf<W extends string>(table: Record<W, number>, number: number): W | null {
  const found = (Object.entries(table) as [W, number][]).find(([, value]) => value === number);
  return found ? found[0] : null;
}

function isWord<W extends string>(table: Record<W, number>, text: string): text is W {
  return Object.hasOwn(table, text);
}

export const stateWord = (state: DeliveryState) => wordOf(STATE, state);
export const stateOf = (word: StateWord) => STATE[word];
export const isStateWord = (text: string) => isWord(STATE, text);
export const kindWord = (kind: ChannelKind) => wordOf(KIND, kind);
export const kindOf = (word: KindWord) => KIND[word];
export const isKindWord = (text: string) => isWord(KIND, text);
export const severityWord = (severity: Severity) => wordOf(SEVERITY, severity);
export const severityOf = (word: SeverityWord) => SEVERITY[word];
export const categoryWord = (category: Category) => wordOf(CATEGORY, category);
export const categoryOf = (word: CategoryWord) => CATEGORY[word];
