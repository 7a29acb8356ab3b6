// Written by shared/clients/generate.py from the contracts. Do not edit.

import type { Transport } from "./transport.js";

/**
 * What an event does to the alert that it belongs to. An alert is a thing with a life, such as a finding, which several
 * events tell of.
 */
export type AlertAction =
  | "ALERT_ACTION_UNSPECIFIED"
  | "ALERT_ACTION_TRIGGER"
  | "ALERT_ACTION_UPDATE"
  | "ALERT_ACTION_RESOLVE";

/** What becomes of an event of an alert somewhere. */
export type AlertHearing =
  | "ALERT_HEARING_UNSPECIFIED"
  | "ALERT_HEARING_SENT"
  | "ALERT_HEARING_COUNTED"
  | "ALERT_HEARING_NOT_SENT";

/** What an event is to those who know of its alert. */
export type AlertNews =
  | "ALERT_NEWS_UNSPECIFIED"
  | "ALERT_NEWS_BEGINS"
  | "ALERT_NEWS_CHANGES"
  | "ALERT_NEWS_REPEATS"
  | "ALERT_NEWS_ENDS"
  | "ALERT_NEWS_HANDLED"
  | "ALERT_NEWS_UNRELATED";

/** Where an alert stands. */
export type AlertState =
  | "ALERT_STATE_UNSPECIFIED"
  | "ALERT_STATE_OPEN"
  | "ALERT_STATE_ACKNOWLEDGED"
  | "ALERT_STATE_SNOOZED"
  | "ALERT_STATE_RESOLVED";

/** Never, always, or at certain severities. */
export type AlertWhen =
  | "ALERT_WHEN_UNSPECIFIED"
  | "ALERT_WHEN_NEVER"
  | "ALERT_WHEN_ALWAYS"
  | "ALERT_WHEN_SEVERITIES";

/** What came of an attempt. */
export type AttemptOutcome =
  | "ATTEMPT_OUTCOME_UNSPECIFIED"
  | "ATTEMPT_OUTCOME_DELIVERED"
  | "ATTEMPT_OUTCOME_ACCEPTED"
  | "ATTEMPT_OUTCOME_RETRYABLE"
  | "ATTEMPT_OUTCOME_PERMANENT";

/** What sort of fact an event is. */
export type Category =
  | "CATEGORY_UNSPECIFIED"
  | "CATEGORY_SECURITY_ALERT"
  | "CATEGORY_SYSTEM_NOTIFICATION"
  | "CATEGORY_SYSTEM_ERROR";

/** How far a move is. */
export type CellMoveState =
  | "CELL_MOVE_STATE_UNSPECIFIED"
  | "CELL_MOVE_STATE_COPYING"
  | "CELL_MOVE_STATE_REMOVING"
  | "CELL_MOVE_STATE_DONE"
  | "CELL_MOVE_STATE_FAILED";

/** Whether a channel carries. */
export type ChannelHealth =
  | "CHANNEL_HEALTH_UNSPECIFIED"
  | "CHANNEL_HEALTH_HEALTHY"
  | "CHANNEL_HEALTH_UNHEALTHY";

/** The kind of a destination. */
export type ChannelKind =
  | "CHANNEL_KIND_UNSPECIFIED"
  | "CHANNEL_KIND_SLACK"
  | "CHANNEL_KIND_TEAMS"
  | "CHANNEL_KIND_EMAIL"
  | "CHANNEL_KIND_WEBHOOK"
  | "CHANNEL_KIND_IN_APP";

/** What changed a configuration. */
export type ConfigActorKind =
  | "CONFIG_ACTOR_KIND_UNSPECIFIED"
  | "CONFIG_ACTOR_KIND_API_KEY"
  | "CONFIG_ACTOR_KIND_MEMBER"
  | "CONFIG_ACTOR_KIND_EMAIL_LINK"
  | "CONFIG_ACTOR_KIND_PLATFORM";

/** What is done. */
export type ConfigChangeAction =
  | "CONFIG_CHANGE_ACTION_UNSPECIFIED"
  | "CONFIG_CHANGE_ACTION_CREATE"
  | "CONFIG_CHANGE_ACTION_UPDATE"
  | "CONFIG_CHANGE_ACTION_DELETE";

/** What is odd. */
export type ConfigFindingKind =
  | "CONFIG_FINDING_KIND_UNSPECIFIED"
  | "CONFIG_FINDING_KIND_RULE_UNREACHABLE"
  | "CONFIG_FINDING_KIND_RULE_SHADOWED"
  | "CONFIG_FINDING_KIND_CHANNEL_UNUSED"
  | "CONFIG_FINDING_KIND_ALERT_UNHEARD"
  | "CONFIG_FINDING_KIND_MEMBER_UNHEARD"
  | "CONFIG_FINDING_KIND_EXPRESSION_FAILS"
  | "CONFIG_FINDING_KIND_GROUP_FIELD_UNKNOWN";

/** Where a delivery stands. */
export type DeliveryState =
  | "DELIVERY_STATE_UNSPECIFIED"
  | "DELIVERY_STATE_PENDING"
  | "DELIVERY_STATE_HELD"
  | "DELIVERY_STATE_PARKED"
  | "DELIVERY_STATE_FOLDED"
  | "DELIVERY_STATE_DELIVERED"
  | "DELIVERY_STATE_FAILED"
  | "DELIVERY_STATE_CANCELLED";

/** Where a run stands. */
export type DigestRunState =
  | "DIGEST_RUN_STATE_UNSPECIFIED"
  | "DIGEST_RUN_STATE_PENDING"
  | "DIGEST_RUN_STATE_SUBMITTED"
  | "DIGEST_RUN_STATE_SKIPPED";

/** Why a delivery was not tried again. */
export type FailedReason =
  | "FAILED_REASON_UNSPECIFIED"
  | "FAILED_REASON_REFUSED"
  | "FAILED_REASON_RETRIES_EXHAUSTED"
  | "FAILED_REASON_SUMMARY_FAILED";

/** What a delivery is folded into. */
export type FoldedReason =
  | "FOLDED_REASON_UNSPECIFIED"
  | "FOLDED_REASON_SUMMARY"
  | "FOLDED_REASON_STORM"
  | "FOLDED_REASON_SILENCE"
  | "FOLDED_REASON_REPEAT"
  | "FOLDED_REASON_ALERT_TOLD"
  | "FOLDED_REASON_GROUP";

/** What holds a delivery. */
export type HeldReason =
  | "HELD_REASON_UNSPECIFIED"
  | "HELD_REASON_QUIET_HOURS"
  | "HELD_REASON_SILENCE";

/** Why a delivery is parked, and what takes it up again. */
export type ParkedReason =
  | "PARKED_REASON_UNSPECIFIED"
  | "PARKED_REASON_PAUSED"
  | "PARKED_REASON_UNHEALTHY"
  | "PARKED_REASON_NO_RECIPIENT";

/** A single permission. */
export type Permission =
  | "PERMISSION_UNSPECIFIED"
  | "PERMISSION_MANAGE_INTEGRATIONS";

/** What a team pays for. Rules that route and the weekly digest need TEAM or above. */
export type Plan =
  | "PLAN_UNSPECIFIED"
  | "PLAN_FREE"
  | "PLAN_TEAM"
  | "PLAN_ENTERPRISE";

/** Off, on, or on for certain events. */
export type PreferenceSetting =
  | "PREFERENCE_SETTING_UNSPECIFIED"
  | "PREFERENCE_SETTING_OFF"
  | "PREFERENCE_SETTING_ON"
  | "PREFERENCE_SETTING_SEVERITIES"
  | "PREFERENCE_SETTING_FAILURES";

/** What becomes of an event that says of an open alert what was told before. Webhooks get every event. */
export type Repeat =
  | "REPEAT_UNSPECIFIED"
  | "REPEAT_COUNT"
  | "REPEAT_NOTIFY";

/** What a member may do by default. */
export type Role =
  | "ROLE_UNSPECIFIED"
  | "ROLE_OWNER"
  | "ROLE_ADMIN"
  | "ROLE_MEMBER";

/** What a key may do. */
export type Scope =
  | "SCOPE_UNSPECIFIED"
  | "SCOPE_EMIT"
  | "SCOPE_CONFIG_READ"
  | "SCOPE_CONFIG_WRITE"
  | "SCOPE_DELIVERIES_READ"
  | "SCOPE_DELIVERIES_WRITE"
  | "SCOPE_INBOX"
  | "SCOPE_PLATFORM";

/** How bad it is, from CRITICAL down to INFO. */
export type Severity =
  | "SEVERITY_UNSPECIFIED"
  | "SEVERITY_INFO"
  | "SEVERITY_LOW"
  | "SEVERITY_MODERATE"
  | "SEVERITY_MEDIUM"
  | "SEVERITY_HIGH"
  | "SEVERITY_CRITICAL";

/** What becomes of messages that a silence matches. */
export type SilenceMode =
  | "SILENCE_MODE_UNSPECIFIED"
  | "SILENCE_MODE_HOLD"
  | "SILENCE_MODE_DROP";

/** Where a silence stands. */
export type SilenceState =
  | "SILENCE_STATE_UNSPECIFIED"
  | "SILENCE_STATE_PENDING"
  | "SILENCE_STATE_ACTIVE"
  | "SILENCE_STATE_EXPIRED";

/** How the connection to a mail server is protected. */
export type SmtpSecurity =
  | "SMTP_SECURITY_UNSPECIFIED"
  | "SMTP_SECURITY_STARTTLS"
  | "SMTP_SECURITY_OPTIONAL_STARTTLS"
  | "SMTP_SECURITY_TLS"
  | "SMTP_SECURITY_NONE";

/** What came of one step. */
export type StepOutcome =
  | "STEP_OUTCOME_UNSPECIFIED"
  | "STEP_OUTCOME_ROUTED"
  | "STEP_OUTCOME_SILENCED"
  | "STEP_OUTCOME_PASSED_OVER"
  | "STEP_OUTCOME_RESTS"
  | "STEP_OUTCOME_HELD"
  | "STEP_OUTCOME_PARKED"
  | "STEP_OUTCOME_COUNTED";

/** How a webhook's body is laid out. */
export type WebhookEnvelope =
  | "WEBHOOK_ENVELOPE_UNSPECIFIED"
  | "WEBHOOK_ENVELOPE_STANDARD"
  | "WEBHOOK_ENVELOPE_CLOUD_EVENTS";

/** A day of the week. */
export type Weekday =
  | "WEEKDAY_UNSPECIFIED"
  | "WEEKDAY_MONDAY"
  | "WEEKDAY_TUESDAY"
  | "WEEKDAY_WEDNESDAY"
  | "WEEKDAY_THURSDAY"
  | "WEEKDAY_FRIDAY"
  | "WEEKDAY_SATURDAY"
  | "WEEKDAY_SUNDAY";

/** An event that was accepted. */
export interface AcceptedEvent {
  /** When it was committed. */
  accept_time?: string;
  /** The alert that it belongs to; absent for none. */
  alert?: EventAlert;
  /** The data as the JSON text that was emitted, byte for byte; what was emitted as a struct is compact JSON. */
  data_json?: string;
  /**
   * The event; its payload is `data`, whose numbers are doubles. Without a payload when a `google.protobuf.Struct`
   * cannot carry it, and in lists and streams when it is more than 8 KiB of JSON: `data_json` has it.
   */
  event?: Event;
  /** Who got it. */
  routes?: Route[];
}

/** Asks to take an alert on. */
export interface AcknowledgeAlertRequest {
  /** A word to the others; at most 500 characters. */
  comment?: string;
  /** The alert's key. */
  key?: string;
  /** Who takes it on, `mbr_…`; the caller when empty. */
  member_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** It is taken on. */
export interface AcknowledgeAlertResponse {
  /** As it is now. */
  alert?: Alert;
}

/** Asks to add a cell. */
export interface AddCellRequest {
  /** Its name and addresses; everything else is ignored. */
  cell?: Cell;
  /** Checks all, and adds nothing. */
  validate_only?: boolean;
}

/** The cell as it was added. */
export interface AddCellResponse {
  /** It. */
  cell?: Cell;
}

/** An address that is no member's. */
export interface AddressTarget {
  /** An email address. */
  address?: string;
  /**
   * The email channel that it is a recipient of, `chn_…`; empty when it is none. One route for each recipient, so
   * that one bad mailbox blocks no other.
   */
  channel_id?: string;
}

/** A thing with a life, such as a finding, that several events tell of. */
export interface Alert {
  /** When. */
  acknowledge_time?: string;
  /** Who has acknowledged it; empty when nobody has. */
  acknowledged_by?: string;
  /** How many events have told of it since it began, its end not counted. */
  count?: number | string;
  /** The type of the event with which it began. */
  event_type?: string;
  /** The same for all events of the alert, such as `finding_id=F-17`; unique in the team. */
  key?: string;
  /** When the newest event that tells of it occurred. */
  last_event_time?: string;
  /** When it began. */
  open_time?: string;
  /** The event with which it began. */
  opened_event_id?: string;
  /**
   * What still happens while it is open and nobody acknowledges it, in words, such as `reminds every 4 h, next at 21 Nov
   * 2026, 13:00 UTC, 2 of 5 sent; escalates to #security at 21 Nov 2026, 11:00 UTC`. Empty when nothing does. Only
   * `GetAlert` and explanations fill it.
   */
  pending?: string;
  /** When it ended; absent while it has not. */
  resolve_time?: string;
  /** Who has resolved it by hand; empty when an event did. */
  resolved_by?: string;
  /** The worst severity since it began. */
  severity?: Severity;
  /** Until when it is snoozed. */
  snooze_end_time?: string;
  /** Who has snoozed it; empty when nobody has. */
  snoozed_by?: string;
  /** The part of the platform it came from; may be empty. */
  source?: string;
  /** Where it stands. */
  state?: AlertState;
  /** What it is about; may be empty. */
  subject?: string;
  /** The owning team. */
  team_id?: string;
  /** That event's title. */
  title?: string;
  /** Who was told that it began, and is told when it ends. Only `GetAlert` fills it. */
  told?: Route[];
  /** Where to look closer; may be empty. */
  url?: string;
}

/** What an event does, or did, to its alert, and who hears of it. */
export interface AlertExplanation {
  /** The alert as it is now; absent when none of that key has begun. */
  alert?: Alert;
  /** Who hears of the event or of the alert's end; at most 1,000. */
  listeners?: AlertListener[];
  /** What it is to those who know of the alert. */
  news?: AlertNews;
  /** The same with where the alert stands, in English sentences. */
  sentence?: string;
}

/** Who hears of an event of an alert, or is told of the alert's end. */
export interface AlertListener {
  /** Why not, when it is not: opted out, left, not told of the beginning. */
  end_sentence?: string;
  /** What becomes of the event there; unspecified when it does not go there. */
  hearing?: AlertHearing;
  /** Who, and why. */
  route?: Route;
  /** Why, when it is not simply sent. */
  sentence?: string;
  /** Whether the end of the alert, if it comes, is told there. */
  told_of_end?: boolean;
}

/** What alerts by default. */
export interface AlertPolicy {
  /** With SEVERITIES: which. */
  severities?: Severity[];
  /** Never, always, or at certain severities; NEVER when unspecified. */
  when?: AlertWhen;
}

/** Which alert the events of a type belong to, and what they do to it. */
export interface AlertSpec {
  /** What the events do to it. Required. */
  action?: AlertAction;
  /**
   * The field of `data` that is the same in all events of one alert, such as `data.finding_id`. An event in which it is
   * missing belongs to no alert. Required.
   */
  key?: string;
  /** What becomes of an event that says of an open alert what was told before. */
  repeat?: Repeat;
}

/** An alert as it was when an event was accepted. */
export interface AlertStatus {
  /** How many events had told of it since it began, this one included unless it ended it. */
  count?: number | string;
  /** The same for all events of the alert. */
  key?: string;
  /** What the event was to those who knew of it; unspecified of events that older releases accepted. */
  news?: AlertNews;
  /** When it began; absent when that is unknown. */
  open_time?: string;
  /** The event with which it began; empty when that is unknown. */
  opened_event_id?: string;
  /** Where it stood. */
  state?: AlertState;
}

/** A key that a backend or an admin calls with. The key itself is shown once, when it is made. */
export interface ApiKey {
  /** Output only. */
  create_time?: string;
  /** Who made it; absent for keys that are older than the record of it. Output only. */
  creator?: ConfigActor;
  /** At most 120 characters. Required. */
  display_name?: string;
  /** When it stops working; never when absent. */
  expire_time?: string;
  /** `key_…`. Output only. */
  id?: string;
  /** When it was last used, to about ten minutes; absent for a key that was not used since that is recorded. Output only. */
  last_use_time?: string;
  /** At least one. */
  scopes?: Scope[];
  /** The team it is bound to; empty for a platform key, which may act for every team. */
  team_id?: string;
}

/** Asks to make the configuration equal to a document. */
export interface ApplyTeamConfigRequest {
  /** YAML or JSON; at most 1 MiB. */
  document?: string;
  /**
   * When set: only if the team's configuration is still at this revision, as an export or a difference told it. Otherwise
   * ABORTED with the reason `CONFIG_MOVED`, and what the document would change now.
   */
  expected_revision?: number | string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** Only answer the difference. */
  validate_only?: boolean;
}

/** What changed, or would. */
export interface ApplyTeamConfigResponse {
  /** In the order in which they are made; empty when nothing differs. */
  changes?: ConfigChange[];
  /** The configuration's revision: after the changes, or, when none was made, the one that was compared with. */
  revision?: number | string;
  /** What was taken although it is odd, a sentence each: patterns that no event type of the catalog matches. */
  warnings?: string[];
}

/** Asks to put some away. */
export interface ArchiveRequest {
  /** Who asks: `mbr_…`. Required. */
  member_id?: string;
  /** `ntf_…`, at most 1,000. */
  notification_ids?: string[];
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** They are put away. */
export interface ArchiveResponse {
}

/** One try of a delivery. */
export interface Attempt {
  /** The request was sent and no answer came: it may have arrived. */
  ambiguous?: boolean;
  /** What went wrong, in words, and what to do about it; empty when nothing did. */
  error?: string;
  /** A stable word for the error, such as `slack.no_service` or `timeout`. */
  error_code?: string;
  /** `att_…` */
  id?: string;
  /** How long it took. */
  latency?: string;
  /** From 1. */
  number?: number;
  /** What came of it. */
  outcome?: AttemptOutcome;
  /** The headers sent, secrets masked. */
  request_headers?: RequestHeader[];
  /** The first 4 KiB of the answer, as text. */
  response_body?: string;
  /** When it began. */
  start_time?: string;
  /** The HTTP status or the SMTP reply code; 0 when there was no answer. */
  status_code?: number;
}

/** Asks to begin "Add to Slack". */
export interface BeginSlackInstallRequest {
  /** The member's token gives the permission, as the service that calls has checked. Internal; of others it is ignored. */
  is_permitted?: boolean;
  /**
   * `key_…`: the key by which it is begun, or that made the session; it must still be there when it ends. Internal; of others it is
   * ignored.
   */
  key_id?: string;
  /** Who adds it, `mbr_…`: must still be allowed to when it ends. A signed-in member may leave it empty. */
  member_id?: string;
  /** When the session ends by which it is begun. Internal; of others it is ignored. */
  session_expire_time?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** Where "Add to Slack" goes on. */
export interface BeginSlackInstallResponse {
  /** At Slack. For services of Watchbell alone, which bind it to the browser; empty for others. */
  authorize_url?: string;
  /** It works once, and until then. */
  expire_time?: string;
  /** A page that says what is about to happen and leads to Slack, for a button or a message. */
  install_url?: string;
  /** A name for the channel, such as `#watchbell-alerts`. */
  suggested_channel?: string;
}

/** Asks to call off what still waits. */
export interface CancelDeliveriesRequest {
  /** Only what was made before; now when absent. */
  end_time?: string;
  /**
   * Which of the deliveries that wait: `PENDING`, `HELD` and `PARKED` ones, unless its states say which of these. At most 100,000, the
   * newest.
   */
  filter?: DeliveryFilter;
  /** Only what was made at or after; required. A replay is made when it is asked for. */
  start_time?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** Only count. */
  validate_only?: boolean;
}

/** What was called off. */
export interface CancelDeliveriesResponse {
  /** How many deliveries, or how many would be with `validate_only`. */
  cancelled_count?: number | string;
  /** How many were found, by channel, those with the most first. */
  channels?: ResendCount[];
  /** There are more than one call takes; the same call again goes on. */
  truncated?: boolean;
}

/** Asks to call off a delivery. */
export interface CancelDeliveryRequest {
  /** `dlv_…` */
  delivery_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** It is called off. */
export interface CancelDeliveryResponse {
  /** As it is now. */
  delivery?: Delivery;
}

/** A PostgreSQL with its Dispatchers. A team lives in one cell. */
export interface Cell {
  /** Addresses at which its Dispatchers are sought. */
  addresses?: string[];
  /** When it was added; absent for `main`. */
  create_time?: string;
  /** Its name: 1 to 63 lower-case letters, digits and hyphens. `main` is the cell of the configured Dispatchers. */
  name?: string;
  /** Whether one of its Dispatchers answered just now. */
  reachable?: boolean;
  /** How many teams live in it. */
  team_count?: number | string;
  /** The version of its Dispatchers; empty when none answers or they are of several. */
  version?: string;
}

/** The move of a team to another cell. */
export interface CellMove {
  /** Rows copied so far. */
  copied_rows?: number | string;
  /** When it was asked for. */
  create_time?: string;
  /** When it ended; absent until then. */
  end_time?: string;
  /** The cell that the team leaves. */
  from_cell?: string;
  /** Why it failed, or why it does not get on; empty otherwise. */
  message?: string;
  /** How far it is. */
  state?: CellMoveState;
  /** `team_…` */
  team_id?: string;
  /** The cell that it arrives in. */
  to_cell?: string;
}

/** A configured destination of one kind. A webhook channel is also called a subscription. */
export interface Channel {
  /** Output only. */
  create_time?: string;
  /** How to carry. */
  delivery?: DeliveryPolicy;
  /** For your own reference; at most 1,000 characters. */
  description?: string;
  /** Such as `#security-critical`; unique in the team and kind, at most 120 characters. Required. */
  display_name?: string;
  /**
   * Addresses, by a mail server.
   *
   * At most one of `slack`, `teams`, `email`, `webhook`, `in_app` is given.
   */
  email?: EmailDestination;
  /** Changes with every change. */
  etag?: string;
  /** Output only. */
  health?: ChannelHealth;
  /** Grows when the channel is enabled again. Output only. */
  health_epoch?: number | string;
  /** Why it is unhealthy, in words. Output only. */
  health_message?: string;
  /** `chn_…`. Output only. */
  id?: string;
  /**
   * The in-app inbox.
   *
   * At most one of `slack`, `teams`, `email`, `webhook`, `in_app` is given.
   */
  in_app?: InAppDestination;
  /**
   * Whether alerts of the kind fall through to it when no rule matches. Set by `SetDefaultChannel`; the first
   * channel of a kind becomes its default. Output only.
   */
  is_default?: boolean;
  /** Follows from the destination. Output only. */
  kind?: ChannelKind;
  /** The Active toggle. A paused channel gets no new deliveries, and what waits for it stays waiting. */
  paused?: boolean;
  /** When to hold. */
  quiet_hours?: QuietHours;
  /** Whether the last re-enabling asked to recover what was parked. Output only. */
  recover_parked?: boolean;
  /**
   * An incoming webhook of Slack.
   *
   * At most one of `slack`, `teams`, `email`, `webhook`, `in_app` is given.
   */
  slack?: SlackDestination;
  /** When to fold. Slack and Teams: 20 a minute unless set; off elsewhere. */
  storm_control?: StormControl;
  /** The owning team. Output only. */
  team_id?: string;
  /**
   * A Teams Workflow, or an old connector.
   *
   * At most one of `slack`, `teams`, `email`, `webhook`, `in_app` is given.
   */
  teams?: TeamsDestination;
  /** On a default channel: replaces the catalog's policy of what alerts by default. */
  triggers?: EventFilter;
  /** Output only. */
  update_time?: string;
  /**
   * An HTTPS endpoint of the team's own.
   *
   * At most one of `slack`, `teams`, `email`, `webhook`, `in_app` is given.
   */
  webhook?: WebhookDestination;
}

/** Deliveries of a channel. */
export interface ChannelDeliveryCounts {
  /** `chn_…`; empty for the inbox and for mail to members. */
  channel_id?: string;
  /** Its deliveries. */
  counts?: DeliveryCounts;
  /** Its kind. */
  kind?: ChannelKind;
}

/** A configured channel. */
export interface ChannelTarget {
  /** `chn_…` */
  channel_id?: string;
}

/** Asks what is odd about a configuration. */
export interface CheckTeamConfigRequest {
  /** YAML or JSON, as `ApplyTeamConfig` takes it; today's configuration when empty. */
  document?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** What is odd about a configuration. */
export interface CheckTeamConfigResponse {
  /** At most 1,000. */
  findings?: ConfigFinding[];
  /** The revision of the team's configuration that was asked, or that the document was laid over. */
  revision?: number | string;
}

/** Who changed a team's configuration. */
export interface ConfigActor {
  /** The key's name, or the person's address, at the time of the change. */
  display_name?: string;
  /** `key_…` or `mbr_…`; empty for the platform, and for recipients who are not members. */
  id?: string;
  /** What it is. */
  kind?: ConfigActorKind;
}

/** One difference. */
export interface ConfigChange {
  /** What is done. */
  action?: ConfigChangeAction;
  /** The fields that differ. Secrets show as `(secret)`. */
  fields?: ConfigFieldChange[];
  /** What it concerns, such as `channel #security-critical`. */
  subject?: string;
}

/** A field that differs. */
export interface ConfigFieldChange {
  /** What it becomes, as JSON. */
  after?: string;
  /** What it was, as JSON. */
  before?: string;
  /** Its path. */
  field?: string;
}

/** Something odd about a configuration. */
export interface ConfigFinding {
  /** With a document: today's configuration does not have it. */
  is_new?: boolean;
  /** What it is. */
  kind?: ConfigFindingKind;
  /** One sentence. */
  message?: string;
  /** The rule, channel or member, by id; empty for event types. */
  subject_id?: string;
  /** Its name, address or type. */
  subject_name?: string;
}

/** A revision of a team's configuration, and the change that made it. Holds no secret. */
export interface ConfigRevision {
  /** Who made it. */
  actor?: ConfigActor;
  /**
   * The address that the call came from, as the service saw it; empty for calls from within the process. Behind a proxy, and for the
   * links of emails, it is that of the process that passed the call on.
   */
  address?: string;
  /** When it was made. */
  change_time?: string;
  /** What changed, in words. Values longer than 2,000 characters are cut. What others want by email is not shown to members. */
  changes?: ConfigChange[];
  /** The call that made it, such as `ApplyTeamConfig`; `Upgrade` for the first entry of a team that is older than its history. */
  method?: string;
  /** The revision of the team that the change made. */
  revision?: number | string;
}

/** Asks to confirm. */
export interface ConfirmRecipientRequest {
  /** From the link. */
  token?: string;
}

/** Whether it is confirmed. */
export interface ConfirmRecipientResponse {
  /** The address is confirmed, by this call or before; false when the token is outdated. */
  confirmed?: boolean;
}

/** A person and how much they did. */
export interface Contributor {
  /** How often. */
  count?: number | string;
  /** As the events name them. */
  name?: string;
  /** How often in the period before. */
  previous_count?: number | string;
}

/** Asks to make one API key. */
export interface CreateApiKeyRequest {
  /** What to make. Required. */
  api_key?: ApiKey;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** The API key made. */
export interface CreateApiKeyResponse {
  /** It. */
  api_key?: ApiKey;
  /** The key itself, `wbk_…`. Shown here and never again. */
  key?: string;
}

/** Asks to make one channel. */
export interface CreateChannelRequest {
  /** What to make. Required. */
  channel?: Channel;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** Only check it, and answer as if it had been made. */
  validate_only?: boolean;
}

/** The channel made. */
export interface CreateChannelResponse {
  /** It. */
  channel?: Channel;
  /** A webhook's signing secret, when it was made here. Shown here and never again. */
  signing_secret?: string;
  /** What was taken although it is odd, a sentence each: patterns that no event type of the catalog matches. */
  warnings?: string[];
}

/** Asks to make one event type. */
export interface CreateEventTypeRequest {
  /** What to make. Required. */
  event_type?: EventType;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** Only check it, and answer as if it had been made. */
  validate_only?: boolean;
}

/** The event type made. */
export interface CreateEventTypeResponse {
  /** It. */
  event_type?: EventType;
}

/** Asks to make one member. */
export interface CreateMemberRequest {
  /** What to make. Required. */
  member?: Member;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** Only check it, and answer as if it had been made. */
  validate_only?: boolean;
}

/** The member made. */
export interface CreateMemberResponse {
  /** It. */
  member?: Member;
}

/** Asks to make one mention rule. */
export interface CreateMentionRuleRequest {
  /** What to make. Required. */
  mention_rule?: MentionRule;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** Only check it, and answer as if it had been made. */
  validate_only?: boolean;
}

/** The mention rule made. */
export interface CreateMentionRuleResponse {
  /** It. */
  mention_rule?: MentionRule;
  /** What was taken although it is odd, a sentence each: patterns that no event type of the catalog matches. */
  warnings?: string[];
}

/** Asks to make a session of a member. */
export interface CreatePortalSessionRequest {
  /** `mbr_…`: whose session. Required. */
  member_id?: string;
  /** It changes nothing, not even what is the member's own. */
  read_only?: boolean;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** How long it lasts, at most an hour, which it is when absent. Not longer than the key. */
  ttl?: string;
}

/** The session made. */
export interface CreatePortalSessionResponse {
  /** When it ends. */
  expire_time?: string;
  /** The token alone, `wbs_…`: a bearer token for every call of the API. */
  token?: string;
  /** The console, signed in. The token is behind `#`, which browsers send to no server. Shown here and never again. */
  url?: string;
}

/** Asks to make one rule. */
export interface CreateRuleRequest {
  /** What to make. Required. */
  rule?: Rule;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** Only check it, and answer as if it had been made. */
  validate_only?: boolean;
}

/** The rule made. */
export interface CreateRuleResponse {
  /** It. */
  rule?: Rule;
  /** What was taken although it is odd, a sentence each: patterns that no event type of the catalog matches. */
  warnings?: string[];
}

/** Asks to make a silence. */
export interface CreateSilenceRequest {
  /** What to make. Required. */
  silence?: Silence;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** Only check it, and answer as if it had been made. */
  validate_only?: boolean;
}

/** The silence made. */
export interface CreateSilenceResponse {
  /** What it would have kept back lately; absent when the log could not be asked. */
  reach?: SilenceReach;
  /** It. */
  silence?: Silence;
  /** What may not be meant, such as a silence that matches more than half of last week's messages. */
  warnings?: string[];
}

/** Asks to make one team. */
export interface CreateTeamRequest {
  /** What to make. Required. */
  team?: Team;
  /** Only check it, and answer as if it had been made. */
  validate_only?: boolean;
}

/** The team made. */
export interface CreateTeamResponse {
  /** It. */
  team?: Team;
}

/** Asks to delete one API key. */
export interface DeleteApiKeyRequest {
  /** `key_…` */
  api_key_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** It is gone. */
export interface DeleteApiKeyResponse {
}

/** Asks to delete one channel. */
export interface DeleteChannelRequest {
  /** `chn_…` */
  channel_id?: string;
  /** When set: only if it has not changed since. */
  etag?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** It is gone. */
export interface DeleteChannelResponse {
}

/** Asks to delete one event type. */
export interface DeleteEventTypeRequest {
  /** When set: only if it has not changed since. */
  etag?: string;
  /** Such as `finding.created`. */
  name?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** It is gone. */
export interface DeleteEventTypeResponse {
}

/** Asks to delete one member. */
export interface DeleteMemberRequest {
  /** When set: only if it has not changed since. */
  etag?: string;
  /** `mbr_…` */
  member_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** It is gone. */
export interface DeleteMemberResponse {
}

/** Asks to delete one mention rule. */
export interface DeleteMentionRuleRequest {
  /** When set: only if it has not changed since. */
  etag?: string;
  /** `mnr_…` */
  mention_rule_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** It is gone. */
export interface DeleteMentionRuleResponse {
}

/** Asks to delete one rule. */
export interface DeleteRuleRequest {
  /** When set: only if it has not changed since. */
  etag?: string;
  /** `rul_…` */
  rule_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** It is gone. */
export interface DeleteRuleResponse {
}

/** Asks to delete one team. */
export interface DeleteTeamRequest {
  /** When set: only if it has not changed since. */
  etag?: string;
  /** `team_…`. */
  team_id?: string;
}

/** It is gone. */
export interface DeleteTeamResponse {
}

/** One route being carried out. */
export interface Delivery {
  /** The alert that the event belongs to, as it was then; absent for none. */
  alert?: AlertStatus;
  /** How many attempts there were. */
  attempt_count?: number;
  /** The attempts, oldest first. Only `GetDelivery`, `SendTest` and `WatchDeliveries` fill it. */
  attempts?: Attempt[];
  /** When it was made. */
  create_time?: string;
  /** When it ended; absent while it has not. */
  end_time?: string;
  /** The event it carries. */
  event_id?: string;
  /** The event's title. */
  event_title?: string;
  /** The event's type. */
  event_type?: string;
  /**
   * Why it has failed.
   *
   * At most one of `held`, `folded`, `parked`, `failed` is given.
   */
  failed?: Failed;
  /**
   * Why it is folded.
   *
   * At most one of `held`, `folded`, `parked`, `failed` is given.
   */
  folded?: Folded;
  /** How many deliveries it tells, when it is a summary: `summary_id` of `ListDeliveries` lists them. Only `GetDelivery` fills it. */
  folded_count?: number | string;
  /**
   * Why it is held.
   *
   * At most one of `held`, `folded`, `parked`, `failed` is given.
   */
  held?: Held;
  /** `dlv_…` */
  id?: string;
  /** When it is tried next; absent when it is not. */
  next_attempt_time?: string;
  /**
   * Why it is parked.
   *
   * At most one of `held`, `folded`, `parked`, `failed` is given.
   */
  parked?: Parked;
  /** The delivery that this one replays: itself when `Reroute` made it, since there was none before; empty when it is no replay. */
  replay_of?: string;
  /** Who gets it, and why. */
  route?: Route;
  /** The event's severity. */
  severity?: Severity;
  /** Where it stands. */
  state?: DeliveryState;
  /**
   * Why it stands there, in words: held until when, folded into what, parked since when, whose fault a failure is
   * and what to do.
   */
  state_message?: string;
  /** The owning team. */
  team_id?: string;
  /** Whether it is a test. */
  test?: boolean;
}

/** Deliveries that were made in a piece of the period. */
export interface DeliveryBucket {
  /** Its deliveries. */
  counts?: DeliveryCounts;
  /** When it begins. */
  start_time?: string;
}

/** Deliveries by state. */
export interface DeliveryCounts {
  /** Called off. */
  cancelled?: number | string;
  /** Done. */
  delivered?: number | string;
  /** Given up. */
  failed?: number | string;
  /** Told otherwise. */
  folded?: number | string;
  /** Waiting for quiet hours or a silence to end. */
  held?: number | string;
  /** Kept while the channel cannot send. */
  parked?: number | string;
  /** Waiting for an attempt, or in one. */
  pending?: number | string;
}

/** Which deliveries; what is empty takes all. */
export interface DeliveryFilter {
  /** Only to this address by email, in any case. */
  address?: string;
  /** Only of this channel: `chn_…`. */
  channel_id?: string;
  /** Only of this event. */
  event_id?: string;
  /** Only of this kind. */
  kind?: ChannelKind;
  /** Only to this member by email: `mbr_…`. */
  member_id?: string;
  /** Only replays. */
  replays_only?: boolean;
  /** Only what this rule decided: `rul_…`. */
  rule_id?: string;
  /** Only these severities. */
  severities?: Severity[];
  /** Only in these states. */
  states?: DeliveryState[];
  /** Only what this summary tells: `dlv_…`. */
  summary_id?: string;
  /** Only whose title or subject has this text, in any case of ASCII letters; at most 200 characters. */
  text?: string;
  /** Only event types that match one of these patterns: exact, or a group such as `finding.*`. At most 100. */
  types?: string[];
}

/** How long deliveries took that many of them did not exceed. */
export interface DeliveryLatency {
  /** All of them. */
  max?: string;
  /** Half of them. */
  p50?: string;
  /** 90%. */
  p90?: string;
  /** 99%. */
  p99?: string;
}

/** How deliveries of a channel are carried out. Unset fields take the kind's defaults. */
export interface DeliveryPolicy {
  /** Attempts at the same time; 1 to 64. */
  max_concurrency?: number;
  /** Attempts per second; 0 for no limit, except Slack, where it means 1. */
  max_per_second?: number;
  /**
   * Waits after the first attempt and after each retry; at most 10, each 1 second to 24 hours.
   * 1 min, 5 min, 30 min, 2 h, 12 h when empty.
   */
  retry_delays?: string[];
  /** Of one attempt; 1 to 60 seconds, 15 when absent. */
  timeout?: string;
}

/** What a team did in one period, each figure beside the period before. */
export interface Digest {
  /** Atlas alerts fired. */
  atlas_alerts?: Figure;
  /** Audits delivered. */
  audits_delivered?: Figure;
  /** Credits consumed. */
  credits_consumed?: Figure;
  /** Credits remaining at the period's end; absent when no event said. */
  credits_remaining?: number;
  /** Events of before the period that are counted in it, since they came after their own period's digest was made. */
  late_events?: number | string;
  /** Exclusive. */
  period_end?: string;
  /** Inclusive. */
  period_start?: string;
  /** Credits remaining at the end of the period before; absent when no event said. */
  previous_credits_remaining?: number;
  /** `team_…` */
  team_id?: string;
  /** Who acknowledged the most, at most five. */
  top_acknowledgers?: Contributor[];
  /** Who submitted the most audits, at most five. */
  top_submitters?: Contributor[];
}

/** One digest of one team and period. */
export interface DigestRun {
  /** When it was made. */
  create_time?: string;
  /** The event that carries it: look its deliveries up by this id. */
  event_id?: string;
  /** `run_…` */
  id?: string;
  /** Why it was not sent, in words. */
  message?: string;
  /** Exclusive. */
  period_end?: string;
  /** Inclusive. */
  period_start?: string;
  /** Who it went to. */
  recipients?: string[];
  /** Where it stands. */
  state?: DigestRunState;
  /** The owning team. */
  team_id?: string;
}

/** When a team's digest goes out, and to whom. */
export interface DigestSettings {
  /** Five fields of cron in the team's zone, which come once an hour at most; `0 9 * * MON` when empty. */
  cron?: string;
  /** Changes with every change. */
  etag?: string;
  /** No digest at all. */
  paused?: boolean;
  /** Addresses; the Owners when empty. */
  recipients?: string[];
}

/** Addresses, by a mail server. */
export interface EmailDestination {
  /** Who gets what a rule sends here; at most 50. May be empty on a channel that only names the team's server. */
  recipients?: string[];
  /** The team's own server; the platform's when absent. */
  smtp?: SmtpServer;
  /** Those of the recipients who have not confirmed yet that they want these emails, and get none until then. Output only. */
  unconfirmed_recipients?: UnconfirmedRecipient[];
}

/** Asks to accept several events of one team. */
export interface EmitBatchRequest {
  /** At most 1,000. */
  events?: Event[];
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** What became of each event, in the order of the request. */
export interface EmitBatchResponse {
  /** One for each event. */
  results?: EmitResult[];
}

/** Asks to accept one event. */
export interface EmitRequest {
  /** The event. Required. */
  event?: Event;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** The event is on disk. */
export interface EmitResponse {
  /** True when the id was accepted before: nothing was sent now, and the routes are the first ones. */
  duplicate?: boolean;
  /** The event's id, made here when none was given. */
  event_id?: string;
  /** How many get it, listed or not. */
  route_count?: number;
  /**
   * Who gets it, and why. In the answer to a batch, channels only, and those only while the answer stays small;
   * `GetEvent` of the Dispatcher has all.
   */
  routes?: Route[];
}

/** What became of one event. */
export interface EmitResult {
  /**
   * It is on disk.
   *
   * At most one of `accepted`, `refused` is given.
   */
  accepted?: EmitResponse;
  /**
   * It was refused, with the same code and details that `Emit` would answer.
   *
   * At most one of `accepted`, `refused` is given.
   */
  refused?: Status;
}

/** Tell others of an alert that is open and that nobody has acknowledged: one step, once. */
export interface Escalate {
  /**
   * How long after the alert began, or got worse, so that the rule told of it; 1 minute to 30 days. A snooze puts it off
   * until it ends.
   */
  after?: string;
  /** `chn_…`, 1 to 20: Slack, Teams, email or in-app. Those that are paused or deleted are passed over. */
  channel_ids?: string[];
}

/** Who else is told, once, of an alert that nobody acknowledges. */
export interface Escalation {
  /** How long after the event. */
  after?: string;
  /** Who then. */
  routes?: Route[];
}

/** A fact that a backend emitted. */
export interface Event {
  /** The catalog's default when unspecified. */
  category?: Category;
  /**
   * As a protobuf struct: convenient, but every number is a double. NaN and infinities are refused.
   *
   * At most one of `data`, `data_json` is given.
   */
  data?: Record<string, unknown>;
  /**
   * As the JSON text of one object: delivered and read back byte for byte, and cheaper. No key may be given twice.
   *
   * At most one of `data`, `data_json` is given.
   */
  data_json?: string;
  /**
   * The alert that it belongs to, instead of the one that its type names: 1 to 128 visible ASCII characters. An event whose
   * type names none triggers it. Refused for receipts. In answers: the key of the alert that it belongs to.
   */
  dedup_key?: string;
  /**
   * Unique in the team, 1 to 128 visible ASCII characters; the receiver's idempotency key.
   * Made by the Router when empty.
   */
  id?: string;
  /** When it happened; the time of acceptance when absent. At most 24 hours ahead. */
  occurred_at?: string;
  /** The catalog's default when unspecified. */
  severity?: Severity;
  /** The part of the platform it came from, such as `cspm`; free text of at most 64 characters. */
  source?: string;
  /** What it is about, such as a repository or a cluster; at most 256 characters. */
  subject?: string;
  /** True only for what `SendTest` makes; refused on `Emit`. */
  test?: boolean;
  /** One line for people, at most 300 characters; the catalog's title when empty. */
  title?: string;
  /** An entry of the catalog, such as `finding.created`. Required. */
  type?: string;
  /** Where to look closer: an http or https URL of at most 2,048 characters. */
  url?: string;
}

/** The alert that an event belongs to. */
export interface EventAlert {
  /** What the event does to it. */
  action?: AlertAction;
  /**
   * The same for all events of one alert: `Event.dedup_key`, or the field of the event's data that its type names,
   * such as `finding_id=F-17`.
   */
  key?: string;
}

/** Which events. Every condition that is set must hold; one left empty matches all. */
export interface EventFilter {
  /** Any of these. */
  categories?: Category[];
  /**
   * A CEL expression over `event` that must be true; at most 2,000 characters. One that can never be true, by its types or
   * an unknown field of `event`, is refused. One that fails on an event, or would take too long on data as large as the
   * event's, counts as no match; `Explain` says so.
   */
  expression?: string;
  /** Any of these. */
  severities?: Severity[];
  /** Any of these, compared without regard to case in any script. */
  sources?: string[];
  /** Patterns: an exact type, a group such as `finding.*`, or `*`. */
  types?: string[];
}

/** An entry of the catalog. */
export interface EventType {
  /** Which alert its events belong to, and what they do to it; absent for none. */
  alert?: AlertSpec;
  /** What alerts by default. */
  alert_policy?: AlertPolicy;
  /** Whether it comes with Watchbell; such an entry cannot be changed. Output only. */
  built_in?: boolean;
  /** SYSTEM_NOTIFICATION when unspecified. */
  category?: Category;
  /** JSON Schema, draft 2020-12, of `data`; any object when absent. Remote references are refused. */
  data_schema?: Record<string, unknown>;
  /** INFO when unspecified. */
  default_severity?: Severity;
  /** What it says, in one line. */
  description?: string;
  /** Changes with every change; empty for a built-in one. */
  etag?: string;
  /** An example of `data`. */
  example?: Record<string, unknown>;
  /** Dotted and lower-case, such as `finding.created`. Required. */
  name?: string;
  /** The title when an event brings none. */
  title?: string;
  /** The email topic; empty for none. */
  topic?: string;
}

/** Asks to end a silence now. */
export interface ExpireSilenceRequest {
  /** `sil_…` */
  silence_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** The silence as it is now. */
export interface ExpireSilenceResponse {
  /** It. */
  silence?: Silence;
}

/** Asks who would get an event, real or imagined. */
export interface ExplainRequest {
  /**
   * With `event_id`: by the configuration that was in force when the event was accepted, and not by today's. FAILED_PRECONDITION with
   * the reason `BEFORE_HISTORY` when that is not kept any more. Channels count as healthy, since their health then is not kept.
   */
  as_of_then?: boolean;
  /** The moment to judge quiet hours and silences at; now when absent. */
  at?: string;
  /** A draft of the team's document, judged as if it were applied; not with `as_of_then`. */
  draft_document?: string;
  /**
   * Rules that are not saved, judged as if they were; at most 50. One with the id of a rule stands in for it; one without an
   * id is a new one. `position` is its place in the order; when 0, a rule stays where it is, and a new one is the last.
   */
  draft_rules?: Rule[];
  /** The event. Required; its id may be empty. Without data, the example of its type in the catalog stands in. */
  event?: Event;
  /** A stored event, by its id, in place of `event`. `at` is then when it was accepted, unless it is given. */
  event_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** The decision and its reasons. */
export interface ExplainResponse {
  /** When it was accepted. */
  accept_time?: string;
  /** Which alert it belongs to, and what it does to it. */
  alert?: ExplainedAlert;
  /** The stored event that was asked for by its id. */
  event?: Event;
  /** Whether the event brought no data, and the example of its type in the catalog stood in. */
  example_data?: boolean;
  /** The revision of the team's snapshot that was asked. */
  revision?: number | string;
  /** Who would get it. */
  routes?: Route[];
  /** Everything that was considered, in order. */
  steps?: ExplanationStep[];
  /** Who got it, as it was decided then. */
  stored_routes?: Route[];
}

/** The alert that an event belongs to. */
export interface ExplainedAlert {
  /** What the event does to it; unspecified when it belongs to none. */
  action?: AlertAction;
  /**
   * What the event would do to it, or did, and who hears of that. Absent when it belongs to none, to callers who may not read
   * deliveries, and while the Dispatcher is away.
   */
  explanation?: AlertExplanation;
  /** The alert's key; empty when it belongs to none. */
  key?: string;
  /** The same as one English sentence, or why it belongs to none. */
  sentence?: string;
}

/** One thing that was considered while deciding. */
export interface ExplanationStep {
  /** Until when a delivery made now would wait, for stage `hold`. */
  held_until?: string;
  /** The kind it concerns; unspecified when it concerns all. */
  kind?: ChannelKind;
  /** What came of it. */
  outcome?: StepOutcome;
  /** Why, as one English sentence: the condition that failed or matched. */
  sentence?: string;
  /** What was asked, such as `rule`, `default_channel`, `webhook`, `preference`, `inbox`, `receipt`, `plan`, `hold`, `alert`. */
  stage?: string;
  /** The rule, channel or member that was asked, by id; empty when none. */
  subject_id?: string;
  /** Its name for people. */
  subject_name?: string;
}

/** Asks for the configuration as a document. */
export interface ExportTeamConfigRequest {
  /**
   * The revision to answer, as far back as changes are kept; the present one when 0. FAILED_PRECONDITION with the reason
   * `BEFORE_HISTORY` for one from before.
   */
  revision?: number | string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** The configuration as a document. */
export interface ExportTeamConfigResponse {
  /** YAML, at most 3 MiB; a larger one is RESOURCE_EXHAUSTED. */
  document?: string;
  /** The configuration's revision. */
  revision?: number | string;
}

/** An expression of a filter that could not be evaluated, which counts as no match. */
export interface ExpressionFailure {
  /**
   * A channel's, in its filter or its triggers: `chn_…`
   *
   * At most one of `channel_id`, `rule_id` is given.
   */
  channel_id?: string;
  /** How many evaluations have failed. */
  count?: number | string;
  /** The name of the channel or rule. Output only. */
  display_name?: string;
  /** Why the newest one failed, in words. */
  error?: string;
  /** The expression. Output only. */
  expression?: string;
  /** When that was. */
  last_time?: string;
  /**
   * A rule's: `rul_…`
   *
   * At most one of `channel_id`, `rule_id` is given.
   */
  rule_id?: string;
}

/** Why a delivery has failed. */
export interface Failed {
  /** The last attempt's word for its error, such as `slack.no_service` or `timeout`. */
  error_code?: string;
  /** Why it was not tried again. */
  reason?: FailedReason;
  /** The summary that has failed, if it is one: `dlv_…`. */
  summary_id?: string;
}

/** A figure and the same of the period before. */
export interface Figure {
  /** This period. */
  current?: number;
  /** The period before. */
  previous?: number;
}

/** Why a delivery is folded. */
export interface Folded {
  /** The alert that it counts for, or whose later news tell it. */
  alert_key?: string;
  /** Into what. */
  reason?: FoldedReason;
  /** The silence whose account it belongs to, if it is one. */
  silence_id?: string;
  /** The delivery of the summary that tells it: `dlv_…`; empty without one, and until it is made. */
  summary_id?: string;
  /** When the summary is made, while it waits for that. */
  until_time?: string;
}

/** Asks for one alert. */
export interface GetAlertRequest {
  /** The alert's key. */
  key?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** One alert. */
export interface GetAlertResponse {
  /** It. */
  alert?: Alert;
}

/** Asks for the last move of a team. */
export interface GetCellMoveRequest {
  /** `team_…` */
  team_id?: string;
}

/** The last move of a team. */
export interface GetCellMoveResponse {
  /** It. */
  move?: CellMove;
}

/** Asks for one channel. */
export interface GetChannelRequest {
  /** `chn_…` */
  channel_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** One channel. */
export interface GetChannelResponse {
  /** It. */
  channel?: Channel;
}

/** Asks who gets receipts. */
export interface GetComplianceRecipientsRequest {
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** Who gets receipts. */
export interface GetComplianceRecipientsResponse {
  /** Addresses; the Owners get receipts when empty. */
  recipients?: string[];
}

/** Asks for one delivery. */
export interface GetDeliveryRequest {
  /** `dlv_…` */
  delivery_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** One delivery. */
export interface GetDeliveryResponse {
  /** With its attempts. */
  delivery?: Delivery;
}

/** Asks how many deliveries there are. */
export interface GetDeliveryStatsRequest {
  /**
   * How long each piece of the period is: a minute at least, so that there are at most 400. An hour when absent, or a day for
   * periods of more than a week.
   */
  bucket_length?: string;
  /** Only made before; now when absent. */
  end_time?: string;
  /** Which of them. */
  filter?: DeliveryFilter;
  /** Only made at or after; a day before the end when absent. */
  start_time?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** How many deliveries there are. */
export interface GetDeliveryStatsResponse {
  /** By when they were made, oldest first; pieces without a delivery, too. */
  buckets?: DeliveryBucket[];
  /** By channel, those with the most deliveries first. */
  channels?: ChannelDeliveryCounts[];
  /** Present when there are more deliveries than one call counts: only those made after this were counted. */
  counted_from_time?: string;
  /** All of them. */
  counts?: DeliveryCounts;
  /** Its end. */
  end_time?: string;
  /** From accepted to delivered, with every wait and retry; absent when nothing was delivered. */
  latency?: DeliveryLatency;
  /** By severity, the worst first. */
  severities?: SeverityDeliveryCounts[];
  /** The period. */
  start_time?: string;
}

/** Asks for the digest's settings. */
export interface GetDigestSettingsRequest {
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** The digest's settings. */
export interface GetDigestSettingsResponse {
  /** They. */
  settings?: DigestSettings;
}

/** Asks for one event. */
export interface GetEventRequest {
  /** The event's id. */
  event_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** One event. */
export interface GetEventResponse {
  /** It. */
  event?: AcceptedEvent;
}

/** Asks for one event type. */
export interface GetEventTypeRequest {
  /** Such as `finding.created`. */
  name?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** One event type. */
export interface GetEventTypeResponse {
  /** It. */
  event_type?: EventType;
}

/** Asks how a team's kinds of channels fare. */
export interface GetIntegrationStatusRequest {
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** How they fare. */
export interface GetIntegrationStatusResponse {
  /**
   * The Dispatcher did not answer: of last successes, failures and what waits only that is here which it had
   * reported before.
   */
  dispatcher_away?: boolean;
  /**
   * Expressions of channels and rules that have failed in the last seven days, the newest failure first. They count as no
   * match: mend those that read a field which not every event has, `has(event.data.score) && event.data.score > 7`.
   */
  expression_failures?: ExpressionFailure[];
  /** One for each kind. */
  integrations?: IntegrationStatus[];
  /** Recipients of email channels, receipts and the digest who have not confirmed yet. */
  unconfirmed_recipients?: UnconfirmedRecipient[];
}

/** Asks for one member. */
export interface GetMemberRequest {
  /** `mbr_…` */
  member_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** One member. */
export interface GetMemberResponse {
  /** It. */
  member?: Member;
}

/** Asks for one mention rule. */
export interface GetMentionRuleRequest {
  /** `mnr_…` */
  mention_rule_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** One mention rule. */
export interface GetMentionRuleResponse {
  /** It. */
  mention_rule?: MentionRule;
}

/** Asks for a member's preferences. */
export interface GetPreferencesRequest {
  /** `mbr_…` */
  member_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** A member's preferences. */
export interface GetPreferencesResponse {
  /** One for every topic. */
  preferences?: Preference[];
}

/** Asks for one rule. */
export interface GetRuleRequest {
  /** `rul_…` */
  rule_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** One rule. */
export interface GetRuleResponse {
  /** It. */
  rule?: Rule;
}

/** Asks who the caller is. */
export interface GetSelfRequest {
}

/** Who the caller is. */
export interface GetSelfResponse {
  /** Whether it may manage the team itself, its members and API keys. */
  administers?: boolean;
  /**
   * An API key.
   *
   * At most one of `api_key`, `member` is given.
   */
  api_key?: ApiKey;
  /** When the key or the session expires; absent for keys that do not, and for members with a token of their own. */
  expire_time?: string;
  /**
   * A signed-in user of the platform.
   *
   * At most one of `api_key`, `member` is given.
   */
  member?: Member;
  /** A session that changes nothing. */
  read_only?: boolean;
  /** Everything the caller may do, implied scopes included. What a member may do is said in the scopes of keys. */
  scopes?: Scope[];
  /** The one team that the caller acts in; empty when it must name a team. */
  team_id?: string;
}

/** Asks for one silence. */
export interface GetSilenceRequest {
  /** `sil_…` */
  silence_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** One silence. */
export interface GetSilenceResponse {
  /** It. */
  silence?: Silence;
}

/** Asks for one team. */
export interface GetTeamRequest {
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** One team. */
export interface GetTeamResponse {
  /** It. */
  team?: Team;
}

/** Asks how many are unread. */
export interface GetUnreadCountRequest {
  /** Who asks: `mbr_…`. Required. */
  member_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** How many are unread. */
export interface GetUnreadCountResponse {
  /** Unread and not archived. */
  unread_count?: number | string;
}

/** One message instead of many: events of the same values are gathered for a while. */
export interface Group {
  /** How many events make the message go at once: 2 to 1,000. 0 means 1,000. */
  at_most?: number;
  /**
   * What events of one message have in common, at most 5: `type`, `subject`, or fields of the data such as `data.scan_id`.
   * None: whatever the rule sends to a channel comes together. An event without a field has a value of its own there.
   */
  by?: string[];
  /** How long after the first of them the message goes: 1 second to 24 hours. */
  wait?: string;
}

/** What the events of one message have in common. */
export interface GroupValue {
  /** `type`, `subject` or a field of the data such as `data.scan_id`. */
  path?: string;
  /** Its value, shortened to 100 characters; absent when the event has none. */
  value?: string;
}

/** Why a delivery is held. */
export interface Held {
  /** By what. */
  reason?: HeldReason;
  /** The silence, if it is one. */
  silence_id?: string;
  /** Until when; absent when that is not known yet. */
  until_time?: string;
}

/** A header of a request. */
export interface HttpHeader {
  /** A token of RFC 9110 section 5.6.2. */
  name?: string;
  /**
   * Input only; kept when an update leaves it empty under the same name and the URL stays. With another URL it must be
   * given again.
   */
  value?: string;
}

/** The in-app inbox. */
export interface InAppDestination {
}

/** The team's in-app inbox. */
export interface InboxTarget {
}

/** Asks what a token would confirm. */
export interface InspectRecipientConfirmationRequest {
  /** From the link. */
  token?: string;
}

/** What a token would confirm. */
export interface InspectRecipientConfirmationResponse {
  /** It was confirmed already. */
  confirmed?: boolean;
  /** The address, masked. */
  masked_address?: string;
  /** The token confirms nothing any more: it is too old, or the address is no recipient any more. */
  outdated?: boolean;
  /** The name of the team that asks. */
  team_display_name?: string;
}

/** Asks what a token stands for. */
export interface InspectUnsubscribeTokenRequest {
  /** From the link. */
  token?: string;
}

/** What a token stands for. */
export interface InspectUnsubscribeTokenResponse {
  /** The member's address, masked. */
  masked_address?: string;
  /** `mbr_…` */
  member_id?: string;
  /**
   * The token changes nothing any more: the member has left the team or has another address, or the channel is gone.
   * Only `masked_address` and `topic` are set.
   */
  outdated?: boolean;
  /** Every topic as it stands. */
  preferences?: Preference[];
  /** `team_…` */
  team_id?: string;
  /** The topic of the email. */
  topic?: string;
}

/** How one kind of channel is set up in a team, and how it fares. */
export interface IntegrationStatus {
  /** How many enabled channels there are. */
  channel_count?: number;
  /**
   * Whether the kind works: at least one enabled channel exists, or it needs none, as the inbox and, where the platform
   * has a mail server, email. An email channel without any mail server does not.
   */
  configured?: boolean;
  /** The default channel of the kind, if any: `chn_…`. */
  default_channel_id?: string;
  /** UNHEALTHY when any enabled channel of the kind is. */
  health?: ChannelHealth;
  /** The kind. */
  kind?: ChannelKind;
  /** The newest failure, in words; empty when there was none. */
  last_error?: string;
  /** When the newest failure was; absent when there was none. */
  last_error_time?: string;
  /** When something last got through on the kind; absent when nothing has. */
  last_success_time?: string;
  /** When the oldest waiting delivery of the kind was made; absent when nothing waits. */
  oldest_waiting_time?: string;
  /** How many of them are unhealthy. */
  unhealthy_count?: number;
  /** What is set up and cannot work, a sentence each: email channels where there is no mail server. */
  warnings?: string[];
}

/** Asks for a page of alerts. */
export interface ListAlertsRequest {
  /** Only that began before. */
  end_time?: string;
  /** Only alerts that began with an event of this type. */
  event_type?: string;
  /** At most 1,000; 50 when 0. */
  page_size?: number;
  /** Of the page before; empty for the first. */
  page_token?: string;
  /** Only these severities. */
  severities?: Severity[];
  /** Only that began at or after. */
  start_time?: string;
  /** Only in these states; those that have not ended when empty. */
  states?: AlertState[];
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** A page of alerts. */
export interface ListAlertsResponse {
  /** Those that began last first. */
  alerts?: Alert[];
  /** Of the next page; empty on the last. */
  next_page_token?: string;
}

/** Asks for a page of API keys. */
export interface ListApiKeysRequest {
  /** At most 1,000; 50 when 0. */
  page_size?: number;
  /** Of the page before; empty for the first. */
  page_token?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** A page of API keys. */
export interface ListApiKeysResponse {
  /** In a stable order. */
  api_keys?: ApiKey[];
  /** Of the next page; empty on the last. */
  next_page_token?: string;
}

/** Asks for all cells. */
export interface ListCellsRequest {
}

/** All cells. */
export interface ListCellsResponse {
  /** `main` first, the others by name. */
  cells?: Cell[];
}

/** Asks for a page of channels. */
export interface ListChannelsRequest {
  /** Only this kind; all when unspecified. */
  kind?: ChannelKind;
  /** At most 1,000; 50 when 0. */
  page_size?: number;
  /** Of the page before; empty for the first. */
  page_token?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** A page of channels. */
export interface ListChannelsResponse {
  /** In a stable order. */
  channels?: Channel[];
  /** Of the next page; empty on the last. */
  next_page_token?: string;
}

/** Asks for a page of changes of a team's configuration. */
export interface ListConfigChangesRequest {
  /** Only changes of this actor: the id, or the name exactly. */
  actor?: string;
  /** Only changes made before. */
  end_time?: string;
  /** At most 200; 50 when 0. */
  page_size?: number;
  /** Of the page before; empty for the first. */
  page_token?: string;
  /** Only changes made at or after. */
  start_time?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** A page of changes of a team's configuration. */
export interface ListConfigChangesResponse {
  /** Of the next page; empty on the last. */
  next_page_token?: string;
  /** Newest first. */
  revisions?: ConfigRevision[];
}

/** Asks for a page of deliveries. */
export interface ListDeliveriesRequest {
  /** Only to this address by email, in any case. */
  address?: string;
  /** Only of this channel: `chn_…`. */
  channel_id?: string;
  /** Only made before. */
  end_time?: string;
  /** Only of this event. */
  event_id?: string;
  /** Only of this event type. */
  event_type?: string;
  /** Only of this kind. */
  kind?: ChannelKind;
  /** Only to this member by email: `mbr_…`. */
  member_id?: string;
  /** At most 1,000; 50 when 0. */
  page_size?: number;
  /** Of the page before; empty for the first. */
  page_token?: string;
  /** Only replays. */
  replays_only?: boolean;
  /** Only what this rule decided: `rul_…`. */
  rule_id?: string;
  /** Only these severities. */
  severities?: Severity[];
  /** Only made at or after. */
  start_time?: string;
  /** Only in these states. */
  states?: DeliveryState[];
  /** Only what this summary tells: `dlv_…`. */
  summary_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** Only whose title or subject has this text, in any case of ASCII letters; at most 200 characters. */
  text?: string;
  /** Only event types that match one of these patterns: exact, or a group such as `finding.*`. At most 100. */
  types?: string[];
}

/** A page of deliveries. */
export interface ListDeliveriesResponse {
  /** Newest first. */
  deliveries?: Delivery[];
  /**
   * Of the next page; empty on the last. A page examines a bounded number of rows: while there is a token, go on, even when
   * the page is short or empty.
   */
  next_page_token?: string;
}

/** Asks for a page of runs. */
export interface ListDigestRunsRequest {
  /** At most 1,000; 50 when 0. */
  page_size?: number;
  /** Of the page before; empty for the first. */
  page_token?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** A page of runs. */
export interface ListDigestRunsResponse {
  /** Newest first. */
  digest_runs?: DigestRun[];
  /** Of the next page; empty on the last. */
  next_page_token?: string;
}

/** Asks for a page of event types. */
export interface ListEventTypesRequest {
  /** At most 1,000; 50 when 0. */
  page_size?: number;
  /** Of the page before; empty for the first. */
  page_token?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** A page of event types. */
export interface ListEventTypesResponse {
  /** In a stable order. */
  event_types?: EventType[];
  /** Of the next page; empty on the last. */
  next_page_token?: string;
}

/** Asks for a page of events. */
export interface ListEventsRequest {
  /** Only that were accepted at or after. */
  accept_start_time?: string;
  /** Only of these categories. */
  categories?: Category[];
  /** Only that occurred before. */
  end_time?: string;
  /** Tests too. */
  include_tests?: boolean;
  /** At most 1,000; 50 when 0. A page has fewer events when their payloads are large. */
  page_size?: number;
  /** Of the page before; empty for the first. */
  page_token?: string;
  /** Only these severities. */
  severities?: Severity[];
  /** Only from one of these sources, in any case of ASCII letters; at most 50. */
  sources?: string[];
  /** Only that occurred at or after. */
  start_time?: string;
  /** Only about this subject. */
  subject?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** Only whose title or subject has this text, in any case of ASCII letters; at most 200 characters. */
  text?: string;
  /**
   * Only types that match one of these patterns; at most 100. Operational events, such as `config.changed`, are listed only where a
   * pattern other than `*` names them.
   */
  types?: string[];
}

/** A page of events. */
export interface ListEventsResponse {
  /** Newest first. */
  events?: AcceptedEvent[];
  /**
   * Of the next page; empty on the last. A page examines a bounded number of rows: while there is a token, go on, even when
   * the page is short or empty.
   */
  next_page_token?: string;
}

/** Asks for a page of members. */
export interface ListMembersRequest {
  /** At most 1,000; 50 when 0. */
  page_size?: number;
  /** Of the page before; empty for the first. */
  page_token?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** A page of members. */
export interface ListMembersResponse {
  /** In a stable order. */
  members?: Member[];
  /** Of the next page; empty on the last. */
  next_page_token?: string;
}

/** Asks for a page of mention rules. */
export interface ListMentionRulesRequest {
  /** At most 1,000; 50 when 0. */
  page_size?: number;
  /** Of the page before; empty for the first. */
  page_token?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** A page of mention rules. */
export interface ListMentionRulesResponse {
  /** In a stable order. */
  mention_rules?: MentionRule[];
  /** Of the next page; empty on the last. */
  next_page_token?: string;
}

/** Asks for a page of notifications. */
export interface ListNotificationsRequest {
  /** Archived ones, too. */
  include_archived?: boolean;
  /** Who asks: `mbr_…`. Required. */
  member_id?: string;
  /** At most 1,000; 50 when 0. */
  page_size?: number;
  /** Of the page before; empty for the first. */
  page_token?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** Only unread ones. */
  unread_only?: boolean;
}

/** A page of notifications. */
export interface ListNotificationsResponse {
  /** Of the next page; empty on the last. */
  next_page_token?: string;
  /** Newest first. */
  notifications?: Notification[];
}

/** Asks for a page of rules. */
export interface ListRulesRequest {
  /** At most 1,000; 50 when 0. */
  page_size?: number;
  /** Of the page before; empty for the first. */
  page_token?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** A page of rules. */
export interface ListRulesResponse {
  /** Of the next page; empty on the last. */
  next_page_token?: string;
  /** In a stable order. */
  rules?: Rule[];
}

/** Asks for a page of silences. */
export interface ListSilencesRequest {
  /** At most 1,000; 50 when 0. */
  page_size?: number;
  /** Of the page before; empty for the first. */
  page_token?: string;
  /** Those that have ended, too. They are kept for 90 days, the newest 1,000 of them. */
  show_expired?: boolean;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** A page of silences. */
export interface ListSilencesResponse {
  /** Of the next page; empty on the last. */
  next_page_token?: string;
  /** Oldest first. */
  silences?: Silence[];
}

/** Asks for a page of teams. */
export interface ListTeamsRequest {
  /** At most 1,000; 50 when 0. */
  page_size?: number;
  /** Of the page before; empty for the first. */
  page_token?: string;
}

/** A page of teams. */
export interface ListTeamsResponse {
  /** Of the next page; empty on the last. */
  next_page_token?: string;
  /** In a stable order. */
  teams?: Team[];
}

/** Asks to mark everything as read. */
export interface MarkAllReadRequest {
  /** Who asks: `mbr_…`. Required. */
  member_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** Everything is read. */
export interface MarkAllReadResponse {
}

/** Asks to mark some as read. */
export interface MarkReadRequest {
  /** Who asks: `mbr_…`. Required. */
  member_id?: string;
  /** `ntf_…`, at most 1,000. */
  notification_ids?: string[];
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** They are read. */
export interface MarkReadResponse {
  /** How many are unread now. */
  unread_count?: number | string;
}

/** Asks to mark some as unread again. */
export interface MarkUnreadRequest {
  /** Who asks: `mbr_…`. Required. */
  member_id?: string;
  /** `ntf_…`, at most 1,000. */
  notification_ids?: string[];
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** They are unread. */
export interface MarkUnreadResponse {
  /** How many are unread now. */
  unread_count?: number | string;
}

/** A user of a team. */
export interface Member {
  /** Output only. */
  create_time?: string;
  /** The name shown; at most 120 characters. */
  display_name?: string;
  /** Unique in the team, compared without regard to case. Required. */
  email?: string;
  /** Changes with every change. */
  etag?: string;
  /** `mbr_…`. Output only. */
  id?: string;
  /** Permissions beyond those of the role. */
  permissions?: Permission[];
  /** MEMBER when unspecified. */
  role?: Role;
  /** `U…` or `W…`; empty when unknown. */
  slack_user_id?: string;
  /** The owning team. Output only. */
  team_id?: string;
  /** Output only. */
  update_time?: string;
}

/** Somebody called by name in a chat message. */
export interface Mention {
  /**
   * Everybody active in the Slack channel (`@here`).
   *
   * At most one of `slack_user`, `slack_group`, `here`, `teams_user`, `member_id` is given.
   */
  here?: boolean;
  /**
   * A member of the team, `mbr_…`, by the member's Slack user id. Only in mention rules.
   *
   * At most one of `slack_user`, `slack_group`, `here`, `teams_user`, `member_id` is given.
   */
  member_id?: string;
  /**
   * A Slack user group id, `S…`.
   *
   * At most one of `slack_user`, `slack_group`, `here`, `teams_user`, `member_id` is given.
   */
  slack_group?: string;
  /**
   * A Slack user id, `U…` or `W…`.
   *
   * At most one of `slack_user`, `slack_group`, `here`, `teams_user`, `member_id` is given.
   */
  slack_user?: string;
  /**
   * A Teams user.
   *
   * At most one of `slack_user`, `slack_group`, `here`, `teams_user`, `member_id` is given.
   */
  teams_user?: TeamsUser;
}

/** Calls people by name in Slack and Teams messages about certain events. */
export interface MentionRule {
  /** Output only. */
  create_time?: string;
  /** Changes with every change. */
  etag?: string;
  /** `mnr_…`. Output only. */
  id?: string;
  /** Who; at least one, at most 20. */
  mentions?: Mention[];
  /** Any of these; all when empty. */
  severities?: Severity[];
  /** The owning team. Output only. */
  team_id?: string;
  /** Patterns; at least one. */
  types?: string[];
  /** Output only. */
  update_time?: string;
}

/** Asks to move a rule. */
export interface MoveRuleRequest {
  /** Its new place, from 1; beyond the end means last. */
  position?: number;
  /** `rul_…` */
  rule_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** The order as it is now. */
export interface MoveRuleResponse {
  /**
   * All rules of the team, in order. When they are too large for one answer, all but the moved one have only their id,
   * name, position and etag.
   */
  rules?: Rule[];
}

/** Asks to move a team. */
export interface MoveTeamRequest {
  /** `team_…` */
  team_id?: string;
  /** The name of the cell that it is to live in. */
  to_cell?: string;
}

/** Where the move stands. */
export interface MoveTeamResponse {
  /** It. */
  move?: CellMove;
}

/** A row of the in-app inbox. */
export interface Notification {
  /** The alert that it tells of, as it is now; absent for none. An alert has one row, which its next news replaces. */
  alert?: AlertStatus;
  /** Whether the member asking has archived it. */
  archived?: boolean;
  /** When it came in. */
  create_time?: string;
  /** Its place in the inbox: grows. Give it back to `Watch` to go on after it. */
  cursor?: number | string;
  /** The event it tells of. */
  event_id?: string;
  /** The event's type. */
  event_type?: string;
  /** `ntf_…` */
  id?: string;
  /** Whether the member asking has read it. */
  read?: boolean;
  /** The event's severity. */
  severity?: Severity;
  /** The part of the platform it came from. */
  source?: string;
  /** What it is about. */
  subject?: string;
  /** The owning team. */
  team_id?: string;
  /** Whether it is a test. */
  test?: boolean;
  /** One line. */
  title?: string;
  /** Where to look closer; may be empty. */
  url?: string;
}

/** Why a delivery is parked. */
export interface Parked {
  /** Why, and what takes it up again. */
  reason?: ParkedReason;
  /** Since when its channel is unhealthy; absent for other reasons. */
  unhealthy_since_time?: string;
}

/** A member, by email. */
export interface PersonTarget {
  /** The address at the time of the decision. */
  address?: string;
  /**
   * An email channel that a rule sends to as well and that lists this address, `chn_…`: by it the mail still goes when
   * the member has turned the topic off. Empty when there is none.
   */
  channel_id?: string;
  /** `mbr_…` */
  member_id?: string;
  /** The topic that the member can turn off, such as `findings`. */
  topic?: string;
}

/** What a member wants to hear by email about one topic. */
export interface Preference {
  /** Whether it is the default, resolved from role and plan, and not the member's own word. Output only. */
  is_default?: boolean;
  /** Off, on, or on for certain severities. */
  setting?: PreferenceSetting;
  /** With SEVERITIES: which. */
  severities?: Severity[];
  /** Such as `findings`; see the catalog's topics. */
  topic?: string;
}

/** Asks for a preview. */
export interface PreviewDigestRequest {
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** A preview. */
export interface PreviewDigestResponse {
  /** The figures. */
  digest?: Digest;
  /** The `text/html` part. */
  html?: string;
  /** Who would get it. */
  recipients?: string[];
  /** One line. */
  subject?: string;
  /** The `text/plain` part. */
  text?: string;
}

/** When a channel holds what is not urgent, and delivers it in order at the window's end. */
export interface QuietHours {
  /** One summary message at the end instead of many. */
  coalesce?: boolean;
  /** Severities that pass anyway; CRITICAL when empty. */
  passing_severities?: Severity[];
  /** An IANA zone; the team's when empty. */
  time_zone?: string;
  /** At least one, at most 20. A channel without quiet hours has no message of this kind. */
  windows?: QuietWindow[];
}

/**
 * One window of local times. It is one stretch of time, also in a night in which an hour comes twice: from the first time
 * that the clock shows `start` to the last time that it shows `end`.
 */
export interface QuietWindow {
  /** `HH:MM`, exclusive. At or before `start` it means the next day. */
  end?: string;
  /** `HH:MM`, inclusive. */
  start?: string;
  /** The days on which it starts; every day when empty. */
  weekdays?: Weekday[];
}

/** Why a route was taken. Stored with the delivery. */
export interface Reason {
  /** A stable word, such as `rule_matched` or `default_channel`. */
  code?: string;
  /** The rule that decided it, if one did: `rul_…`. */
  rule_id?: string;
  /** The same as one English sentence. */
  sentence?: string;
}

/**
 * Whoever gets the team's receipts when it is sent. Used when the team had neither a compliance recipient nor an Owner:
 * the receipt is kept until there is one.
 */
export interface ReceiptsTarget {
}

/** Asks to take up what failed or was parked. */
export interface RecoverRequest {
  /** `chn_…`. Required, unless there is a filter. */
  channel_id?: string;
  /** Only what was made before; now when absent. */
  end_time?: string;
  /**
   * Which of the failed and parked deliveries; at most 100,000, the newest. Those of channels that are unhealthy or paused stay as they
   * are, unless `channel_id` names the channel: then the call is refused.
   */
  filter?: DeliveryFilter;
  /** So many are sent each second at most, 1 to 1,000. When 0: 50 with a filter, and as fast as the channel takes them without. */
  per_second?: number;
  /** Only what was made at or after; required. */
  start_time?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** Only count. */
  validate_only?: boolean;
}

/** What was taken up. */
export interface RecoverResponse {
  /** The same by channel, those with the most first. */
  channels?: ResendCount[];
  /** When the last of them is due, by `per_second`; absent when none is taken up. */
  last_due_time?: string;
  /** How many deliveries, or how many would be with `validate_only`. */
  recovered_count?: number | string;
  /** There are more than one call takes; the same call again goes on. */
  truncated?: boolean;
}

/** Asks to make an unhealthy channel carry again. */
export interface ReenableChannelRequest {
  /** `chn_…` */
  channel_id?: string;
  /** Deliver what was parked meanwhile, too. */
  recover_parked?: boolean;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** It carries again. */
export interface ReenableChannelResponse {
  /** The channel. */
  channel?: Channel;
}

/** Reminders of an alert that stays open, until somebody acknowledges it. */
export interface Remind {
  /** How many there are at most; 1 to 100. */
  at_most?: number;
  /** Between two of them, and before the first; 5 minutes to 30 days. */
  every?: string;
}

/** Asks what an event looks like as a message. */
export interface RenderPreviewRequest {
  /** `chn_…`: whose settings count. */
  channel_id?: string;
  /**
   * Instead of `event_id`: an event that was not emitted, checked as `Emit` checks it; `finding.created` when absent.
   * Without data it has the example of its type. It mentions nobody: rules are not asked.
   */
  event?: Event;
  /** An event that was accepted; its message is that to the channel, with who is mentioned and why it was sent. */
  event_id?: string;
  /** Instead of `channel_id`: a kind of channel, with its usual settings. Not IN_APP: the inbox shows titles as they are. */
  kind?: ChannelKind;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** An event as a message. */
export interface RenderPreviewResponse {
  /**
   * As each recipient gets it, but for the link to unsubscribe.
   *
   * At most one of `slack_json`, `teams_json`, `email`, `webhook` is given.
   */
  email?: RenderedEmail;
  /**
   * JSON of the message with its Block Kit.
   *
   * At most one of `slack_json`, `teams_json`, `email`, `webhook` is given.
   */
  slack_json?: string;
  /**
   * JSON of the message with its adaptive card.
   *
   * At most one of `slack_json`, `teams_json`, `email`, `webhook` is given.
   */
  teams_json?: string;
  /**
   * The request to the endpoint.
   *
   * At most one of `slack_json`, `teams_json`, `email`, `webhook` is given.
   */
  webhook?: WebhookPreview;
}

/** An email that is rendered already. */
export interface RenderedEmail {
  /** The `text/html` part. */
  html?: string;
  /** One line. */
  subject?: string;
  /** The `text/plain` part. */
  text?: string;
}

/** Asks to send a delivery, or many, once more. */
export interface ReplayRequest {
  /** `dlv_…`. Required, unless there is a filter. */
  delivery_id?: string;
  /** With a filter: only made before; now when absent. */
  end_time?: string;
  /**
   * Instead of `delivery_id`: which deliveries, of those that have ended; delivered and failed ones when it names no state. Tests and
   * summaries are left out, replays unless it has `replays_only`, and the inbox unless its `kind` is IN_APP. At most 100,000, the newest.
   */
  filter?: DeliveryFilter;
  /** With a filter: so many are sent each second at most, 1 to 1,000; 50 when 0. A channel's own pace holds as well. */
  per_second?: number;
  /** With a filter: only made at or after. Required then. */
  start_time?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** With a filter: only count. */
  validate_only?: boolean;
}

/** The replay, or replays. */
export interface ReplayResponse {
  /** With a filter: the same by channel, those with the most first. */
  channels?: ResendCount[];
  /** The new delivery; absent with a filter. */
  delivery?: Delivery;
  /** With a filter: when the last of them is due, by `per_second`; absent when none is made. */
  last_due_time?: string;
  /** With a filter: how many are replayed, or would be with `validate_only`. */
  replayed_count?: number | string;
  /** With a filter: there are more than one call takes; the same call again goes on. */
  truncated?: boolean;
}

/** A header sent. */
export interface RequestHeader {
  /** Its name. */
  name?: string;
  /** Its value, or `***` for a secret one. */
  value?: string;
}

/** How many deliveries of a channel are sent again. */
export interface ResendCount {
  /** `chn_…`; empty for mail to members and the inbox. */
  channel_id?: string;
  /** How many. */
  count?: number | string;
  /** Its kind. */
  kind?: ChannelKind;
  /** Why none of them is sent: the channel is unhealthy, paused or deleted. Empty when they are. */
  refusal?: string;
}

/** Asks to send another email that asks to confirm. */
export interface ResendRecipientConfirmationRequest {
  /** The recipient's address. */
  address?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** It is sent soon. */
export interface ResendRecipientConfirmationResponse {
  /** As it stands now. */
  recipient?: UnconfirmedRecipient;
}

/** Asks to end an alert. */
export interface ResolveAlertRequest {
  /** A word to the others; at most 500 characters. */
  comment?: string;
  /** The alert's key. */
  key?: string;
  /** Who, `mbr_…`; the caller when empty. */
  member_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** It has ended. */
export interface ResolveAlertResponse {
  /** As it is now. */
  alert?: Alert;
}

/** Asks to take one change of a team's configuration back. */
export interface RevertConfigChangeRequest {
  /** The revision that the change made. Required. */
  revision?: number | string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** Only check it, and answer as if it had been taken back. */
  validate_only?: boolean;
}

/** What changed, or would. */
export interface RevertConfigChangeResponse {
  /** Empty when nothing differs. */
  changes?: ConfigChange[];
  /** The configuration's revision: after the changes, or the one that was compared with. */
  revision?: number | string;
}

/** Asks for a new signing secret. */
export interface RotateWebhookSecretRequest {
  /** `chn_…` of a webhook. */
  channel_id?: string;
  /** How long the old one keeps signing: at most 30 days, 24 hours when absent. 0 ends it at once. */
  overlap?: string;
  /** The new secret; made when empty. */
  signing_secret?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** The new signing secret. */
export interface RotateWebhookSecretResponse {
  /** When the old one stops signing. Absent when nothing changed and no older secret signs. */
  old_secret_expire_time?: string;
  /** Shown here and never again. */
  signing_secret?: string;
}

/** A decision: this event goes to this channel or person, for this reason. */
export interface Route {
  /**
   * An address, by email: a recipient of an email channel, of receipts, of the digest.
   *
   * At most one of `channel`, `person`, `address`, `inbox`, `receipts` is given.
   */
  address?: AddressTarget;
  /**
   * A configured channel.
   *
   * At most one of `channel`, `person`, `address`, `inbox`, `receipts` is given.
   */
  channel?: ChannelTarget;
  /** Who else is told when nobody acknowledges the event's alert. On one route of each rule that escalates. */
  escalate?: Escalation;
  /** By which it is gathered with others into one message; absent when it comes by itself. */
  group?: RouteGroup;
  /**
   * The team's in-app inbox.
   *
   * At most one of `channel`, `person`, `address`, `inbox`, `receipts` is given.
   */
  inbox?: InboxTarget;
  /** The kind of channel that carries it. */
  kind?: ChannelKind;
  /** Who is called by name in the message. Slack and Teams only. */
  mentions?: Mention[];
  /**
   * A member, by email.
   *
   * At most one of `channel`, `person`, `address`, `inbox`, `receipts` is given.
   */
  person?: PersonTarget;
  /** Why. */
  reason?: Reason;
  /**
   * Whoever gets the team's receipts when it is sent.
   *
   * At most one of `channel`, `person`, `address`, `inbox`, `receipts` is given.
   */
  receipts?: ReceiptsTarget;
  /** Reminders that go here while the event's alert is open. Absent when there are none. */
  remind?: Remind;
  /** Tell of every event of an alert that is open, not only of news. */
  tells_repeats?: boolean;
}

/** What gathers routes of several events into one message. */
export interface RouteGroup {
  /** How many events make the message go at once. */
  at_most?: number;
  /** A digest of the rule and the event's values: what has the same one and leads to the same place comes together. 32 bytes. */
  key?: string;
  /** The rule's name. */
  rule_name?: string;
  /** What the events have in common, for people. */
  values?: GroupValue[];
  /** How long after the first of them the message goes. */
  wait?: string;
}

/** Ordered and team-scoped: a match, and what to do. Slack and Teams each take the first that matches. */
export interface Rule {
  /** Go on to the next rule after this one has matched. */
  continues?: boolean;
  /** Output only. */
  create_time?: string;
  /** At most 120 characters. Required. */
  display_name?: string;
  /** With `send`: who else is told, once, of an alert that nobody has acknowledged for a time. */
  escalate?: Escalate;
  /** Changes with every change. */
  etag?: string;
  /** With `send`: what it sends comes in one message with others of the same values. What is CRITICAL goes at once. */
  group?: Group;
  /** `rul_…`. Output only. */
  id?: string;
  /** Which events. */
  match?: EventFilter;
  /** A paused rule is kept and passed over. */
  paused?: boolean;
  /** Its place in the order, from 1. On create 0 means last; moved by `MoveRule`. */
  position?: number;
  /**
   * With `send`: whoever the rule told of an alert is told again while it is open and nobody has acknowledged or snoozed
   * it.
   */
  remind?: Remind;
  /** With `send`: what becomes of an event that says of an open alert what was told before. */
  repeat?: Repeat;
  /**
   * Send to channels.
   *
   * At most one of `send`, `silence` is given.
   */
  send?: SendAction;
  /**
   * Stay silent.
   *
   * At most one of `send`, `silence` is given.
   */
  silence?: SilenceAction;
  /** The owning team. Output only. */
  team_id?: string;
  /** Output only. */
  update_time?: string;
}

/** Send to channels. */
export interface SendAction {
  /**
   * `chn_…`, at least one: Slack, Teams, email or in-app. Webhooks have filters of their own. When all Slack channels
   * among them are paused or deleted, the next rules and the default Slack channel are asked; so with Teams.
   */
  channel_ids?: string[];
}

/** Asks to send the digest. */
export interface SendDigestRequest {
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** The digest's run. */
export interface SendDigestResponse {
  /** It. */
  run?: DigestRun;
  /** Whether this call sent it; false when it had been sent before. */
  sent?: boolean;
}

/** Asks to send a test. */
export interface SendTestRequest {
  /**
   * Instead of `channel_id`: the settings of a channel that is not saved, with its secrets. They are checked as
   * `CreateChannel` checks them and need its permission. Nothing is stored, not even in the delivery log.
   */
  channel?: Channel;
  /** `chn_…` */
  channel_id?: string;
  /**
   * Instead of `event_type`: an event that was not emitted, checked as `Emit` checks it. It needs the scope `emit` or `config.write` besides.
   * Without data it has the example of its type. It gets an id of its own, is marked as a test, and belongs to no alert.
   */
  event?: Event;
  /** Any type of the catalog; `finding.created` when empty. */
  event_type?: string;
  /** Where an email channel without recipients sends it; refused with any other channel. */
  recipient?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** What came of a test. */
export interface SendTestResponse {
  /** Ended, with its attempt. */
  delivery?: Delivery;
}

/** Asks to make a channel the default of its kind. */
export interface SetDefaultChannelRequest {
  /** `chn_…` */
  channel_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** The new default. */
export interface SetDefaultChannelResponse {
  /** It. */
  channel?: Channel;
}

/** Deliveries of a severity. */
export interface SeverityDeliveryCounts {
  /** Its deliveries. */
  counts?: DeliveryCounts;
  /** Which. */
  severity?: Severity;
}

/**
 * A period in which matching messages are kept back, with an author and a reason. It never applies to compliance receipts,
 * digests, Watchbell's own notices and the in-app inbox.
 */
export interface Silence {
  /** The member or API key that made it. Output only. */
  author?: string;
  /**
   * Only messages to these channels, and to those of `kinds`; messages to everything but webhooks when both are empty.
   * At most 50.
   */
  channel_ids?: string[];
  /** The reason, which everybody reads who looks for a message; one line of at most 200 characters. Required. */
  comment?: string;
  /** Output only. */
  create_time?: string;
  /** When it ends, at most 30 days after its beginning. Required. */
  end_time?: string;
  /** `sil_…`. Output only. */
  id?: string;
  /** Only messages of these kinds, and to `channel_ids`. Not IN_APP: the inbox interrupts nobody. */
  kinds?: ChannelKind[];
  /** Which events; all when absent. */
  match?: EventFilter;
  /** What becomes of what matches; HOLD when unspecified. */
  mode?: SilenceMode;
  /** When it begins; now when absent. */
  start_time?: string;
  /** Output only. */
  state?: SilenceState;
  /** The owning team. Output only. */
  team_id?: string;
}

/** Stay silent. */
export interface SilenceAction {
  /** The kinds it silences: Slack, Teams, or both when empty. */
  kinds?: ChannelKind[];
}

/** How many messages a silence would have kept back, had it been in force. */
export interface SilenceReach {
  /** Messages of the newest 1,000 events of the past week that it matches. */
  matched_count?: number;
  /** All messages of these events that a silence could have kept back; to webhooks, only when this one names them. */
  message_count?: number;
}

/** An incoming webhook of Slack. */
export interface SlackDestination {
  /** Where Slack lets one change it, when it was added by OAuth. Output only. */
  configuration_url?: string;
  /** The host and a mask. Output only. */
  masked_webhook_url?: string;
  /** The channel's id in Slack, `C…`, when it was added by OAuth. Output only. */
  slack_channel_id?: string;
  /** `https://hooks.slack.com/services/…`. Required to create. Input only: it is a secret. */
  webhook_url?: string;
  /** The workspace, when it was added by OAuth. Output only. */
  workspace?: string;
  /** The workspace's id, `T…`, when it was added by OAuth. Output only. */
  workspace_id?: string;
}

/** A mail server. */
export interface SmtpServer {
  /** The sender shown; the user when empty. */
  from_address?: string;
  /** Whether a password is kept. Output only. */
  has_password?: boolean;
  /** Such as `smtp.gmail.com`. Required. */
  host?: string;
  /** Input only. */
  password?: string;
  /** 587 when 0. */
  port?: number;
  /** STARTTLS required when unspecified. */
  security?: SmtpSecurity;
  /** The account that sends; empty for none. */
  username?: string;
}

/** Asks to hear nothing of an alert until a time. */
export interface SnoozeAlertRequest {
  /** A word to the others; at most 500 characters. */
  comment?: string;
  /** Until when: in the future, at most 30 days ahead. Required. */
  end_time?: string;
  /** The alert's key. */
  key?: string;
  /** Who, `mbr_…`; the caller when empty. */
  member_id?: string;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** It is snoozed. */
export interface SnoozeAlertResponse {
  /** As it is now. */
  alert?: Alert;
}

/** A logical error model for RPC APIs: a code, a message, and details. */
export interface Status {
  /** A value of google.rpc.Code. */
  code?: number;
  /** Messages that carry the error details. */
  details?: Record<string, unknown>[];
  /** A developer-facing error message, in English. */
  message?: string;
}

/** At most so many messages per window; the rest are folded into one summary. CRITICAL is never folded. */
export interface StormControl {
  /** 0 turns it off. */
  max_messages?: number;
  /** 1 second to 1 hour. */
  window?: string;
}

/** The tenant. Owns everything else; nothing crosses a team. */
export interface Team {
  /** Output only. */
  create_time?: string;
  /** At most 120 characters. Required. */
  display_name?: string;
  /** Changes with every change of the team itself. Send it back to update or delete only what you read. */
  etag?: string;
  /** `team_…`. Output only. */
  id?: string;
  /** TEAM when unspecified. Only the platform sets it. */
  plan?: Plan;
  /** An IANA zone such as `Europe/Berlin`; `UTC` when empty. */
  time_zone?: string;
  /** Output only. */
  update_time?: string;
}

/** A Teams Workflow, or an old connector. */
export interface TeamsDestination {
  /** The host and a mask. Output only. */
  masked_webhook_url?: string;
  /** Required to create. Input only: it is a secret. */
  webhook_url?: string;
}

/** A Teams user. */
export interface TeamsUser {
  /** The user's Microsoft Entra object id or user principal name. */
  id?: string;
  /** The name shown. */
  name?: string;
}

/** Asks to bring archived ones back. */
export interface UnarchiveRequest {
  /** Who asks: `mbr_…`. Required. */
  member_id?: string;
  /** `ntf_…`, at most 1,000. */
  notification_ids?: string[];
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** They are back. */
export interface UnarchiveResponse {
}

/** A recipient outside the domains of the team's members who was asked to confirm and has not yet. */
export interface UnconfirmedRecipient {
  /** The address. */
  address?: string;
  /** Since when it has been waiting. */
  ask_time?: string;
  /** Until when the link in the email works; then `ResendRecipientConfirmation` sends another. */
  expire_time?: string;
  /** How many emails have asked. */
  sent_count?: number;
}

/** Asks to turn a topic off. */
export interface UnsubscribeRequest {
  /** Every topic instead of the token's own. */
  all_topics?: boolean;
  /**
   * Instead of turning topics off: what the member asks for from now on. Each must ask for no more than is on already;
   * more takes a login.
   */
  preferences?: Preference[];
  /** From the link. */
  token?: string;
  /** Take back what this token did: within 7 days, and only while nobody has changed the same setting since. */
  undo?: boolean;
}

/** What was turned off. */
export interface UnsubscribeResponse {
  /** Whether anything changed. */
  changed?: boolean;
  /** Every topic as it stands now. */
  preferences?: Preference[];
  /** The topics changed. */
  topics?: string[];
}

/** Asks to change one channel. */
export interface UpdateChannelRequest {
  /** With its id, and with its etag to change only what you read. Required. */
  channel?: Channel;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** The fields to change; every field that is set when absent. */
  update_mask?: string;
  /** Only check it, and answer as if it had been changed. */
  validate_only?: boolean;
}

/** The channel as it is now. */
export interface UpdateChannelResponse {
  /** It. */
  channel?: Channel;
  /** What was taken although it is odd, a sentence each: patterns that no event type of the catalog matches. */
  warnings?: string[];
}

/** Asks to set who gets receipts. */
export interface UpdateComplianceRecipientsRequest {
  /** Addresses, at most 20; empty goes back to the Owners. */
  recipients?: string[];
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** Who gets receipts now. */
export interface UpdateComplianceRecipientsResponse {
  /** Addresses. */
  recipients?: string[];
}

/** Asks to set the digest. */
export interface UpdateDigestSettingsRequest {
  /** With their etag to change only what you read. Required. */
  settings?: DigestSettings;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** The fields to change; every field that is set when absent. */
  update_mask?: string;
}

/** The digest's settings as they are now. */
export interface UpdateDigestSettingsResponse {
  /** They. */
  settings?: DigestSettings;
}

/** Asks to change one event type. */
export interface UpdateEventTypeRequest {
  /** With its name, and with its etag to change only what you read. Required. */
  event_type?: EventType;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** The fields to change; every field that is set when absent. */
  update_mask?: string;
  /** Only check it, and answer as if it had been changed. */
  validate_only?: boolean;
}

/** The event type as it is now. */
export interface UpdateEventTypeResponse {
  /** It. */
  event_type?: EventType;
}

/** Asks to change one member. */
export interface UpdateMemberRequest {
  /** With its id, and with its etag to change only what you read. Required. */
  member?: Member;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** The fields to change; every field that is set when absent. */
  update_mask?: string;
  /** Only check it, and answer as if it had been changed. */
  validate_only?: boolean;
}

/** The member as it is now. */
export interface UpdateMemberResponse {
  /** It. */
  member?: Member;
}

/** Asks to change one mention rule. */
export interface UpdateMentionRuleRequest {
  /** With its id, and with its etag to change only what you read. Required. */
  mention_rule?: MentionRule;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** The fields to change; every field that is set when absent. */
  update_mask?: string;
  /** Only check it, and answer as if it had been changed. */
  validate_only?: boolean;
}

/** The mention rule as it is now. */
export interface UpdateMentionRuleResponse {
  /** It. */
  mention_rule?: MentionRule;
  /** What was taken although it is odd, a sentence each: patterns that no event type of the catalog matches. */
  warnings?: string[];
}

/** Asks to set preferences. */
export interface UpdatePreferencesRequest {
  /** `mbr_…` */
  member_id?: string;
  /** Only the topics to change. */
  preferences?: Preference[];
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
}

/** A member's preferences as they are now. */
export interface UpdatePreferencesResponse {
  /** One for every topic. */
  preferences?: Preference[];
}

/** Asks to change one rule. */
export interface UpdateRuleRequest {
  /** With its id, and with its etag to change only what you read. Required. */
  rule?: Rule;
  /** `team_…`. A team's own key may leave it empty. */
  team_id?: string;
  /** The fields to change; every field that is set when absent. */
  update_mask?: string;
  /** Only check it, and answer as if it had been changed. */
  validate_only?: boolean;
}

/** The rule as it is now. */
export interface UpdateRuleResponse {
  /** It. */
  rule?: Rule;
  /** What was taken although it is odd, a sentence each: patterns that no event type of the catalog matches. */
  warnings?: string[];
}

/** Asks to change one team. */
export interface UpdateTeamRequest {
  /** With its id, and with its etag to change only what you read. Required. */
  team?: Team;
  /** The fields to change; every field that is set when absent. */
  update_mask?: string;
  /** Only check it, and answer as if it had been changed. */
  validate_only?: boolean;
}

/** The team as it is now. */
export interface UpdateTeamResponse {
  /** It. */
  team?: Team;
}

/** An HTTPS endpoint of the team's own. */
export interface WebhookDestination {
  /**
   * A JSON document of at most 16,384 characters that is sent instead of an envelope. In its texts, `${…}` stands for the
   * value of a CEL expression over `event`, `headers` and `alert`; at most 64. `$${` stands for `${`.
   */
  body?: string;
  /** `whpk_…`, when Ed25519 is on. Output only. */
  ed25519_public_key?: string;
  /** STANDARD when unspecified. */
  envelope?: WebhookEnvelope;
  /** What is sent; `types` are patterns such as `finding.*` or `*`, at least one. */
  filter?: EventFilter;
  /**
   * Extra headers; at most 20. Names of Watchbell's own headers and of the connection's are refused, `User-Agent` and
   * `Proxy-Authorization` among them.
   */
  headers?: HttpHeader[];
  /** How many secrets sign now: two during a rotation. Output only. */
  live_secret_count?: number;
  /** Scheme and host, the rest masked. Output only. */
  masked_url?: string;
  /**
   * The name of a body that Watchbell knows, instead of `body`: pagerduty, opsgenie, discord, google_chat, mattermost,
   * telegram, splunk_hec or ocsf. Some need certain `headers`.
   */
  preset?: string;
  /** Signs with Ed25519 (`v1a`) as well. */
  sign_ed25519?: boolean;
  /**
   * `whsec_` and base64 of 24 to 64 bytes, or any text of 8 to 256 characters. Made when empty. Given in an update, it
   * replaces the old one at once; RotateWebhookSecret keeps the old one for an overlap. Input only.
   */
  signing_secret?: string;
  /** Where events are posted. Required to create. Input only: it may carry a token. */
  url?: string;
}

/** A request to an endpoint. */
export interface WebhookPreview {
  /** The body, to the byte. */
  body?: string;
  /** Values of the channel's own headers are `***`. Signed with `signing_secret`, and never with Ed25519. */
  headers?: RequestHeader[];
  /** A secret that is the same for everybody, so that a receiver's check can be tried on this request. */
  signing_secret?: string;
}

/** `watchbell.config.v1.CatalogService`. */
export class CatalogService {
  constructor(private readonly transport: Transport) {}

  /** Makes a event type. INVALID_ARGUMENT names every field that is wrong. */
  createEventType(request: CreateEventTypeRequest): Promise<CreateEventTypeResponse> {
    return this.transport.call("watchbell.config.v1.CatalogService/CreateEventType", request, false);
  }

  /** Deletes a event type. ABORTED when the etag is stale. */
  deleteEventType(request: DeleteEventTypeRequest): Promise<DeleteEventTypeResponse> {
    return this.transport.call("watchbell.config.v1.CatalogService/DeleteEventType", request, false);
  }

  /** One event type. NOT_FOUND when the team has none of that id. */
  getEventType(request: GetEventTypeRequest): Promise<GetEventTypeResponse> {
    return this.transport.call("watchbell.config.v1.CatalogService/GetEventType", request, true);
  }

  /** A page of event types. */
  listEventTypes(request: ListEventTypesRequest): Promise<ListEventTypesResponse> {
    return this.transport.call("watchbell.config.v1.CatalogService/ListEventTypes", request, true);
  }

  /** Changes a event type. ABORTED when the etag is stale. */
  updateEventType(request: UpdateEventTypeRequest): Promise<UpdateEventTypeResponse> {
    return this.transport.call("watchbell.config.v1.CatalogService/UpdateEventType", request, false);
  }
}

/** `watchbell.config.v1.CellService`. */
export class CellService {
  constructor(private readonly transport: Transport) {}

  /**
   * Adds a cell whose Dispatchers run already. New teams go to the cell with the fewest teams. FAILED_PRECONDITION with the reason
   * `CELL_UNREACHABLE` when none of them answers, `CELL_KNOWN` when their database is that of another cell, `NEEDS_POSTGRES` when a
   * database is SQLite, and `DISPATCHER_IN_PROCESS` when Config does not reach the Dispatchers of `main` by an address.
   */
  addCell(request: AddCellRequest): Promise<AddCellResponse> {
    return this.transport.call("watchbell.config.v1.CellService/AddCell", request, false);
  }

  /** The last move of a team. NOT_FOUND when it never moved. */
  getCellMove(request: GetCellMoveRequest): Promise<GetCellMoveResponse> {
    return this.transport.call("watchbell.config.v1.CellService/GetCellMove", request, true);
  }

  /** All cells, `main` first. */
  listCells(request: ListCellsRequest): Promise<ListCellsResponse> {
    return this.transport.call("watchbell.config.v1.CellService/ListCells", request, true);
  }

  /**
   * Moves a team to another cell, and answers at once. The same call again answers where the move stands, and tries one that has failed
   * again. There is one move at a time: FAILED_PRECONDITION with the reason `MOVE_UNDER_WAY` while another team moves.
   */
  moveTeam(request: MoveTeamRequest): Promise<MoveTeamResponse> {
    return this.transport.call("watchbell.config.v1.CellService/MoveTeam", request, false);
  }
}

/** `watchbell.config.v1.ChannelService`. */
export class ChannelService {
  constructor(private readonly transport: Transport) {}

  /**
   * Begins "Add to Slack": answers a page that leads a person to Slack, to pick a channel and approve the app, which may
   * then post to that channel and do nothing else. It has to be ended in the browser that opened that page. FAILED_PRECONDITION with `SLACK_NOT_CONFIGURED` when the installation has no
   * Slack app.
   */
  beginSlackInstall(request: BeginSlackInstallRequest): Promise<BeginSlackInstallResponse> {
    return this.transport.call("watchbell.config.v1.ChannelService/BeginSlackInstall", request, false);
  }

  /** Makes a channel. INVALID_ARGUMENT names every field that is wrong. */
  createChannel(request: CreateChannelRequest): Promise<CreateChannelResponse> {
    return this.transport.call("watchbell.config.v1.ChannelService/CreateChannel", request, false);
  }

  /** Deletes a channel. ABORTED when the etag is stale. */
  deleteChannel(request: DeleteChannelRequest): Promise<DeleteChannelResponse> {
    return this.transport.call("watchbell.config.v1.ChannelService/DeleteChannel", request, false);
  }

  /** One channel. NOT_FOUND when the team has none of that id. */
  getChannel(request: GetChannelRequest): Promise<GetChannelResponse> {
    return this.transport.call("watchbell.config.v1.ChannelService/GetChannel", request, true);
  }

  /** A page of channels. */
  listChannels(request: ListChannelsRequest): Promise<ListChannelsResponse> {
    return this.transport.call("watchbell.config.v1.ChannelService/ListChannels", request, true);
  }

  /** Makes an unhealthy channel carry again. */
  reenableChannel(request: ReenableChannelRequest): Promise<ReenableChannelResponse> {
    return this.transport.call("watchbell.config.v1.ChannelService/ReenableChannel", request, false);
  }

  /**
   * Gives a webhook a new signing secret; the old one keeps signing beside it for the overlap. The present secret given
   * again changes nothing. While the old one still signs, a third secret is FAILED_PRECONDITION with
   * `ROTATION_IN_PROGRESS`, unless `overlap` is 0: that ends all older secrets at once.
   */
  rotateWebhookSecret(request: RotateWebhookSecretRequest): Promise<RotateWebhookSecretResponse> {
    return this.transport.call("watchbell.config.v1.ChannelService/RotateWebhookSecret", request, false);
  }

  /** Makes the channel the default of its kind, in place of the one before. */
  setDefaultChannel(request: SetDefaultChannelRequest): Promise<SetDefaultChannelResponse> {
    return this.transport.call("watchbell.config.v1.ChannelService/SetDefaultChannel", request, false);
  }

  /** Changes a channel. ABORTED when the etag is stale. */
  updateChannel(request: UpdateChannelRequest): Promise<UpdateChannelResponse> {
    return this.transport.call("watchbell.config.v1.ChannelService/UpdateChannel", request, false);
  }
}

/** `watchbell.config.v1.PreferenceService`. */
export class PreferenceService {
  constructor(private readonly transport: Transport) {}

  /** Confirms, by a token of a confirmation's link, that its address wants the team's emails. Idempotent; needs no login. */
  confirmRecipient(request: ConfirmRecipientRequest): Promise<ConfirmRecipientResponse> {
    return this.transport.call("watchbell.config.v1.PreferenceService/ConfirmRecipient", request, false);
  }

  /** Who gets receipts. */
  getComplianceRecipients(request: GetComplianceRecipientsRequest): Promise<GetComplianceRecipientsResponse> {
    return this.transport.call("watchbell.config.v1.PreferenceService/GetComplianceRecipients", request, true);
  }

  /** When the digest goes out, and to whom. */
  getDigestSettings(request: GetDigestSettingsRequest): Promise<GetDigestSettingsResponse> {
    return this.transport.call("watchbell.config.v1.PreferenceService/GetDigestSettings", request, true);
  }

  /** A member's preference for every topic, defaults resolved. */
  getPreferences(request: GetPreferencesRequest): Promise<GetPreferencesResponse> {
    return this.transport.call("watchbell.config.v1.PreferenceService/GetPreferences", request, true);
  }

  /** Which team a token of a confirmation's link would let send email. Changes nothing. */
  inspectRecipientConfirmation(request: InspectRecipientConfirmationRequest): Promise<InspectRecipientConfirmationResponse> {
    return this.transport.call("watchbell.config.v1.PreferenceService/InspectRecipientConfirmation", request, false);
  }

  /** What a token of an email's link stands for. Changes nothing. */
  inspectUnsubscribeToken(request: InspectUnsubscribeTokenRequest): Promise<InspectUnsubscribeTokenResponse> {
    return this.transport.call("watchbell.config.v1.PreferenceService/InspectUnsubscribeToken", request, false);
  }

  /** Asks a recipient once more who has not confirmed. At most 3 emails ask in 30 days. */
  resendRecipientConfirmation(request: ResendRecipientConfirmationRequest): Promise<ResendRecipientConfirmationResponse> {
    return this.transport.call("watchbell.config.v1.PreferenceService/ResendRecipientConfirmation", request, false);
  }

  /**
   * Turns a topic off for the member that the token names. Idempotent; needs no login (RFC 8058). A token of an address
   * that is no longer the member's changes nothing.
   */
  unsubscribe(request: UnsubscribeRequest): Promise<UnsubscribeResponse> {
    return this.transport.call("watchbell.config.v1.PreferenceService/Unsubscribe", request, false);
  }

  /** Sets who gets receipts. */
  updateComplianceRecipients(request: UpdateComplianceRecipientsRequest): Promise<UpdateComplianceRecipientsResponse> {
    return this.transport.call("watchbell.config.v1.PreferenceService/UpdateComplianceRecipients", request, false);
  }

  /** Sets when the digest goes out, and to whom. */
  updateDigestSettings(request: UpdateDigestSettingsRequest): Promise<UpdateDigestSettingsResponse> {
    return this.transport.call("watchbell.config.v1.PreferenceService/UpdateDigestSettings", request, false);
  }

  /** Sets a member's preferences for the topics named; UNSPECIFIED goes back to the default. */
  updatePreferences(request: UpdatePreferencesRequest): Promise<UpdatePreferencesResponse> {
    return this.transport.call("watchbell.config.v1.PreferenceService/UpdatePreferences", request, false);
  }
}

/** `watchbell.config.v1.RoutingService`. */
export class RoutingService {
  constructor(private readonly transport: Transport) {}

  /** Makes the team's configuration equal to a document, all of it or nothing of it. */
  applyTeamConfig(request: ApplyTeamConfigRequest): Promise<ApplyTeamConfigResponse> {
    return this.transport.call("watchbell.config.v1.RoutingService/ApplyTeamConfig", request, false);
  }

  /** Makes a mention rule. INVALID_ARGUMENT names every field that is wrong. */
  createMentionRule(request: CreateMentionRuleRequest): Promise<CreateMentionRuleResponse> {
    return this.transport.call("watchbell.config.v1.RoutingService/CreateMentionRule", request, false);
  }

  /** Makes a rule. INVALID_ARGUMENT names every field that is wrong. */
  createRule(request: CreateRuleRequest): Promise<CreateRuleResponse> {
    return this.transport.call("watchbell.config.v1.RoutingService/CreateRule", request, false);
  }

  /** Deletes a mention rule. ABORTED when the etag is stale. */
  deleteMentionRule(request: DeleteMentionRuleRequest): Promise<DeleteMentionRuleResponse> {
    return this.transport.call("watchbell.config.v1.RoutingService/DeleteMentionRule", request, false);
  }

  /** Deletes a rule. ABORTED when the etag is stale. */
  deleteRule(request: DeleteRuleRequest): Promise<DeleteRuleResponse> {
    return this.transport.call("watchbell.config.v1.RoutingService/DeleteRule", request, false);
  }

  /** The team's configuration as the document that `ApplyTeamConfig` takes. Secrets are left out. */
  exportTeamConfig(request: ExportTeamConfigRequest): Promise<ExportTeamConfigResponse> {
    return this.transport.call("watchbell.config.v1.RoutingService/ExportTeamConfig", request, true);
  }

  /** One mention rule. NOT_FOUND when the team has none of that id. */
  getMentionRule(request: GetMentionRuleRequest): Promise<GetMentionRuleResponse> {
    return this.transport.call("watchbell.config.v1.RoutingService/GetMentionRule", request, true);
  }

  /** One rule. NOT_FOUND when the team has none of that id. */
  getRule(request: GetRuleRequest): Promise<GetRuleResponse> {
    return this.transport.call("watchbell.config.v1.RoutingService/GetRule", request, true);
  }

  /** A page of mention rules. */
  listMentionRules(request: ListMentionRulesRequest): Promise<ListMentionRulesResponse> {
    return this.transport.call("watchbell.config.v1.RoutingService/ListMentionRules", request, true);
  }

  /** A page of rules. */
  listRules(request: ListRulesRequest): Promise<ListRulesResponse> {
    return this.transport.call("watchbell.config.v1.RoutingService/ListRules", request, true);
  }

  /** Moves a rule to another place; the others close up. */
  moveRule(request: MoveRuleRequest): Promise<MoveRuleResponse> {
    return this.transport.call("watchbell.config.v1.RoutingService/MoveRule", request, false);
  }

  /** Changes a mention rule. ABORTED when the etag is stale. */
  updateMentionRule(request: UpdateMentionRuleRequest): Promise<UpdateMentionRuleResponse> {
    return this.transport.call("watchbell.config.v1.RoutingService/UpdateMentionRule", request, false);
  }

  /** Changes a rule. ABORTED when the etag is stale. */
  updateRule(request: UpdateRuleRequest): Promise<UpdateRuleResponse> {
    return this.transport.call("watchbell.config.v1.RoutingService/UpdateRule", request, false);
  }
}

/** `watchbell.config.v1.SilenceService`. */
export class SilenceService {
  constructor(private readonly transport: Transport) {}

  /** Makes a silence, by the caller. It holds for what already waits, too. INVALID_ARGUMENT names every field that is wrong. */
  createSilence(request: CreateSilenceRequest): Promise<CreateSilenceResponse> {
    return this.transport.call("watchbell.config.v1.SilenceService/CreateSilence", request, false);
  }

  /** Ends a silence now: what it holds is released at once. One that has ended stays as it is. */
  expireSilence(request: ExpireSilenceRequest): Promise<ExpireSilenceResponse> {
    return this.transport.call("watchbell.config.v1.SilenceService/ExpireSilence", request, false);
  }

  /** One silence. NOT_FOUND when the team has none of that id. */
  getSilence(request: GetSilenceRequest): Promise<GetSilenceResponse> {
    return this.transport.call("watchbell.config.v1.SilenceService/GetSilence", request, true);
  }

  /** A page of silences, oldest first: those that have not ended, unless the others are asked for, too. */
  listSilences(request: ListSilencesRequest): Promise<ListSilencesResponse> {
    return this.transport.call("watchbell.config.v1.SilenceService/ListSilences", request, true);
  }
}

/** `watchbell.config.v1.TeamService`. */
export class TeamService {
  constructor(private readonly transport: Transport) {}

  /** Makes an API key and shows it, once. */
  createApiKey(request: CreateApiKeyRequest): Promise<CreateApiKeyResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/CreateApiKey", request, false);
  }

  /** Makes a member. INVALID_ARGUMENT names every field that is wrong. */
  createMember(request: CreateMemberRequest): Promise<CreateMemberResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/CreateMember", request, false);
  }

  /**
   * Makes a session of a member for the console, by a link that signs in. By API keys only. It may do what the member and
   * the key both may, manages no API keys, and ends by itself, with the member and with the key.
   */
  createPortalSession(request: CreatePortalSessionRequest): Promise<CreatePortalSessionResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/CreatePortalSession", request, false);
  }

  /** Makes a team. INVALID_ARGUMENT names every field that is wrong. */
  createTeam(request: CreateTeamRequest): Promise<CreateTeamResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/CreateTeam", request, false);
  }

  /** Ends an API key. Callers that cached it are refused within 30 seconds. */
  deleteApiKey(request: DeleteApiKeyRequest): Promise<DeleteApiKeyResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/DeleteApiKey", request, false);
  }

  /** Deletes a member. ABORTED when the etag is stale. */
  deleteMember(request: DeleteMemberRequest): Promise<DeleteMemberResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/DeleteMember", request, false);
  }

  /** Deletes a team. ABORTED when the etag is stale. */
  deleteTeam(request: DeleteTeamRequest): Promise<DeleteTeamResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/DeleteTeam", request, false);
  }

  /** Which kinds of channels are configured, and how they fare. */
  getIntegrationStatus(request: GetIntegrationStatusRequest): Promise<GetIntegrationStatusResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/GetIntegrationStatus", request, true);
  }

  /** One member. NOT_FOUND when the team has none of that id. */
  getMember(request: GetMemberRequest): Promise<GetMemberResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/GetMember", request, true);
  }

  /** Who the caller is, and what it may do. For any credential. */
  getSelf(request: GetSelfRequest): Promise<GetSelfResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/GetSelf", request, true);
  }

  /** One team. NOT_FOUND when the team has none of that id. */
  getTeam(request: GetTeamRequest): Promise<GetTeamResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/GetTeam", request, true);
  }

  /** A page of API keys. Never shows a key itself. */
  listApiKeys(request: ListApiKeysRequest): Promise<ListApiKeysResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/ListApiKeys", request, true);
  }

  /**
   * A page of the changes of the team's configuration, newest first: who made them, when, from where, and what they were. They are
   * kept for 400 days, and at most 10,000 of a team, or 64 MiB of them.
   */
  listConfigChanges(request: ListConfigChangesRequest): Promise<ListConfigChangesResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/ListConfigChanges", request, true);
  }

  /** A page of members. */
  listMembers(request: ListMembersRequest): Promise<ListMembersResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/ListMembers", request, true);
  }

  /** A page of teams. */
  listTeams(request: ListTeamsRequest): Promise<ListTeamsResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/ListTeams", request, true);
  }

  /**
   * Takes one change back, checked and made like any change: what has changed since stays. ABORTED with the reason
   * `CHANGED_AGAIN`, and the fields, when a later change has set them to something else; INVALID_ARGUMENT with everything that is wrong,
   * such as secrets, which are not kept and must be set anew; FAILED_PRECONDITION with the reason `NOT_REVERTIBLE` for keys, the
   * making of the team, and what the link of an email did.
   */
  revertConfigChange(request: RevertConfigChangeRequest): Promise<RevertConfigChangeResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/RevertConfigChange", request, false);
  }

  /** Changes a member. ABORTED when the etag is stale. */
  updateMember(request: UpdateMemberRequest): Promise<UpdateMemberResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/UpdateMember", request, false);
  }

  /** Changes a team. ABORTED when the etag is stale. */
  updateTeam(request: UpdateTeamRequest): Promise<UpdateTeamResponse> {
    return this.transport.call("watchbell.config.v1.TeamService/UpdateTeam", request, false);
  }
}

/** `watchbell.digest.v1.DigestService`. */
export class DigestService {
  constructor(private readonly transport: Transport) {}

  /** A page of runs, newest first. */
  listDigestRuns(request: ListDigestRunsRequest): Promise<ListDigestRunsResponse> {
    return this.transport.call("watchbell.digest.v1.DigestService/ListDigestRuns", request, true);
  }

  /** The digest of the last whole period, rendered and not sent. */
  previewDigest(request: PreviewDigestRequest): Promise<PreviewDigestResponse> {
    return this.transport.call("watchbell.digest.v1.DigestService/PreviewDigest", request, true);
  }

  /** Sends the digest of the last whole period now, if it has not been sent. Answers with its run either way. */
  sendDigest(request: SendDigestRequest): Promise<SendDigestResponse> {
    return this.transport.call("watchbell.digest.v1.DigestService/SendDigest", request, false);
  }
}

/** `watchbell.dispatcher.v1.AlertService`. */
export class AlertService {
  constructor(private readonly transport: Transport) {}

  /**
   * Takes an alert on: repeats are counted only, wherever they go, until it gets worse. The channels that were told of the alert
   * are told of it, once. FAILED_PRECONDITION when the alert has ended.
   */
  acknowledgeAlert(request: AcknowledgeAlertRequest): Promise<AcknowledgeAlertResponse> {
    return this.transport.call("watchbell.dispatcher.v1.AlertService/AcknowledgeAlert", request, false);
  }

  /** One alert, with who was told of it. */
  getAlert(request: GetAlertRequest): Promise<GetAlertResponse> {
    return this.transport.call("watchbell.dispatcher.v1.AlertService/GetAlert", request, true);
  }

  /** A page of alerts, those that began last first. */
  listAlerts(request: ListAlertsRequest): Promise<ListAlertsResponse> {
    return this.transport.call("watchbell.dispatcher.v1.AlertService/ListAlerts", request, true);
  }

  /** Ends an alert by hand. Whoever was told that it began is told. FAILED_PRECONDITION when it has ended. */
  resolveAlert(request: ResolveAlertRequest): Promise<ResolveAlertResponse> {
    return this.transport.call("watchbell.dispatcher.v1.AlertService/ResolveAlert", request, false);
  }

  /** The same until a time, after which the next event of the alert is told again. FAILED_PRECONDITION when the alert has ended. */
  snoozeAlert(request: SnoozeAlertRequest): Promise<SnoozeAlertResponse> {
    return this.transport.call("watchbell.dispatcher.v1.AlertService/SnoozeAlert", request, false);
  }
}

/** `watchbell.dispatcher.v1.DispatcherService`. */
export class DispatcherService {
  constructor(private readonly transport: Transport) {}

  /**
   * Calls off what still waits, by a filter: such as what a replay has still to send (`replays_only`). What is being sent at that moment
   * goes on. A team has one such call at a time, `Recover`, `Replay` and `Reroute` included: another one is `FAILED_PRECONDITION` with the
   * reason `RESEND_UNDER_WAY`.
   */
  cancelDeliveries(request: CancelDeliveriesRequest): Promise<CancelDeliveriesResponse> {
    return this.transport.call("watchbell.dispatcher.v1.DispatcherService/CancelDeliveries", request, false);
  }

  /** Calls off a delivery that has not ended. FAILED_PRECONDITION when it has. */
  cancelDelivery(request: CancelDeliveryRequest): Promise<CancelDeliveryResponse> {
    return this.transport.call("watchbell.dispatcher.v1.DispatcherService/CancelDelivery", request, false);
  }

  /** One delivery with its attempts. */
  getDelivery(request: GetDeliveryRequest): Promise<GetDeliveryResponse> {
    return this.transport.call("watchbell.dispatcher.v1.DispatcherService/GetDelivery", request, true);
  }

  /**
   * How many deliveries of a period are in which state, when, on which channels, and how long the delivered ones took. A team has
   * one such call at a time, and it counts a bounded number of deliveries, the newest first.
   */
  getDeliveryStats(request: GetDeliveryStatsRequest): Promise<GetDeliveryStatsResponse> {
    return this.transport.call("watchbell.dispatcher.v1.DispatcherService/GetDeliveryStats", request, true);
  }

  /** One accepted event with its routes. */
  getEvent(request: GetEventRequest): Promise<GetEventResponse> {
    return this.transport.call("watchbell.dispatcher.v1.DispatcherService/GetEvent", request, true);
  }

  /** A page of deliveries, newest first. What is rare takes several pages: a page with a token may be short or empty. */
  listDeliveries(request: ListDeliveriesRequest): Promise<ListDeliveriesResponse> {
    return this.transport.call("watchbell.dispatcher.v1.DispatcherService/ListDeliveries", request, true);
  }

  /** A page of accepted events, newest first. What is rare takes several pages: a page with a token may be short or empty. */
  listEvents(request: ListEventsRequest): Promise<ListEventsResponse> {
    return this.transport.call("watchbell.dispatcher.v1.DispatcherService/ListEvents", request, true);
  }

  /**
   * Takes up again what failed or was parked since a time, on a channel or by a filter. Safe to repeat. A team has one such call at a
   * time: FAILED_PRECONDITION with the reason `RESEND_UNDER_WAY` while another one, `Replay` of many or `Reroute` is under way.
   */
  recover(request: RecoverRequest): Promise<RecoverResponse> {
    return this.transport.call("watchbell.dispatcher.v1.DispatcherService/Recover", request, false);
  }

  /**
   * What an event looks like as a message, by the code that sends it. Nothing is sent, stored, or signed with a secret of
   * the team.
   */
  renderPreview(request: RenderPreviewRequest): Promise<RenderPreviewResponse> {
    return this.transport.call("watchbell.dispatcher.v1.DispatcherService/RenderPreview", request, false);
  }

  /**
   * Sends the same event to the same target once more, as a new delivery. FAILED_PRECONDITION when the target is gone: the
   * channel was deleted, the member has left or has another address, the recipient was taken off. With a filter, the same for many
   * deliveries, each once: what has a replay is left out, so that the same call again goes on where another one broke off. A team has
   * one such call at a time: FAILED_PRECONDITION with the reason `RESEND_UNDER_WAY` while another one, `Recover` or `Reroute` is under way.
   */
  replay(request: ReplayRequest): Promise<ReplayResponse> {
    return this.transport.call("watchbell.dispatcher.v1.DispatcherService/Replay", request, false);
  }

  /**
   * Sends a synthetic event to a channel at once, by the same code path, and answers with the attempt.
   * Changes neither health nor digests nor preferences.
   */
  sendTest(request: SendTestRequest): Promise<SendTestResponse> {
    return this.transport.call("watchbell.dispatcher.v1.DispatcherService/SendTest", request, false);
  }
}

/** `watchbell.dispatcher.v1.InboxService`. */
export class InboxService {
  constructor(private readonly transport: Transport) {}

  /** Puts some away. */
  archive(request: ArchiveRequest): Promise<ArchiveResponse> {
    return this.transport.call("watchbell.dispatcher.v1.InboxService/Archive", request, false);
  }

  /** How many are unread. */
  getUnreadCount(request: GetUnreadCountRequest): Promise<GetUnreadCountResponse> {
    return this.transport.call("watchbell.dispatcher.v1.InboxService/GetUnreadCount", request, true);
  }

  /** A page of notifications, newest first. */
  listNotifications(request: ListNotificationsRequest): Promise<ListNotificationsResponse> {
    return this.transport.call("watchbell.dispatcher.v1.InboxService/ListNotifications", request, true);
  }

  /** Marks everything as read. */
  markAllRead(request: MarkAllReadRequest): Promise<MarkAllReadResponse> {
    return this.transport.call("watchbell.dispatcher.v1.InboxService/MarkAllRead", request, false);
  }

  /** Marks some as read. */
  markRead(request: MarkReadRequest): Promise<MarkReadResponse> {
    return this.transport.call("watchbell.dispatcher.v1.InboxService/MarkRead", request, false);
  }

  /** Marks some as unread again. */
  markUnread(request: MarkUnreadRequest): Promise<MarkUnreadResponse> {
    return this.transport.call("watchbell.dispatcher.v1.InboxService/MarkUnread", request, false);
  }

  /** Brings archived ones back. */
  unarchive(request: UnarchiveRequest): Promise<UnarchiveResponse> {
    return this.transport.call("watchbell.dispatcher.v1.InboxService/Unarchive", request, false);
  }
}

/** `watchbell.router.v1.RouterService`. */
export class RouterService {
  constructor(private readonly transport: Transport) {}

  /**
   * What is odd about the team's configuration, or a draft of its document: rules that decide nothing, channels that nothing names,
   * alerts that reach nobody, members who get nothing, expressions that always fail.
   */
  checkTeamConfig(request: CheckTeamConfigRequest): Promise<CheckTeamConfigResponse> {
    return this.transport.call("watchbell.router.v1.RouterService/CheckTeamConfig", request, false);
  }

  /**
   * Accepts one event. Answers once the event and its deliveries are on disk.
   *
   * Errors: INVALID_ARGUMENT with every violation by field path; NOT_FOUND for an unknown team;
   * UNAVAILABLE with RetryInfo when it could not be committed, or nobody knows whether it was: the same call
   * again is safe when the event brings its id;
   * RESOURCE_EXHAUSTED with RetryInfo under overload.
   */
  emit(request: EmitRequest): Promise<EmitResponse> {
    return this.transport.call("watchbell.router.v1.RouterService/Emit", request, true);
  }

  /**
   * Accepts up to 1,000 events and 4 MiB at once. Each event has its own result, in order: one that is
   * refused refuses no other.
   */
  emitBatch(request: EmitBatchRequest): Promise<EmitBatchResponse> {
    return this.transport.call("watchbell.router.v1.RouterService/EmitBatch", request, true);
  }

  /**
   * Decides as `Emit` would and says why, rule by rule, and why not, person by person. Sends and stores nothing. Of a stored event it
   * takes the scope to read deliveries, too.
   */
  explain(request: ExplainRequest): Promise<ExplainResponse> {
    return this.transport.call("watchbell.router.v1.RouterService/Explain", request, true);
  }
}

/** Every public service. */
export class Services {
  readonly catalog: CatalogService;
  readonly cell: CellService;
  readonly channel: ChannelService;
  readonly preference: PreferenceService;
  readonly routing: RoutingService;
  readonly silence: SilenceService;
  readonly team: TeamService;
  readonly digest: DigestService;
  readonly alert: AlertService;
  readonly dispatcher: DispatcherService;
  readonly inbox: InboxService;
  readonly router: RouterService;

  constructor(transport: Transport) {
    this.catalog = new CatalogService(transport);
    this.cell = new CellService(transport);
    this.channel = new ChannelService(transport);
    this.preference = new PreferenceService(transport);
    this.routing = new RoutingService(transport);
    this.silence = new SilenceService(transport);
    this.team = new TeamService(transport);
    this.digest = new DigestService(transport);
    this.alert = new AlertService(transport);
    this.dispatcher = new DispatcherService(transport);
    this.inbox = new InboxService(transport);
    this.router = new RouterService(transport);
  }
}
