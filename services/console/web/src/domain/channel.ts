// A channel as forms edit it: one value for each part that is changed as a whole, named by its path in the contract.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Channel, ChannelSchema, SmtpSecurity, WebhookEnvelope } from "../api/gen/watchbell/config/v1/channel_pb";
import type { EventFilter } from "../api/gen/watchbell/config/v1/filter_pb";
import type { Weekday } from "../api/gen/watchbell/config/v1/quiet_hours_pb";
import type { Category, Severity } from "../api/gen/watchbell/event/v1/vocabulary_pb";
import { span, toDuration } from "../api/times";
import type { KindWord } from "../api/words";

export interface HeaderValue {
  readonly name: string;
  /** Empty: the value that is kept. */
  readonly value: string;
}

export interface FilterValue {
  readonly types: readonly string[];
  readonly categories: readonly Category[];
  readonly severities: readonly Severity[];
  readonly sources: readonly string[];
  readonly expression: string;
}

export interface SmtpValue {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** Empty: the one that is kept. */
  readonly password: string;
  readonly from_address: string;
  readonly security: SmtpSecurity;
}

export interface QuietWindowValue {
  readonly weekdays: readonly Weekday[];
  readonly start: string;
  readonly end: string;
}

export interface QuietValue {
  readonly time_zone: string;
  readonly windows: readonly QuietWindowValue[];
  readonly passing_severities: readonly Severity[];
  readonly coalesce: boolean;
}

export interface StormValue {
  readonly max_messages: number;
  readonly seconds: number;
}

/** By path of the update mask. */
export interface Values {
  readonly display_name: string;
  readonly description: string;
  /** Secrets: empty means the one that is kept. */
  readonly "slack.webhook_url": string;
  readonly "teams.webhook_url": string;
  readonly "webhook.url": string;
  readonly "webhook.signing_secret": string;
  readonly "email.recipients": readonly string[];
  readonly "email.smtp": SmtpValue | null;
  readonly "webhook.filter": FilterValue;
  readonly "webhook.headers": readonly HeaderValue[];
  readonly "webhook.envelope": WebhookEnvelope;
  /** The name of a body that the server knows; empty for none. */
  readonly "webhook.preset": string;
  readonly "webhook.body": string;
  readonly "webhook.sign_ed25519": boolean;
  readonly triggers: FilterValue | null;
  readonly quiet_hours: QuietValue | null;
  readonly storm_control: StormValue | null;
  /** Seconds; empty for the kind's own. */
  readonly "delivery.retry_delays": readonly number[];
  readonly "delivery.max_concurrency": number;
  readonly "delivery.max_per_second": number;
  /** Seconds; 0 for the usual. */
  readonly "delivery.timeout": number;
}

export type Path = keyof Values;

export const NO_FILTER: FilterValue = { types: [], categories: [], severities: [], sources: [], expression: "" };

export const EMPTY: Values = {
  display_name: "",
  description: "",
  "slack.webhook_url": "",
  "teams.webhook_url": "",
  "webhook.url": "",
  "webhook.signing_secret": "",
  "email.recipients": [],
  "email.smtp": null,
  "webhook.filter": { ...NO_FILTER, types: ["*"] },
  "webhook.headers": [],
  "webhook.envelope": 1,
  "webhook.preset": "",
  "webhook.body": "",
  "webhook.sign_ed25519": false,
  triggers: null,
  quiet_hours: null,
  storm_control: null,
  "delivery.retry_delays": [],
  "delivery.max_concurrency": 0,
  "delivery.max_per_second": 0,
  "delivery.timeout": 0,
};

export function filterValue(filter: EventFilter | undefined): FilterValue {
  if (!filter) return NO_FILTER;
  const { types, categories, severities, sources, expression } = filter;
  return { types, categories, severities, sources, expression };
}

export function valuesOf(channel: Channel): Values {
  const { destination, quietHours, stormControl, delivery, triggers } = channel;
  const webhook = destination.case === "webhook" ? destination.value : undefined;
  const email = destination.case === "email" ? destination.value : undefined;
  return {
    ...EMPTY,
    display_name: channel.displayName,
    description: channel.description,
    "email.recipients": email?.recipients ?? [],
    "email.smtp": email?.smtp
      ? {
          host: email.smtp.host,
          port: email.smtp.port,
          username: email.smtp.username,
          password: "",
          from_address: email.smtp.fromAddress,
          security: email.smtp.security,
        }
      : null,
    "webhook.filter": webhook ? filterValue(webhook.filter) : EMPTY["webhook.filter"],
    "webhook.headers": webhook?.headers.map(({ name }) => ({ name, value: "" })) ?? [],
    "webhook.envelope": webhook?.envelope || 1,
    "webhook.preset": webhook?.preset ?? "",
    "webhook.body": webhook?.body ?? "",
    "webhook.sign_ed25519": webhook?.signEd25519 ?? false,
    triggers: triggers ? filterValue(triggers) : null,
    quiet_hours: quietHours
      ? {
          time_zone: quietHours.timeZone,
          windows: quietHours.windows.map(({ weekdays, start, end }) => ({ weekdays, start, end })),
          passing_severities: quietHours.passingSeverities,
          coalesce: quietHours.coalesce,
        }
      : null,
    storm_control: stormControl
      ? { max_messages: stormControl.maxMessages, seconds: (span(stormControl.window) ?? 60_000) / 1_000 }
      : null,
    "delivery.retry_delays": delivery?.retryDelays.map((delay) => (span(delay) ?? 0) / 1_000) ?? [],
    "delivery.max_concurrency": delivery?.maxConcurrency ?? 0,
    "delivery.max_per_second": delivery?.maxPerSecond ?? 0,
    "delivery.timeout": (span(delivery?.timeout) ?? 0) / 1_000,
  };
}

type Init = MessageInitShape<typeof ChannelSchema>;

export const filterInit = ({ types, categories, severities, sources, expression }: FilterValue) => ({
  types: [...types],
  categories: [...categories],
  severities: [...severities],
  sources: [...sources],
  expression,
});

function destinationOf(values: Values, kind: KindWord): NonNullable<Init["destination"]> {
  switch (kind) {
    case "slack":
      return { case: "slack", value: { webhookUrl: values["slack.webhook_url"].trim() } };
    case "teams":
      return { case: "teams", value: { webhookUrl: values["teams.webhook_url"].trim() } };
    case "email": {
      const smtp = values["email.smtp"];
      return {
        case: "email",
        value: {
          recipients: [...values["email.recipients"]],
          ...(smtp
            ? {
                smtp: {
                  host: smtp.host.trim(),
                  port: smtp.port,
                  username: smtp.username,
                  password: smtp.password,
                  fromAddress: smtp.from_address.trim(),
                  security: smtp.security,
                },
              }
            : {}),
        },
      };
    }
    case "webhook":
      return {
        case: "webhook",
        value: {
          url: values["webhook.url"].trim(),
          signingSecret: values["webhook.signing_secret"],
          filter: filterInit(values["webhook.filter"]),
          headers: values["webhook.headers"].map(({ name, value }) => ({ name: name.trim(), value })),
          envelope: values["webhook.envelope"],
          preset: values["webhook.preset"],
          body: values["webhook.body"],
          signEd25519: values["webhook.sign_ed25519"],
        },
      };
    case "in-app":
      return { case: "inApp", value: {} };
  }
}

/** The message that carries the values; an update's mask says which of them count. */
export function toMessage(values: Values, kind: KindWord): Init {
  const { quiet_hours: quiet, storm_control: storm, triggers } = values;
  const timeout = values["delivery.timeout"];
  return {
    displayName: values.display_name.trim(),
    description: values.description,
    destination: destinationOf(values, kind),
    ...(triggers ? { triggers: filterInit(triggers) } : {}),
    ...(quiet
      ? {
          quietHours: {
            timeZone: quiet.time_zone,
            windows: quiet.windows.map(({ weekdays, start, end }) => ({ weekdays: [...weekdays], start, end })),
            passingSeverities: [...quiet.passing_severities],
            coalesce: quiet.coalesce,
          },
        }
      : {}),
    ...(storm ? { stormControl: { maxMessages: storm.max_messages, window: toDuration(storm.seconds * 1_000) } } : {}),
    delivery: {
      retryDelays: values["delivery.retry_delays"].map((seconds) => toDuration(seconds * 1_000)),
      maxConcurrency: values["delivery.max_concurrency"],
      maxPerSecond: values["delivery.max_per_second"],
      ...(timeout > 0 ? { timeout: toDuration(timeout * 1_000) } : {}),
    },
  };
}

/** Whether alerts that no rule decides come here: webhooks and the inbox are not asked that way. */
export function takesDefaults({ isDefault, destination }: Channel): boolean {
  return isDefault && destination.case !== "webhook" && destination.case !== "inApp";
}

/** Bodies that the server knows. */
export const PRESETS: readonly string[] = ["pagerduty", "opsgenie", "discord", "google_chat", "mattermost", "telegram", "splunk_hec", "ocsf"];

/** The waits after each attempt that the server takes when none are set, in seconds. */
export const USUAL_DELAYS: readonly number[] = [60, 300, 1_800, 7_200, 43_200];

/** "90", "30s", "5m", "2h", "1h 30m": seconds; null when it is no duration. */
export function secondsOf(text: string): number | null {
  const trimmed = text.trim();
  if (/^\d+(?:\.\d+)?$/.test(trimmed)) return Number(trimmed);
  if (!/^(?:\d+\s*[smhd]\s*)+$/.test(trimmed)) return null;
  const unit: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };
  let seconds = 0;
  for (const [, number, letter] of trimmed.matchAll(/(\d+)\s*([smhd])/g)) seconds += Number(number) * (unit[letter ?? ""] ?? 0);
  return seconds;
}

/** As `secondsOf` reads it. */
export function secondsText(seconds: number): string {
  if (seconds % 1 !== 0) return String(seconds);
  const parts: string[] = [];
  let left = seconds;
  for (const [letter, size] of [["d", 86_400], ["h", 3_600], ["m", 60], ["s", 1]] as const) {
    const count = Math.floor(left / size);
    if (count > 0) parts.push(`${count}${letter}`);
    left -= count * size;
  }
  return parts.length === 0 ? "0s" : parts.join(" ");
}
