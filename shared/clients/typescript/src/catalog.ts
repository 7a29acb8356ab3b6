// Written by shared/clients/generate.py from the contracts. Do not edit.

/** The account is granted credits. */
export interface AccountCreditsGranted {
  /** How many. */
  credits_granted: number;
  /** How many the team has now. */
  credits_remaining?: number;
  /** Why. */
  reason?: string;
  /** Who granted them. */
  granted_by?: string;
  /** When they expire. */
  expires_at?: string;
}

/** The account moves to another plan. */
export interface AccountPlanChanged {
  /** The plan before. */
  from?: string;
  /** The plan now. */
  to: string;
  /** Who changed it. */
  changed_by?: string;
  /** From when it holds. */
  effective_at?: string;
}

/** Somebody has taken an alert on. The data has the field that names the alert as well, such as `finding_id`. */
export interface AlertAcknowledged {
  /** The alert. */
  key: string;
  /** Who. */
  acknowledger: string;
  /** The event with which the alert began. */
  opened_event_id?: null | string;
  /** The type of that event. */
  event_type?: string;
  /** A word to the others. */
  comment?: string;
}

/** Somebody has resolved an alert by hand. The data has the field that names the alert as well, such as `finding_id`. */
export interface AlertResolved {
  /** The alert. */
  key: string;
  /** Who. */
  resolved_by: string;
  /** The event with which the alert began. */
  opened_event_id?: null | string;
  /** The type of that event. */
  event_type?: string;
  /** A word to the others. */
  comment?: string;
}

/** Somebody wants to hear nothing of an alert for a while. The data has the field that names the alert as well, such as `finding_id`. */
export interface AlertSnoozed {
  /** The alert. */
  key: string;
  /** Who. */
  snoozed_by: string;
  /** When the snooze ends. */
  until: string;
  /** The event with which the alert began. */
  opened_event_id?: null | string;
  /** The type of that event. */
  event_type?: string;
  /** A word to the others. */
  comment?: string;
}

/** An Atlas alert fires: a tier escalates, a score drifts. */
export interface AtlasAlertFired {
  /** The alert. */
  alert_id: string;
  /** What fired, such as `tier_escalation` or `score_drift`. */
  rule?: string;
  /** The wallet. */
  wallet?: string;
  /** Its chain. */
  chain?: string;
  /** Its tier now. */
  tier?: string;
  /** Its tier before. */
  previous_tier?: string;
  /** Its score now, 0 to 100. */
  score?: number;
  /** Its score before, 0 to 100. */
  previous_score?: number;
  /** Who acknowledged it. */
  acknowledger?: string;
}

/** A wallet is added to Atlas. */
export interface AtlasWalletAdded {
  /** The wallet. */
  wallet: string;
  /** Its chain. */
  chain?: string;
  /** Its name for people. */
  label?: string;
  /** Who added it. */
  added_by?: string;
}

/** An audit is delivered. */
export interface AuditDelivered {
  /** The audit. */
  audit_id: string;
  /** Its name for people. */
  name?: string;
  /** What is audited. */
  target?: string;
  /** Who submitted it. */
  submitter?: string;
  /** Who acknowledged it. */
  acknowledger?: string;
  /** The score, 0 to 100. */
  score?: number;
  /** How many findings, by severity. */
  findings?: Record<string, unknown>;
  /** The report. */
  report_url?: string;
  /** How long it took. */
  duration_seconds?: number;
  /** Credits that this used up. */
  credits_consumed?: number;
  /** Credits that the team has left. */
  credits_remaining?: number;
}

/** An audit fails. */
export interface AuditFailed {
  /** The audit. */
  audit_id: string;
  /** Its name for people. */
  name?: string;
  /** What is audited. */
  target?: string;
  /** Who submitted it. */
  submitter?: string;
  /** Who acknowledged it. */
  acknowledger?: string;
  /** What went wrong. */
  error?: string;
  /** A stable code for it. */
  error_code?: string;
  /** Whether it may succeed if it is submitted again. */
  retryable?: boolean;
  /** Credits that this used up. */
  credits_consumed?: number;
  /** Credits that the team has left. */
  credits_remaining?: number;
}

/** An audit is accepted and waits. */
export interface AuditQueued {
  /** The audit. */
  audit_id: string;
  /** Its name for people. */
  name?: string;
  /** What is audited. */
  target?: string;
  /** Who submitted it. */
  submitter?: string;
  /** Who acknowledged it. */
  acknowledger?: string;
  /** Its place in the queue, from 1. */
  position?: number;
  /** Minutes until it is expected to be delivered. */
  estimated_minutes?: number;
  /** Credits that this used up. */
  credits_consumed?: number;
  /** Credits that the team has left. */
  credits_remaining?: number;
}

/** A channel that was unhealthy is enabled again. */
export interface ChannelRecovered {
  /** The channel. */
  channel_id: string;
  /** Its name. */
  channel?: string;
}

/** Nothing gets through to a channel any more: its retries have run out, and new deliveries are kept until it is enabled again. Owners are told by email and in the inbox, whatever the rules say. */
export interface ChannelUnhealthy {
  /** The channel. */
  channel_id: string;
  /** Its name. */
  channel?: string;
  /** The last error. */
  reason?: string;
  /** When it turned. */
  since?: string;
  /** The command that enables it again. */
  to_enable_again?: string;
}

/** The compliance posture changes. */
export interface ComplianceDriftDetected {
  /** The framework, such as `SOC 2`. */
  framework: string;
  /** The control that changed. */
  control?: string;
  /** How many controls fail now. */
  controls_failing?: number;
  /** The score before, 0 to 100. */
  previous_score?: number;
  /** The score now, 0 to 100. */
  score?: number;
  /** What changed. */
  resource?: string;
  /** When it was noticed. */
  detected_at?: string;
}

/** A compliance receipt is issued. Always by email, never to a chat. */
export interface ComplianceReceiptIssued {
  /** The receipt. */
  receipt_id: string;
  /** The framework. */
  framework?: string;
  /** The audit it records. */
  audit_id?: string;
  /** Who it is issued to. */
  issued_to?: string;
  /** What it covers, from. */
  period_start?: string;
  /** What it covers, until. */
  period_end?: string;
  /** The document. */
  document_url?: string;
  /** SHA-256 of the document, lower-case hex. */
  sha256?: string;
}

/** The team's configuration was changed: at once for the first change, then once a minute with all that were made since. Says what was changed and by whom, but not the values. */
export interface ConfigChanged {
  /** The newest revision that it tells of; `ListConfigChanges` has all of it. */
  revision: number;
  /** The oldest one. */
  first_revision?: number;
  /** How many changes were made. */
  count: number;
  /** What was changed, such as `updated channel siem (webhook)`, the newest first, 20 at most. */
  changes?: string[];
  /** Who changed it: names of keys and addresses of members. */
  by?: string[];
}

/** Deliveries to a channel, or to people by email, were given up: at once for the first, then for each channel once an hour with how many there were since. Deliveries of Watchbell's own events and tests do not count. */
export interface DeliveryFailed {
  /** The channel; absent for mail to people. */
  channel_id?: string;
  /** Its name. */
  channel?: string;
  /** Its kind, such as `WEBHOOK`. */
  kind: string;
  /** How many were given up. */
  count: number;
  /** When the first of them was given up. */
  first_failed_at?: string;
  /** When the last one was. */
  last_failed_at?: string;
  /** The last error. */
  error?: string;
  /** The last one. */
  delivery_id?: string;
  /** The event of the last one. */
  event_id?: string;
}

/** A risk exception is approved. */
export interface ExceptionApproved {
  /** The exception. */
  exception_id: string;
  /** The finding it is for. */
  finding_id?: string;
  /** What the finding is on. */
  resource?: string;
  /** Who asked for it. */
  requester?: string;
  /** Why. */
  reason?: string;
  /** Until when the risk would be accepted. */
  expires_at?: string;
  /** Who approved it. */
  approver?: string;
  /** What they said. */
  comment?: string;
}

/** A risk exception is rejected. */
export interface ExceptionRejected {
  /** The exception. */
  exception_id: string;
  /** The finding it is for. */
  finding_id?: string;
  /** What the finding is on. */
  resource?: string;
  /** Who asked for it. */
  requester?: string;
  /** Why. */
  reason?: string;
  /** Until when the risk would be accepted. */
  expires_at?: string;
  /** Who rejected it. */
  rejected_by?: string;
  /** What they said. */
  comment?: string;
}

/** A risk exception is asked for. */
export interface ExceptionRequested {
  /** The exception. */
  exception_id: string;
  /** The finding it is for. */
  finding_id?: string;
  /** What the finding is on. */
  resource?: string;
  /** Who asked for it. */
  requester?: string;
  /** Why. */
  reason?: string;
  /** Until when the risk would be accepted. */
  expires_at?: string;
}

/** Expressions of rules or channels could not be evaluated, which counts as no match. At most once a day for each. Owners are told by email and in the inbox, whatever the rules say. */
export interface ExpressionFailed {
  /** The rule or channel, if it is one. */
  owner?: string;
  /** Its id. */
  owner_id?: string;
  /** The last error. */
  error?: string;
  /** The expression. */
  expression?: string;
  /** The rules and channels with their errors, if there are several. */
  owners?: string;
}

/** A new finding is detected. */
export interface FindingCreated {
  /** The finding. */
  finding_id: string;
  /** What it was found on: an ARN, an image, a repository. */
  resource?: string;
  /** The sort of resource, such as `s3_bucket`. */
  resource_type?: string;
  /** Risk score, 0 to 10. */
  score?: number;
  /** The scan that found it. */
  scan_id?: string;
  /** The rule that the resource breaks. */
  rule?: string;
  /** The vulnerability. */
  cve?: string;
  /** The cloud account, cluster or registry. */
  account?: string;
  /** The region. */
  region?: string;
  /** Who answers for the resource. */
  owner?: string;
}

/** An exception for a finding is approved. */
export interface FindingExcepted {
  /** The finding. */
  finding_id: string;
  /** What it was found on: an ARN, an image, a repository. */
  resource?: string;
  /** The sort of resource, such as `s3_bucket`. */
  resource_type?: string;
  /** Risk score, 0 to 10. */
  score?: number;
  /** The scan that found it. */
  scan_id?: string;
  /** The rule that the resource breaks. */
  rule?: string;
  /** The vulnerability. */
  cve?: string;
  /** The cloud account, cluster or registry. */
  account?: string;
  /** The region. */
  region?: string;
  /** Who answers for the resource. */
  owner?: string;
  /** The exception. */
  exception_id?: string;
  /** Who approved it. */
  approver?: string;
  /** Until when the risk is accepted. */
  expires_at?: string;
}

/** A finding is marked resolved. */
export interface FindingResolved {
  /** The finding. */
  finding_id: string;
  /** What it was found on: an ARN, an image, a repository. */
  resource?: string;
  /** The sort of resource, such as `s3_bucket`. */
  resource_type?: string;
  /** Risk score, 0 to 10. */
  score?: number;
  /** The scan that found it. */
  scan_id?: string;
  /** The rule that the resource breaks. */
  rule?: string;
  /** The vulnerability. */
  cve?: string;
  /** The cloud account, cluster or registry. */
  account?: string;
  /** The region. */
  region?: string;
  /** Who answers for the resource. */
  owner?: string;
  /** Who resolved it. */
  resolved_by?: string;
  /** How. */
  resolution?: string;
  /** Who had acknowledged it. */
  acknowledger?: string;
}

/** News of the product. Marketing: reaches only people who asked for it. */
export interface ProductAnnouncement {
  /** One line. */
  headline?: string;
  /** A paragraph. */
  summary?: string;
  /** Where to read on. */
  link?: string;
  /** Which announcement it is. */
  campaign?: string;
}

/** A scan finishes. */
export interface ScanCompleted {
  /** The scan. */
  scan_id: string;
  /** What is scanned. */
  target?: string;
  /** The scanner, such as `cspm`. */
  scanner?: string;
  /** What started it, such as `schedule` or a user. */
  trigger?: string;
  /** When it started. */
  started_at?: string;
  /** How long it took. */
  duration_seconds?: number;
  /** The score of the target, 0 to 100. */
  score?: number;
  /** How many findings, by severity. */
  findings?: Record<string, unknown>;
  /** Credits that this used up. */
  credits_consumed?: number;
  /** Credits that the team has left. */
  credits_remaining?: number;
}

/** A scan fails. */
export interface ScanFailed {
  /** The scan. */
  scan_id: string;
  /** What is scanned. */
  target?: string;
  /** The scanner, such as `cspm`. */
  scanner?: string;
  /** What started it, such as `schedule` or a user. */
  trigger?: string;
  /** When it started. */
  started_at?: string;
  /** How long it ran. */
  duration_seconds?: number;
  /** What went wrong. */
  error?: string;
  /** A stable code for it. */
  error_code?: string;
  /** Whether the same scan may succeed if it is run again. */
  retryable?: boolean;
}

/** A scan starts. */
export interface ScanStarted {
  /** The scan. */
  scan_id: string;
  /** What is scanned. */
  target?: string;
  /** The scanner, such as `cspm`. */
  scanner?: string;
  /** What started it, such as `schedule` or a user. */
  trigger?: string;
  /** When it started. */
  started_at?: string;
}

/** An API key expires within a week, or the older of a webhook's two signing secrets stops signing within a day. Owners are told by email and in the inbox, whatever the rules say. */
export interface SecretExpiring {
  /** The name of the key, if it is one. */
  api_key?: string;
  /** Its id. */
  api_key_id?: string;
  /** The name of the webhook, if it is a signing secret. */
  channel?: string;
  /** Its id. */
  channel_id?: string;
  /** When it ends. */
  expires_at: string;
}

/** An SLA deadline is missed. */
export interface SlaBreached {
  /** The finding whose deadline it is. */
  finding_id: string;
  /** The deadline. */
  deadline: string;
  /** The name of the agreement. */
  sla?: string;
  /** What the finding is on. */
  resource?: string;
  /** Who answers for it. */
  owner?: string;
  /** Hours since the deadline. */
  hours_overdue?: number;
}

/** An SLA is approaching its deadline. */
export interface SlaWarning {
  /** The finding whose deadline it is. */
  finding_id: string;
  /** The deadline. */
  deadline: string;
  /** The name of the agreement. */
  sla?: string;
  /** What the finding is on. */
  resource?: string;
  /** Who answers for it. */
  owner?: string;
  /** Hours until the deadline. */
  hours_remaining?: number;
}

/** A user signs in. */
export interface UserLogin {
  /** The user, by address or id. */
  user: string;
  /** Where the request came from. */
  ip?: string;
  /** With what. */
  user_agent?: string;
  /** Where that is, as far as known. */
  location?: string;
  /** How, such as `sso` or `password`. */
  method?: string;
  /** Whether the device was seen for the first time. */
  new_device?: boolean;
}

/** A user enables MFA. */
export interface UserMfaEnabled {
  /** The user, by address or id. */
  user: string;
  /** Where the request came from. */
  ip?: string;
  /** With what. */
  user_agent?: string;
  /** Where that is, as far as known. */
  location?: string;
  /** Which, such as `totp` or `webauthn`. */
  method?: string;
}

/** The `data` of each event type that every team has. */
export interface BuiltInTypes {
  "account.credits.granted": AccountCreditsGranted;
  "account.plan.changed": AccountPlanChanged;
  "alert.acknowledged": AlertAcknowledged;
  "alert.resolved": AlertResolved;
  "alert.snoozed": AlertSnoozed;
  "atlas.alert.fired": AtlasAlertFired;
  "atlas.wallet.added": AtlasWalletAdded;
  "audit.delivered": AuditDelivered;
  "audit.failed": AuditFailed;
  "audit.queued": AuditQueued;
  "channel.recovered": ChannelRecovered;
  "channel.unhealthy": ChannelUnhealthy;
  "compliance.drift_detected": ComplianceDriftDetected;
  "compliance.receipt.issued": ComplianceReceiptIssued;
  "config.changed": ConfigChanged;
  "delivery.failed": DeliveryFailed;
  "exception.approved": ExceptionApproved;
  "exception.rejected": ExceptionRejected;
  "exception.requested": ExceptionRequested;
  "expression.failed": ExpressionFailed;
  "finding.created": FindingCreated;
  "finding.excepted": FindingExcepted;
  "finding.resolved": FindingResolved;
  "product.announcement": ProductAnnouncement;
  "scan.completed": ScanCompleted;
  "scan.failed": ScanFailed;
  "scan.started": ScanStarted;
  "secret.expiring": SecretExpiring;
  "sla.breached": SlaBreached;
  "sla.warning": SlaWarning;
  "user.login": UserLogin;
  "user.mfa_enabled": UserMfaEnabled;
}
