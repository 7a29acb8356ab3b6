"""Written by shared/clients/generate.py from the contracts. Do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from .events import EventType


@dataclass(kw_only=True)
class AccountCreditsGranted(EventType):
    """`account.credits.granted`: The account is granted credits."""

    TYPE: ClassVar[str] = "account.credits.granted"

    credits_granted: float
    """How many."""
    credits_remaining: float | None = None
    """How many the team has now."""
    reason: str | None = None
    """Why."""
    granted_by: str | None = None
    """Who granted them."""
    expires_at: str | None = None
    """When they expire."""


@dataclass(kw_only=True)
class AccountPlanChanged(EventType):
    """`account.plan.changed`: The account moves to another plan."""

    TYPE: ClassVar[str] = "account.plan.changed"

    to: str
    """The plan now."""
    from_: str | None = None
    """The plan before."""
    changed_by: str | None = None
    """Who changed it."""
    effective_at: str | None = None
    """From when it holds."""


@dataclass(kw_only=True)
class AlertAcknowledged(EventType):
    """`alert.acknowledged`: Somebody has taken an alert on. The data has the field that names the alert as well, such as `finding_id`."""

    TYPE: ClassVar[str] = "alert.acknowledged"

    key: str
    """The alert."""
    acknowledger: str
    """Who."""
    opened_event_id: None | str = None
    """The event with which the alert began."""
    event_type: str | None = None
    """The type of that event."""
    comment: str | None = None
    """A word to the others."""


@dataclass(kw_only=True)
class AlertResolved(EventType):
    """`alert.resolved`: Somebody has resolved an alert by hand. The data has the field that names the alert as well, such as `finding_id`."""

    TYPE: ClassVar[str] = "alert.resolved"

    key: str
    """The alert."""
    resolved_by: str
    """Who."""
    opened_event_id: None | str = None
    """The event with which the alert began."""
    event_type: str | None = None
    """The type of that event."""
    comment: str | None = None
    """A word to the others."""


@dataclass(kw_only=True)
class AlertSnoozed(EventType):
    """`alert.snoozed`: Somebody wants to hear nothing of an alert for a while. The data has the field that names the alert as well, such as `finding_id`."""

    TYPE: ClassVar[str] = "alert.snoozed"

    key: str
    """The alert."""
    snoozed_by: str
    """Who."""
    until: str
    """When the snooze ends."""
    opened_event_id: None | str = None
    """The event with which the alert began."""
    event_type: str | None = None
    """The type of that event."""
    comment: str | None = None
    """A word to the others."""


@dataclass(kw_only=True)
class AtlasAlertFired(EventType):
    """`atlas.alert.fired`: An Atlas alert fires: a tier escalates, a score drifts."""

    TYPE: ClassVar[str] = "atlas.alert.fired"

    alert_id: str
    """The alert."""
    rule: str | None = None
    """What fired, such as `tier_escalation` or `score_drift`."""
    wallet: str | None = None
    """The wallet."""
    chain: str | None = None
    """Its chain."""
    tier: str | None = None
    """Its tier now."""
    previous_tier: str | None = None
    """Its tier before."""
    score: float | None = None
    """Its score now, 0 to 100."""
    previous_score: float | None = None
    """Its score before, 0 to 100."""
    acknowledger: str | None = None
    """Who acknowledged it."""


@dataclass(kw_only=True)
class AtlasWalletAdded(EventType):
    """`atlas.wallet.added`: A wallet is added to Atlas."""

    TYPE: ClassVar[str] = "atlas.wallet.added"

    wallet: str
    """The wallet."""
    chain: str | None = None
    """Its chain."""
    label: str | None = None
    """Its name for people."""
    added_by: str | None = None
    """Who added it."""


@dataclass(kw_only=True)
class AuditDelivered(EventType):
    """`audit.delivered`: An audit is delivered."""

    TYPE: ClassVar[str] = "audit.delivered"

    audit_id: str
    """The audit."""
    name: str | None = None
    """Its name for people."""
    target: str | None = None
    """What is audited."""
    submitter: str | None = None
    """Who submitted it."""
    acknowledger: str | None = None
    """Who acknowledged it."""
    score: float | None = None
    """The score, 0 to 100."""
    findings: dict[str, Any] | None = None
    """How many findings, by severity."""
    report_url: str | None = None
    """The report."""
    duration_seconds: float | None = None
    """How long it took."""
    credits_consumed: float | None = None
    """Credits that this used up."""
    credits_remaining: float | None = None
    """Credits that the team has left."""


@dataclass(kw_only=True)
class AuditFailed(EventType):
    """`audit.failed`: An audit fails."""

    TYPE: ClassVar[str] = "audit.failed"

    audit_id: str
    """The audit."""
    name: str | None = None
    """Its name for people."""
    target: str | None = None
    """What is audited."""
    submitter: str | None = None
    """Who submitted it."""
    acknowledger: str | None = None
    """Who acknowledged it."""
    error: str | None = None
    """What went wrong."""
    error_code: str | None = None
    """A stable code for it."""
    retryable: bool | None = None
    """Whether it may succeed if it is submitted again."""
    credits_consumed: float | None = None
    """Credits that this used up."""
    credits_remaining: float | None = None
    """Credits that the team has left."""


@dataclass(kw_only=True)
class AuditQueued(EventType):
    """`audit.queued`: An audit is accepted and waits."""

    TYPE: ClassVar[str] = "audit.queued"

    audit_id: str
    """The audit."""
    name: str | None = None
    """Its name for people."""
    target: str | None = None
    """What is audited."""
    submitter: str | None = None
    """Who submitted it."""
    acknowledger: str | None = None
    """Who acknowledged it."""
    position: int | None = None
    """Its place in the queue, from 1."""
    estimated_minutes: float | None = None
    """Minutes until it is expected to be delivered."""
    credits_consumed: float | None = None
    """Credits that this used up."""
    credits_remaining: float | None = None
    """Credits that the team has left."""


@dataclass(kw_only=True)
class ChannelRecovered(EventType):
    """`channel.recovered`: A channel that was unhealthy is enabled again."""

    TYPE: ClassVar[str] = "channel.recovered"

    channel_id: str
    """The channel."""
    channel: str | None = None
    """Its name."""


@dataclass(kw_only=True)
class ChannelUnhealthy(EventType):
    """`channel.unhealthy`: Nothing gets through to a channel any more: its retries have run out, and new deliveries are kept until it is enabled again. Owners are told by email and in the inbox, whatever the rules say."""

    TYPE: ClassVar[str] = "channel.unhealthy"

    channel_id: str
    """The channel."""
    channel: str | None = None
    """Its name."""
    reason: str | None = None
    """The last error."""
    since: str | None = None
    """When it turned."""
    to_enable_again: str | None = None
    """The command that enables it again."""


@dataclass(kw_only=True)
class ComplianceDriftDetected(EventType):
    """`compliance.drift_detected`: The compliance posture changes."""

    TYPE: ClassVar[str] = "compliance.drift_detected"

    framework: str
    """The framework, such as `SOC 2`."""
    control: str | None = None
    """The control that changed."""
    controls_failing: int | None = None
    """How many controls fail now."""
    previous_score: float | None = None
    """The score before, 0 to 100."""
    score: float | None = None
    """The score now, 0 to 100."""
    resource: str | None = None
    """What changed."""
    detected_at: str | None = None
    """When it was noticed."""


@dataclass(kw_only=True)
class ComplianceReceiptIssued(EventType):
    """`compliance.receipt.issued`: A compliance receipt is issued. Always by email, never to a chat."""

    TYPE: ClassVar[str] = "compliance.receipt.issued"

    receipt_id: str
    """The receipt."""
    framework: str | None = None
    """The framework."""
    audit_id: str | None = None
    """The audit it records."""
    issued_to: str | None = None
    """Who it is issued to."""
    period_start: str | None = None
    """What it covers, from."""
    period_end: str | None = None
    """What it covers, until."""
    document_url: str | None = None
    """The document."""
    sha256: str | None = None
    """SHA-256 of the document, lower-case hex."""


@dataclass(kw_only=True)
class ConfigChanged(EventType):
    """`config.changed`: The team's configuration was changed: at once for the first change, then once a minute with all that were made since. Says what was changed and by whom, but not the values."""

    TYPE: ClassVar[str] = "config.changed"

    revision: int
    """The newest revision that it tells of; `ListConfigChanges` has all of it."""
    count: int
    """How many changes were made."""
    first_revision: int | None = None
    """The oldest one."""
    changes: list[str] | None = None
    """What was changed, such as `updated channel siem (webhook)`, the newest first, 20 at most."""
    by: list[str] | None = None
    """Who changed it: names of keys and addresses of members."""


@dataclass(kw_only=True)
class DeliveryFailed(EventType):
    """`delivery.failed`: Deliveries to a channel, or to people by email, were given up: at once for the first, then for each channel once an hour with how many there were since. Deliveries of Watchbell's own events and tests do not count."""

    TYPE: ClassVar[str] = "delivery.failed"

    kind: str
    """Its kind, such as `WEBHOOK`."""
    count: int
    """How many were given up."""
    channel_id: str | None = None
    """The channel; absent for mail to people."""
    channel: str | None = None
    """Its name."""
    first_failed_at: str | None = None
    """When the first of them was given up."""
    last_failed_at: str | None = None
    """When the last one was."""
    error: str | None = None
    """The last error."""
    delivery_id: str | None = None
    """The last one."""
    event_id: str | None = None
    """The event of the last one."""


@dataclass(kw_only=True)
class ExceptionApproved(EventType):
    """`exception.approved`: A risk exception is approved."""

    TYPE: ClassVar[str] = "exception.approved"

    exception_id: str
    """The exception."""
    finding_id: str | None = None
    """The finding it is for."""
    resource: str | None = None
    """What the finding is on."""
    requester: str | None = None
    """Who asked for it."""
    reason: str | None = None
    """Why."""
    expires_at: str | None = None
    """Until when the risk would be accepted."""
    approver: str | None = None
    """Who approved it."""
    comment: str | None = None
    """What they said."""


@dataclass(kw_only=True)
class ExceptionRejected(EventType):
    """`exception.rejected`: A risk exception is rejected."""

    TYPE: ClassVar[str] = "exception.rejected"

    exception_id: str
    """The exception."""
    finding_id: str | None = None
    """The finding it is for."""
    resource: str | None = None
    """What the finding is on."""
    requester: str | None = None
    """Who asked for it."""
    reason: str | None = None
    """Why."""
    expires_at: str | None = None
    """Until when the risk would be accepted."""
    rejected_by: str | None = None
    """Who rejected it."""
    comment: str | None = None
    """What they said."""


@dataclass(kw_only=True)
class ExceptionRequested(EventType):
    """`exception.requested`: A risk exception is asked for."""

    TYPE: ClassVar[str] = "exception.requested"

    exception_id: str
    """The exception."""
    finding_id: str | None = None
    """The finding it is for."""
    resource: str | None = None
    """What the finding is on."""
    requester: str | None = None
    """Who asked for it."""
    reason: str | None = None
    """Why."""
    expires_at: str | None = None
    """Until when the risk would be accepted."""


@dataclass(kw_only=True)
class ExpressionFailed(EventType):
    """`expression.failed`: Expressions of rules or channels could not be evaluated, which counts as no match. At most once a day for each. Owners are told by email and in the inbox, whatever the rules say."""

    TYPE: ClassVar[str] = "expression.failed"

    owner: str | None = None
    """The rule or channel, if it is one."""
    owner_id: str | None = None
    """Its id."""
    error: str | None = None
    """The last error."""
    expression: str | None = None
    """The expression."""
    owners: str | None = None
    """The rules and channels with their errors, if there are several."""


@dataclass(kw_only=True)
class FindingCreated(EventType):
    """`finding.created`: A new finding is detected."""

    TYPE: ClassVar[str] = "finding.created"

    finding_id: str
    """The finding."""
    resource: str | None = None
    """What it was found on: an ARN, an image, a repository."""
    resource_type: str | None = None
    """The sort of resource, such as `s3_bucket`."""
    score: float | None = None
    """Risk score, 0 to 10."""
    scan_id: str | None = None
    """The scan that found it."""
    rule: str | None = None
    """The rule that the resource breaks."""
    cve: str | None = None
    """The vulnerability."""
    account: str | None = None
    """The cloud account, cluster or registry."""
    region: str | None = None
    """The region."""
    owner: str | None = None
    """Who answers for the resource."""


@dataclass(kw_only=True)
class FindingExcepted(EventType):
    """`finding.excepted`: An exception for a finding is approved."""

    TYPE: ClassVar[str] = "finding.excepted"

    finding_id: str
    """The finding."""
    resource: str | None = None
    """What it was found on: an ARN, an image, a repository."""
    resource_type: str | None = None
    """The sort of resource, such as `s3_bucket`."""
    score: float | None = None
    """Risk score, 0 to 10."""
    scan_id: str | None = None
    """The scan that found it."""
    rule: str | None = None
    """The rule that the resource breaks."""
    cve: str | None = None
    """The vulnerability."""
    account: str | None = None
    """The cloud account, cluster or registry."""
    region: str | None = None
    """The region."""
    owner: str | None = None
    """Who answers for the resource."""
    exception_id: str | None = None
    """The exception."""
    approver: str | None = None
    """Who approved it."""
    expires_at: str | None = None
    """Until when the risk is accepted."""


@dataclass(kw_only=True)
class FindingResolved(EventType):
    """`finding.resolved`: A finding is marked resolved."""

    TYPE: ClassVar[str] = "finding.resolved"

    finding_id: str
    """The finding."""
    resource: str | None = None
    """What it was found on: an ARN, an image, a repository."""
    resource_type: str | None = None
    """The sort of resource, such as `s3_bucket`."""
    score: float | None = None
    """Risk score, 0 to 10."""
    scan_id: str | None = None
    """The scan that found it."""
    rule: str | None = None
    """The rule that the resource breaks."""
    cve: str | None = None
    """The vulnerability."""
    account: str | None = None
    """The cloud account, cluster or registry."""
    region: str | None = None
    """The region."""
    owner: str | None = None
    """Who answers for the resource."""
    resolved_by: str | None = None
    """Who resolved it."""
    resolution: str | None = None
    """How."""
    acknowledger: str | None = None
    """Who had acknowledged it."""


@dataclass(kw_only=True)
class ProductAnnouncement(EventType):
    """`product.announcement`: News of the product. Marketing: reaches only people who asked for it."""

    TYPE: ClassVar[str] = "product.announcement"

    headline: str | None = None
    """One line."""
    summary: str | None = None
    """A paragraph."""
    link: str | None = None
    """Where to read on."""
    campaign: str | None = None
    """Which announcement it is."""


@dataclass(kw_only=True)
class ScanCompleted(EventType):
    """`scan.completed`: A scan finishes."""

    TYPE: ClassVar[str] = "scan.completed"

    scan_id: str
    """The scan."""
    target: str | None = None
    """What is scanned."""
    scanner: str | None = None
    """The scanner, such as `cspm`."""
    trigger: str | None = None
    """What started it, such as `schedule` or a user."""
    started_at: str | None = None
    """When it started."""
    duration_seconds: float | None = None
    """How long it took."""
    score: float | None = None
    """The score of the target, 0 to 100."""
    findings: dict[str, Any] | None = None
    """How many findings, by severity."""
    credits_consumed: float | None = None
    """Credits that this used up."""
    credits_remaining: float | None = None
    """Credits that the team has left."""


@dataclass(kw_only=True)
class ScanFailed(EventType):
    """`scan.failed`: A scan fails."""

    TYPE: ClassVar[str] = "scan.failed"

    scan_id: str
    """The scan."""
    target: str | None = None
    """What is scanned."""
    scanner: str | None = None
    """The scanner, such as `cspm`."""
    trigger: str | None = None
    """What started it, such as `schedule` or a user."""
    started_at: str | None = None
    """When it started."""
    duration_seconds: float | None = None
    """How long it ran."""
    error: str | None = None
    """What went wrong."""
    error_code: str | None = None
    """A stable code for it."""
    retryable: bool | None = None
    """Whether the same scan may succeed if it is run again."""


@dataclass(kw_only=True)
class ScanStarted(EventType):
    """`scan.started`: A scan starts."""

    TYPE: ClassVar[str] = "scan.started"

    scan_id: str
    """The scan."""
    target: str | None = None
    """What is scanned."""
    scanner: str | None = None
    """The scanner, such as `cspm`."""
    trigger: str | None = None
    """What started it, such as `schedule` or a user."""
    started_at: str | None = None
    """When it started."""


@dataclass(kw_only=True)
class SecretExpiring(EventType):
    """`secret.expiring`: An API key expires within a week, or the older of a webhook's two signing secrets stops signing within a day. Owners are told by email and in the inbox, whatever the rules say."""

    TYPE: ClassVar[str] = "secret.expiring"

    expires_at: str
    """When it ends."""
    api_key: str | None = None
    """The name of the key, if it is one."""
    api_key_id: str | None = None
    """Its id."""
    channel: str | None = None
    """The name of the webhook, if it is a signing secret."""
    channel_id: str | None = None
    """Its id."""


@dataclass(kw_only=True)
class SlaBreached(EventType):
    """`sla.breached`: An SLA deadline is missed."""

    TYPE: ClassVar[str] = "sla.breached"

    finding_id: str
    """The finding whose deadline it is."""
    deadline: str
    """The deadline."""
    sla: str | None = None
    """The name of the agreement."""
    resource: str | None = None
    """What the finding is on."""
    owner: str | None = None
    """Who answers for it."""
    hours_overdue: float | None = None
    """Hours since the deadline."""


@dataclass(kw_only=True)
class SlaWarning(EventType):
    """`sla.warning`: An SLA is approaching its deadline."""

    TYPE: ClassVar[str] = "sla.warning"

    finding_id: str
    """The finding whose deadline it is."""
    deadline: str
    """The deadline."""
    sla: str | None = None
    """The name of the agreement."""
    resource: str | None = None
    """What the finding is on."""
    owner: str | None = None
    """Who answers for it."""
    hours_remaining: float | None = None
    """Hours until the deadline."""


@dataclass(kw_only=True)
class UserLogin(EventType):
    """`user.login`: A user signs in."""

    TYPE: ClassVar[str] = "user.login"

    user: str
    """The user, by address or id."""
    ip: str | None = None
    """Where the request came from."""
    user_agent: str | None = None
    """With what."""
    location: str | None = None
    """Where that is, as far as known."""
    method: str | None = None
    """How, such as `sso` or `password`."""
    new_device: bool | None = None
    """Whether the device was seen for the first time."""


@dataclass(kw_only=True)
class UserMfaEnabled(EventType):
    """`user.mfa_enabled`: A user enables MFA."""

    TYPE: ClassVar[str] = "user.mfa_enabled"

    user: str
    """The user, by address or id."""
    ip: str | None = None
    """Where the request came from."""
    user_agent: str | None = None
    """With what."""
    location: str | None = None
    """Where that is, as far as known."""
    method: str | None = None
    """Which, such as `totp` or `webauthn`."""


BUILT_IN: dict[str, type[EventType]] = {
    "account.credits.granted": AccountCreditsGranted,
    "account.plan.changed": AccountPlanChanged,
    "alert.acknowledged": AlertAcknowledged,
    "alert.resolved": AlertResolved,
    "alert.snoozed": AlertSnoozed,
    "atlas.alert.fired": AtlasAlertFired,
    "atlas.wallet.added": AtlasWalletAdded,
    "audit.delivered": AuditDelivered,
    "audit.failed": AuditFailed,
    "audit.queued": AuditQueued,
    "channel.recovered": ChannelRecovered,
    "channel.unhealthy": ChannelUnhealthy,
    "compliance.drift_detected": ComplianceDriftDetected,
    "compliance.receipt.issued": ComplianceReceiptIssued,
    "config.changed": ConfigChanged,
    "delivery.failed": DeliveryFailed,
    "exception.approved": ExceptionApproved,
    "exception.rejected": ExceptionRejected,
    "exception.requested": ExceptionRequested,
    "expression.failed": ExpressionFailed,
    "finding.created": FindingCreated,
    "finding.excepted": FindingExcepted,
    "finding.resolved": FindingResolved,
    "product.announcement": ProductAnnouncement,
    "scan.completed": ScanCompleted,
    "scan.failed": ScanFailed,
    "scan.started": ScanStarted,
    "secret.expiring": SecretExpiring,
    "sla.breached": SlaBreached,
    "sla.warning": SlaWarning,
    "user.login": UserLogin,
    "user.mfa_enabled": UserMfaEnabled,
}
"""The event types that every team has, by name."""
