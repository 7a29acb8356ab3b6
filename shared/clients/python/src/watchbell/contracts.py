"""Written by shared/clients/generate.py from the contracts. Do not edit."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, cast

from ._transport import Transport


AlertAction = Literal[
    "ALERT_ACTION_UNSPECIFIED",
    "ALERT_ACTION_TRIGGER",
    "ALERT_ACTION_UPDATE",
    "ALERT_ACTION_RESOLVE",
]
"""What an event does to the alert that it belongs to. An alert is a thing with a life, such as a finding, which several
events tell of.
"""


AlertHearing = Literal[
    "ALERT_HEARING_UNSPECIFIED",
    "ALERT_HEARING_SENT",
    "ALERT_HEARING_COUNTED",
    "ALERT_HEARING_NOT_SENT",
]
"""What becomes of an event of an alert somewhere."""


AlertNews = Literal[
    "ALERT_NEWS_UNSPECIFIED",
    "ALERT_NEWS_BEGINS",
    "ALERT_NEWS_CHANGES",
    "ALERT_NEWS_REPEATS",
    "ALERT_NEWS_ENDS",
    "ALERT_NEWS_HANDLED",
    "ALERT_NEWS_UNRELATED",
]
"""What an event is to those who know of its alert."""


AlertState = Literal[
    "ALERT_STATE_UNSPECIFIED",
    "ALERT_STATE_OPEN",
    "ALERT_STATE_ACKNOWLEDGED",
    "ALERT_STATE_SNOOZED",
    "ALERT_STATE_RESOLVED",
]
"""Where an alert stands."""


AlertWhen = Literal[
    "ALERT_WHEN_UNSPECIFIED",
    "ALERT_WHEN_NEVER",
    "ALERT_WHEN_ALWAYS",
    "ALERT_WHEN_SEVERITIES",
]
"""Never, always, or at certain severities."""


AttemptOutcome = Literal[
    "ATTEMPT_OUTCOME_UNSPECIFIED",
    "ATTEMPT_OUTCOME_DELIVERED",
    "ATTEMPT_OUTCOME_ACCEPTED",
    "ATTEMPT_OUTCOME_RETRYABLE",
    "ATTEMPT_OUTCOME_PERMANENT",
]
"""What came of an attempt."""


Category = Literal[
    "CATEGORY_UNSPECIFIED",
    "CATEGORY_SECURITY_ALERT",
    "CATEGORY_SYSTEM_NOTIFICATION",
    "CATEGORY_SYSTEM_ERROR",
]
"""What sort of fact an event is."""


CellMoveState = Literal[
    "CELL_MOVE_STATE_UNSPECIFIED",
    "CELL_MOVE_STATE_COPYING",
    "CELL_MOVE_STATE_REMOVING",
    "CELL_MOVE_STATE_DONE",
    "CELL_MOVE_STATE_FAILED",
]
"""How far a move is."""


ChannelHealth = Literal[
    "CHANNEL_HEALTH_UNSPECIFIED",
    "CHANNEL_HEALTH_HEALTHY",
    "CHANNEL_HEALTH_UNHEALTHY",
]
"""Whether a channel carries."""


ChannelKind = Literal[
    "CHANNEL_KIND_UNSPECIFIED",
    "CHANNEL_KIND_SLACK",
    "CHANNEL_KIND_TEAMS",
    "CHANNEL_KIND_EMAIL",
    "CHANNEL_KIND_WEBHOOK",
    "CHANNEL_KIND_IN_APP",
]
"""The kind of a destination."""


ConfigActorKind = Literal[
    "CONFIG_ACTOR_KIND_UNSPECIFIED",
    "CONFIG_ACTOR_KIND_API_KEY",
    "CONFIG_ACTOR_KIND_MEMBER",
    "CONFIG_ACTOR_KIND_EMAIL_LINK",
    "CONFIG_ACTOR_KIND_PLATFORM",
]
"""What changed a configuration."""


ConfigChangeAction = Literal[
    "CONFIG_CHANGE_ACTION_UNSPECIFIED",
    "CONFIG_CHANGE_ACTION_CREATE",
    "CONFIG_CHANGE_ACTION_UPDATE",
    "CONFIG_CHANGE_ACTION_DELETE",
]
"""What is done."""


ConfigFindingKind = Literal[
    "CONFIG_FINDING_KIND_UNSPECIFIED",
    "CONFIG_FINDING_KIND_RULE_UNREACHABLE",
    "CONFIG_FINDING_KIND_RULE_SHADOWED",
    "CONFIG_FINDING_KIND_CHANNEL_UNUSED",
    "CONFIG_FINDING_KIND_ALERT_UNHEARD",
    "CONFIG_FINDING_KIND_MEMBER_UNHEARD",
    "CONFIG_FINDING_KIND_EXPRESSION_FAILS",
    "CONFIG_FINDING_KIND_GROUP_FIELD_UNKNOWN",
]
"""What is odd."""


DeliveryState = Literal[
    "DELIVERY_STATE_UNSPECIFIED",
    "DELIVERY_STATE_PENDING",
    "DELIVERY_STATE_HELD",
    "DELIVERY_STATE_PARKED",
    "DELIVERY_STATE_FOLDED",
    "DELIVERY_STATE_DELIVERED",
    "DELIVERY_STATE_FAILED",
    "DELIVERY_STATE_CANCELLED",
]
"""Where a delivery stands."""


DigestRunState = Literal[
    "DIGEST_RUN_STATE_UNSPECIFIED",
    "DIGEST_RUN_STATE_PENDING",
    "DIGEST_RUN_STATE_SUBMITTED",
    "DIGEST_RUN_STATE_SKIPPED",
]
"""Where a run stands."""


FailedReason = Literal[
    "FAILED_REASON_UNSPECIFIED",
    "FAILED_REASON_REFUSED",
    "FAILED_REASON_RETRIES_EXHAUSTED",
    "FAILED_REASON_SUMMARY_FAILED",
]
"""Why a delivery was not tried again."""


FoldedReason = Literal[
    "FOLDED_REASON_UNSPECIFIED",
    "FOLDED_REASON_SUMMARY",
    "FOLDED_REASON_STORM",
    "FOLDED_REASON_SILENCE",
    "FOLDED_REASON_REPEAT",
    "FOLDED_REASON_ALERT_TOLD",
    "FOLDED_REASON_GROUP",
]
"""What a delivery is folded into."""


HeldReason = Literal[
    "HELD_REASON_UNSPECIFIED",
    "HELD_REASON_QUIET_HOURS",
    "HELD_REASON_SILENCE",
]
"""What holds a delivery."""


ParkedReason = Literal[
    "PARKED_REASON_UNSPECIFIED",
    "PARKED_REASON_PAUSED",
    "PARKED_REASON_UNHEALTHY",
    "PARKED_REASON_NO_RECIPIENT",
]
"""Why a delivery is parked, and what takes it up again."""


Permission = Literal[
    "PERMISSION_UNSPECIFIED",
    "PERMISSION_MANAGE_INTEGRATIONS",
]
"""A single permission."""


Plan = Literal[
    "PLAN_UNSPECIFIED",
    "PLAN_FREE",
    "PLAN_TEAM",
    "PLAN_ENTERPRISE",
]
"""What a team pays for. Rules that route and the weekly digest need TEAM or above."""


PreferenceSetting = Literal[
    "PREFERENCE_SETTING_UNSPECIFIED",
    "PREFERENCE_SETTING_OFF",
    "PREFERENCE_SETTING_ON",
    "PREFERENCE_SETTING_SEVERITIES",
    "PREFERENCE_SETTING_FAILURES",
]
"""Off, on, or on for certain events."""


Repeat = Literal[
    "REPEAT_UNSPECIFIED",
    "REPEAT_COUNT",
    "REPEAT_NOTIFY",
]
"""What becomes of an event that says of an open alert what was told before. Webhooks get every event."""


Role = Literal[
    "ROLE_UNSPECIFIED",
    "ROLE_OWNER",
    "ROLE_ADMIN",
    "ROLE_MEMBER",
]
"""What a member may do by default."""


Scope = Literal[
    "SCOPE_UNSPECIFIED",
    "SCOPE_EMIT",
    "SCOPE_CONFIG_READ",
    "SCOPE_CONFIG_WRITE",
    "SCOPE_DELIVERIES_READ",
    "SCOPE_DELIVERIES_WRITE",
    "SCOPE_INBOX",
    "SCOPE_PLATFORM",
]
"""What a key may do."""


Severity = Literal[
    "SEVERITY_UNSPECIFIED",
    "SEVERITY_INFO",
    "SEVERITY_LOW",
    "SEVERITY_MODERATE",
    "SEVERITY_MEDIUM",
    "SEVERITY_HIGH",
    "SEVERITY_CRITICAL",
]
"""How bad it is, from CRITICAL down to INFO."""


SilenceMode = Literal[
    "SILENCE_MODE_UNSPECIFIED",
    "SILENCE_MODE_HOLD",
    "SILENCE_MODE_DROP",
]
"""What becomes of messages that a silence matches."""


SilenceState = Literal[
    "SILENCE_STATE_UNSPECIFIED",
    "SILENCE_STATE_PENDING",
    "SILENCE_STATE_ACTIVE",
    "SILENCE_STATE_EXPIRED",
]
"""Where a silence stands."""


SmtpSecurity = Literal[
    "SMTP_SECURITY_UNSPECIFIED",
    "SMTP_SECURITY_STARTTLS",
    "SMTP_SECURITY_OPTIONAL_STARTTLS",
    "SMTP_SECURITY_TLS",
    "SMTP_SECURITY_NONE",
]
"""How the connection to a mail server is protected."""


StepOutcome = Literal[
    "STEP_OUTCOME_UNSPECIFIED",
    "STEP_OUTCOME_ROUTED",
    "STEP_OUTCOME_SILENCED",
    "STEP_OUTCOME_PASSED_OVER",
    "STEP_OUTCOME_RESTS",
    "STEP_OUTCOME_HELD",
    "STEP_OUTCOME_PARKED",
    "STEP_OUTCOME_COUNTED",
]
"""What came of one step."""


WebhookEnvelope = Literal[
    "WEBHOOK_ENVELOPE_UNSPECIFIED",
    "WEBHOOK_ENVELOPE_STANDARD",
    "WEBHOOK_ENVELOPE_CLOUD_EVENTS",
]
"""How a webhook's body is laid out."""


Weekday = Literal[
    "WEEKDAY_UNSPECIFIED",
    "WEEKDAY_MONDAY",
    "WEEKDAY_TUESDAY",
    "WEEKDAY_WEDNESDAY",
    "WEEKDAY_THURSDAY",
    "WEEKDAY_FRIDAY",
    "WEEKDAY_SATURDAY",
    "WEEKDAY_SUNDAY",
]
"""A day of the week."""


class AcceptedEvent(TypedDict, total=False):
    """An event that was accepted."""

    accept_time: str
    """When it was committed."""

    alert: EventAlert
    """The alert that it belongs to; absent for none."""

    data_json: str
    """The data as the JSON text that was emitted, byte for byte; what was emitted as a struct is compact JSON."""

    event: Event
    """The event; its payload is `data`, whose numbers are doubles. Without a payload when a `google.protobuf.Struct`
    cannot carry it, and in lists and streams when it is more than 8 KiB of JSON: `data_json` has it.
    """

    routes: list[Route]
    """Who got it."""


class AcknowledgeAlertRequest(TypedDict, total=False):
    """Asks to take an alert on."""

    comment: str
    """A word to the others; at most 500 characters."""

    key: str
    """The alert's key."""

    member_id: str
    """Who takes it on, `mbr_…`; the caller when empty."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class AcknowledgeAlertResponse(TypedDict, total=False):
    """It is taken on."""

    alert: Alert
    """As it is now."""


class AddCellRequest(TypedDict, total=False):
    """Asks to add a cell."""

    cell: Cell
    """Its name and addresses; everything else is ignored."""

    validate_only: bool
    """Checks all, and adds nothing."""


class AddCellResponse(TypedDict, total=False):
    """The cell as it was added."""

    cell: Cell
    """It."""


class AddressTarget(TypedDict, total=False):
    """An address that is no member's."""

    address: str
    """An email address."""

    channel_id: str
    """The email channel that it is a recipient of, `chn_…`; empty when it is none. One route for each recipient, so
    that one bad mailbox blocks no other.
    """


class Alert(TypedDict, total=False):
    """A thing with a life, such as a finding, that several events tell of."""

    acknowledge_time: str
    """When."""

    acknowledged_by: str
    """Who has acknowledged it; empty when nobody has."""

    count: int | str
    """How many events have told of it since it began, its end not counted."""

    event_type: str
    """The type of the event with which it began."""

    key: str
    """The same for all events of the alert, such as `finding_id=F-17`; unique in the team."""

    last_event_time: str
    """When the newest event that tells of it occurred."""

    open_time: str
    """When it began."""

    opened_event_id: str
    """The event with which it began."""

    pending: str
    """What still happens while it is open and nobody acknowledges it, in words, such as `reminds every 4 h, next at 21 Nov
    2026, 13:00 UTC, 2 of 5 sent; escalates to #security at 21 Nov 2026, 11:00 UTC`. Empty when nothing does. Only
    `GetAlert` and explanations fill it.
    """

    resolve_time: str
    """When it ended; absent while it has not."""

    resolved_by: str
    """Who has resolved it by hand; empty when an event did."""

    severity: Severity
    """The worst severity since it began."""

    snooze_end_time: str
    """Until when it is snoozed."""

    snoozed_by: str
    """Who has snoozed it; empty when nobody has."""

    source: str
    """The part of the platform it came from; may be empty."""

    state: AlertState
    """Where it stands."""

    subject: str
    """What it is about; may be empty."""

    team_id: str
    """The owning team."""

    title: str
    """That event's title."""

    told: list[Route]
    """Who was told that it began, and is told when it ends. Only `GetAlert` fills it."""

    url: str
    """Where to look closer; may be empty."""


class AlertExplanation(TypedDict, total=False):
    """What an event does, or did, to its alert, and who hears of it."""

    alert: Alert
    """The alert as it is now; absent when none of that key has begun."""

    listeners: list[AlertListener]
    """Who hears of the event or of the alert's end; at most 1,000."""

    news: AlertNews
    """What it is to those who know of the alert."""

    sentence: str
    """The same with where the alert stands, in English sentences."""


class AlertListener(TypedDict, total=False):
    """Who hears of an event of an alert, or is told of the alert's end."""

    end_sentence: str
    """Why not, when it is not: opted out, left, not told of the beginning."""

    hearing: AlertHearing
    """What becomes of the event there; unspecified when it does not go there."""

    route: Route
    """Who, and why."""

    sentence: str
    """Why, when it is not simply sent."""

    told_of_end: bool
    """Whether the end of the alert, if it comes, is told there."""


class AlertPolicy(TypedDict, total=False):
    """What alerts by default."""

    severities: list[Severity]
    """With SEVERITIES: which."""

    when: AlertWhen
    """Never, always, or at certain severities; NEVER when unspecified."""


class AlertSpec(TypedDict, total=False):
    """Which alert the events of a type belong to, and what they do to it."""

    action: AlertAction
    """What the events do to it. Required."""

    key: str
    """The field of `data` that is the same in all events of one alert, such as `data.finding_id`. An event in which it is
    missing belongs to no alert. Required.
    """

    repeat: Repeat
    """What becomes of an event that says of an open alert what was told before."""


class AlertStatus(TypedDict, total=False):
    """An alert as it was when an event was accepted."""

    count: int | str
    """How many events had told of it since it began, this one included unless it ended it."""

    key: str
    """The same for all events of the alert."""

    news: AlertNews
    """What the event was to those who knew of it; unspecified of events that older releases accepted."""

    open_time: str
    """When it began; absent when that is unknown."""

    opened_event_id: str
    """The event with which it began; empty when that is unknown."""

    state: AlertState
    """Where it stood."""


class ApiKey(TypedDict, total=False):
    """A key that a backend or an admin calls with. The key itself is shown once, when it is made."""

    create_time: str
    """Output only."""

    creator: ConfigActor
    """Who made it; absent for keys that are older than the record of it. Output only."""

    display_name: str
    """At most 120 characters. Required."""

    expire_time: str
    """When it stops working; never when absent."""

    id: str
    """`key_…`. Output only."""

    last_use_time: str
    """When it was last used, to about ten minutes; absent for a key that was not used since that is recorded. Output only."""

    scopes: list[Scope]
    """At least one."""

    team_id: str
    """The team it is bound to; empty for a platform key, which may act for every team."""


class ApplyTeamConfigRequest(TypedDict, total=False):
    """Asks to make the configuration equal to a document."""

    document: str
    """YAML or JSON; at most 1 MiB."""

    expected_revision: int | str
    """When set: only if the team's configuration is still at this revision, as an export or a difference told it. Otherwise
    ABORTED with the reason `CONFIG_MOVED`, and what the document would change now.
    """

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    validate_only: bool
    """Only answer the difference."""


class ApplyTeamConfigResponse(TypedDict, total=False):
    """What changed, or would."""

    changes: list[ConfigChange]
    """In the order in which they are made; empty when nothing differs."""

    revision: int | str
    """The configuration's revision: after the changes, or, when none was made, the one that was compared with."""

    warnings: list[str]
    """What was taken although it is odd, a sentence each: patterns that no event type of the catalog matches."""


class ArchiveRequest(TypedDict, total=False):
    """Asks to put some away."""

    member_id: str
    """Who asks: `mbr_…`. Required."""

    notification_ids: list[str]
    """`ntf_…`, at most 1,000."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class ArchiveResponse(TypedDict, total=False):
    """They are put away."""


class Attempt(TypedDict, total=False):
    """One try of a delivery."""

    ambiguous: bool
    """The request was sent and no answer came: it may have arrived."""

    error: str
    """What went wrong, in words, and what to do about it; empty when nothing did."""

    error_code: str
    """A stable word for the error, such as `slack.no_service` or `timeout`."""

    id: str
    """`att_…`"""

    latency: str
    """How long it took."""

    number: int
    """From 1."""

    outcome: AttemptOutcome
    """What came of it."""

    request_headers: list[RequestHeader]
    """The headers sent, secrets masked."""

    response_body: str
    """The first 4 KiB of the answer, as text."""

    start_time: str
    """When it began."""

    status_code: int
    """The HTTP status or the SMTP reply code; 0 when there was no answer."""


class BeginSlackInstallRequest(TypedDict, total=False):
    """Asks to begin "Add to Slack"."""

    is_permitted: bool
    """The member's token gives the permission, as the service that calls has checked. Internal; of others it is ignored."""

    key_id: str
    """`key_…`: the key by which it is begun, or that made the session; it must still be there when it ends. Internal; of others it is
    ignored.
    """

    member_id: str
    """Who adds it, `mbr_…`: must still be allowed to when it ends. A signed-in member may leave it empty."""

    session_expire_time: str
    """When the session ends by which it is begun. Internal; of others it is ignored."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class BeginSlackInstallResponse(TypedDict, total=False):
    """Where "Add to Slack" goes on."""

    authorize_url: str
    """At Slack. For services of Watchbell alone, which bind it to the browser; empty for others."""

    expire_time: str
    """It works once, and until then."""

    install_url: str
    """A page that says what is about to happen and leads to Slack, for a button or a message."""

    suggested_channel: str
    """A name for the channel, such as `#watchbell-alerts`."""


class CancelDeliveriesRequest(TypedDict, total=False):
    """Asks to call off what still waits."""

    end_time: str
    """Only what was made before; now when absent."""

    filter: DeliveryFilter
    """Which of the deliveries that wait: `PENDING`, `HELD` and `PARKED` ones, unless its states say which of these. At most 100,000, the
    newest.
    """

    start_time: str
    """Only what was made at or after; required. A replay is made when it is asked for."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    validate_only: bool
    """Only count."""


class CancelDeliveriesResponse(TypedDict, total=False):
    """What was called off."""

    cancelled_count: int | str
    """How many deliveries, or how many would be with `validate_only`."""

    channels: list[ResendCount]
    """How many were found, by channel, those with the most first."""

    truncated: bool
    """There are more than one call takes; the same call again goes on."""


class CancelDeliveryRequest(TypedDict, total=False):
    """Asks to call off a delivery."""

    delivery_id: str
    """`dlv_…`"""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class CancelDeliveryResponse(TypedDict, total=False):
    """It is called off."""

    delivery: Delivery
    """As it is now."""


class Cell(TypedDict, total=False):
    """A PostgreSQL with its Dispatchers. A team lives in one cell."""

    addresses: list[str]
    """Addresses at which its Dispatchers are sought."""

    create_time: str
    """When it was added; absent for `main`."""

    name: str
    """Its name: 1 to 63 lower-case letters, digits and hyphens. `main` is the cell of the configured Dispatchers."""

    reachable: bool
    """Whether one of its Dispatchers answered just now."""

    team_count: int | str
    """How many teams live in it."""

    version: str
    """The version of its Dispatchers; empty when none answers or they are of several."""


class CellMove(TypedDict, total=False):
    """The move of a team to another cell."""

    copied_rows: int | str
    """Rows copied so far."""

    create_time: str
    """When it was asked for."""

    end_time: str
    """When it ended; absent until then."""

    from_cell: str
    """The cell that the team leaves."""

    message: str
    """Why it failed, or why it does not get on; empty otherwise."""

    state: CellMoveState
    """How far it is."""

    team_id: str
    """`team_…`"""

    to_cell: str
    """The cell that it arrives in."""


class Channel(TypedDict, total=False):
    """A configured destination of one kind. A webhook channel is also called a subscription."""

    create_time: str
    """Output only."""

    delivery: DeliveryPolicy
    """How to carry."""

    description: str
    """For your own reference; at most 1,000 characters."""

    display_name: str
    """Such as `#security-critical`; unique in the team and kind, at most 120 characters. Required."""

    email: EmailDestination
    """Addresses, by a mail server.

    At most one of `slack`, `teams`, `email`, `webhook`, `in_app` is given.
    """

    etag: str
    """Changes with every change."""

    health: ChannelHealth
    """Output only."""

    health_epoch: int | str
    """Grows when the channel is enabled again. Output only."""

    health_message: str
    """Why it is unhealthy, in words. Output only."""

    id: str
    """`chn_…`. Output only."""

    in_app: InAppDestination
    """The in-app inbox.

    At most one of `slack`, `teams`, `email`, `webhook`, `in_app` is given.
    """

    is_default: bool
    """Whether alerts of the kind fall through to it when no rule matches. Set by `SetDefaultChannel`; the first
    channel of a kind becomes its default. Output only.
    """

    kind: ChannelKind
    """Follows from the destination. Output only."""

    paused: bool
    """The Active toggle. A paused channel gets no new deliveries, and what waits for it stays waiting."""

    quiet_hours: QuietHours
    """When to hold."""

    recover_parked: bool
    """Whether the last re-enabling asked to recover what was parked. Output only."""

    slack: SlackDestination
    """An incoming webhook of Slack.

    At most one of `slack`, `teams`, `email`, `webhook`, `in_app` is given.
    """

    storm_control: StormControl
    """When to fold. Slack and Teams: 20 a minute unless set; off elsewhere."""

    team_id: str
    """The owning team. Output only."""

    teams: TeamsDestination
    """A Teams Workflow, or an old connector.

    At most one of `slack`, `teams`, `email`, `webhook`, `in_app` is given.
    """

    triggers: EventFilter
    """On a default channel: replaces the catalog's policy of what alerts by default."""

    update_time: str
    """Output only."""

    webhook: WebhookDestination
    """An HTTPS endpoint of the team's own.

    At most one of `slack`, `teams`, `email`, `webhook`, `in_app` is given.
    """


class ChannelDeliveryCounts(TypedDict, total=False):
    """Deliveries of a channel."""

    channel_id: str
    """`chn_…`; empty for the inbox and for mail to members."""

    counts: DeliveryCounts
    """Its deliveries."""

    kind: ChannelKind
    """Its kind."""


class ChannelTarget(TypedDict, total=False):
    """A configured channel."""

    channel_id: str
    """`chn_…`"""


class CheckTeamConfigRequest(TypedDict, total=False):
    """Asks what is odd about a configuration."""

    document: str
    """YAML or JSON, as `ApplyTeamConfig` takes it; today's configuration when empty."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class CheckTeamConfigResponse(TypedDict, total=False):
    """What is odd about a configuration."""

    findings: list[ConfigFinding]
    """At most 1,000."""

    revision: int | str
    """The revision of the team's configuration that was asked, or that the document was laid over."""


class ConfigActor(TypedDict, total=False):
    """Who changed a team's configuration."""

    display_name: str
    """The key's name, or the person's address, at the time of the change."""

    id: str
    """`key_…` or `mbr_…`; empty for the platform, and for recipients who are not members."""

    kind: ConfigActorKind
    """What it is."""


class ConfigChange(TypedDict, total=False):
    """One difference."""

    action: ConfigChangeAction
    """What is done."""

    fields: list[ConfigFieldChange]
    """The fields that differ. Secrets show as `(secret)`."""

    subject: str
    """What it concerns, such as `channel #security-critical`."""


class ConfigFieldChange(TypedDict, total=False):
    """A field that differs."""

    after: str
    """What it becomes, as JSON."""

    before: str
    """What it was, as JSON."""

    field: str
    """Its path."""


class ConfigFinding(TypedDict, total=False):
    """Something odd about a configuration."""

    is_new: bool
    """With a document: today's configuration does not have it."""

    kind: ConfigFindingKind
    """What it is."""

    message: str
    """One sentence."""

    subject_id: str
    """The rule, channel or member, by id; empty for event types."""

    subject_name: str
    """Its name, address or type."""


class ConfigRevision(TypedDict, total=False):
    """A revision of a team's configuration, and the change that made it. Holds no secret."""

    actor: ConfigActor
    """Who made it."""

    address: str
    """The address that the call came from, as the service saw it; empty for calls from within the process. Behind a proxy, and for the
    links of emails, it is that of the process that passed the call on.
    """

    change_time: str
    """When it was made."""

    changes: list[ConfigChange]
    """What changed, in words. Values longer than 2,000 characters are cut. What others want by email is not shown to members."""

    method: str
    """The call that made it, such as `ApplyTeamConfig`; `Upgrade` for the first entry of a team that is older than its history."""

    revision: int | str
    """The revision of the team that the change made."""


class ConfirmRecipientRequest(TypedDict, total=False):
    """Asks to confirm."""

    token: str
    """From the link."""


class ConfirmRecipientResponse(TypedDict, total=False):
    """Whether it is confirmed."""

    confirmed: bool
    """The address is confirmed, by this call or before; false when the token is outdated."""


class Contributor(TypedDict, total=False):
    """A person and how much they did."""

    count: int | str
    """How often."""

    name: str
    """As the events name them."""

    previous_count: int | str
    """How often in the period before."""


class CreateApiKeyRequest(TypedDict, total=False):
    """Asks to make one API key."""

    api_key: ApiKey
    """What to make. Required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class CreateApiKeyResponse(TypedDict, total=False):
    """The API key made."""

    api_key: ApiKey
    """It."""

    key: str
    """The key itself, `wbk_…`. Shown here and never again."""


class CreateChannelRequest(TypedDict, total=False):
    """Asks to make one channel."""

    channel: Channel
    """What to make. Required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    validate_only: bool
    """Only check it, and answer as if it had been made."""


class CreateChannelResponse(TypedDict, total=False):
    """The channel made."""

    channel: Channel
    """It."""

    signing_secret: str
    """A webhook's signing secret, when it was made here. Shown here and never again."""

    warnings: list[str]
    """What was taken although it is odd, a sentence each: patterns that no event type of the catalog matches."""


class CreateEventTypeRequest(TypedDict, total=False):
    """Asks to make one event type."""

    event_type: EventType
    """What to make. Required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    validate_only: bool
    """Only check it, and answer as if it had been made."""


class CreateEventTypeResponse(TypedDict, total=False):
    """The event type made."""

    event_type: EventType
    """It."""


class CreateMemberRequest(TypedDict, total=False):
    """Asks to make one member."""

    member: Member
    """What to make. Required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    validate_only: bool
    """Only check it, and answer as if it had been made."""


class CreateMemberResponse(TypedDict, total=False):
    """The member made."""

    member: Member
    """It."""


class CreateMentionRuleRequest(TypedDict, total=False):
    """Asks to make one mention rule."""

    mention_rule: MentionRule
    """What to make. Required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    validate_only: bool
    """Only check it, and answer as if it had been made."""


class CreateMentionRuleResponse(TypedDict, total=False):
    """The mention rule made."""

    mention_rule: MentionRule
    """It."""

    warnings: list[str]
    """What was taken although it is odd, a sentence each: patterns that no event type of the catalog matches."""


class CreatePortalSessionRequest(TypedDict, total=False):
    """Asks to make a session of a member."""

    member_id: str
    """`mbr_…`: whose session. Required."""

    read_only: bool
    """It changes nothing, not even what is the member's own."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    ttl: str
    """How long it lasts, at most an hour, which it is when absent. Not longer than the key."""


class CreatePortalSessionResponse(TypedDict, total=False):
    """The session made."""

    expire_time: str
    """When it ends."""

    token: str
    """The token alone, `wbs_…`: a bearer token for every call of the API."""

    url: str
    """The console, signed in. The token is behind `#`, which browsers send to no server. Shown here and never again."""


class CreateRuleRequest(TypedDict, total=False):
    """Asks to make one rule."""

    rule: Rule
    """What to make. Required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    validate_only: bool
    """Only check it, and answer as if it had been made."""


class CreateRuleResponse(TypedDict, total=False):
    """The rule made."""

    rule: Rule
    """It."""

    warnings: list[str]
    """What was taken although it is odd, a sentence each: patterns that no event type of the catalog matches."""


class CreateSilenceRequest(TypedDict, total=False):
    """Asks to make a silence."""

    silence: Silence
    """What to make. Required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    validate_only: bool
    """Only check it, and answer as if it had been made."""


class CreateSilenceResponse(TypedDict, total=False):
    """The silence made."""

    reach: SilenceReach
    """What it would have kept back lately; absent when the log could not be asked."""

    silence: Silence
    """It."""

    warnings: list[str]
    """What may not be meant, such as a silence that matches more than half of last week's messages."""


class CreateTeamRequest(TypedDict, total=False):
    """Asks to make one team."""

    team: Team
    """What to make. Required."""

    validate_only: bool
    """Only check it, and answer as if it had been made."""


class CreateTeamResponse(TypedDict, total=False):
    """The team made."""

    team: Team
    """It."""


class DeleteApiKeyRequest(TypedDict, total=False):
    """Asks to delete one API key."""

    api_key_id: str
    """`key_…`"""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class DeleteApiKeyResponse(TypedDict, total=False):
    """It is gone."""


class DeleteChannelRequest(TypedDict, total=False):
    """Asks to delete one channel."""

    channel_id: str
    """`chn_…`"""

    etag: str
    """When set: only if it has not changed since."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class DeleteChannelResponse(TypedDict, total=False):
    """It is gone."""


class DeleteEventTypeRequest(TypedDict, total=False):
    """Asks to delete one event type."""

    etag: str
    """When set: only if it has not changed since."""

    name: str
    """Such as `finding.created`."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class DeleteEventTypeResponse(TypedDict, total=False):
    """It is gone."""


class DeleteMemberRequest(TypedDict, total=False):
    """Asks to delete one member."""

    etag: str
    """When set: only if it has not changed since."""

    member_id: str
    """`mbr_…`"""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class DeleteMemberResponse(TypedDict, total=False):
    """It is gone."""


class DeleteMentionRuleRequest(TypedDict, total=False):
    """Asks to delete one mention rule."""

    etag: str
    """When set: only if it has not changed since."""

    mention_rule_id: str
    """`mnr_…`"""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class DeleteMentionRuleResponse(TypedDict, total=False):
    """It is gone."""


class DeleteRuleRequest(TypedDict, total=False):
    """Asks to delete one rule."""

    etag: str
    """When set: only if it has not changed since."""

    rule_id: str
    """`rul_…`"""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class DeleteRuleResponse(TypedDict, total=False):
    """It is gone."""


class DeleteTeamRequest(TypedDict, total=False):
    """Asks to delete one team."""

    etag: str
    """When set: only if it has not changed since."""

    team_id: str
    """`team_…`."""


class DeleteTeamResponse(TypedDict, total=False):
    """It is gone."""


class Delivery(TypedDict, total=False):
    """One route being carried out."""

    alert: AlertStatus
    """The alert that the event belongs to, as it was then; absent for none."""

    attempt_count: int
    """How many attempts there were."""

    attempts: list[Attempt]
    """The attempts, oldest first. Only `GetDelivery`, `SendTest` and `WatchDeliveries` fill it."""

    create_time: str
    """When it was made."""

    end_time: str
    """When it ended; absent while it has not."""

    event_id: str
    """The event it carries."""

    event_title: str
    """The event's title."""

    event_type: str
    """The event's type."""

    failed: Failed
    """Why it has failed.

    At most one of `held`, `folded`, `parked`, `failed` is given.
    """

    folded: Folded
    """Why it is folded.

    At most one of `held`, `folded`, `parked`, `failed` is given.
    """

    folded_count: int | str
    """How many deliveries it tells, when it is a summary: `summary_id` of `ListDeliveries` lists them. Only `GetDelivery` fills it."""

    held: Held
    """Why it is held.

    At most one of `held`, `folded`, `parked`, `failed` is given.
    """

    id: str
    """`dlv_…`"""

    next_attempt_time: str
    """When it is tried next; absent when it is not."""

    parked: Parked
    """Why it is parked.

    At most one of `held`, `folded`, `parked`, `failed` is given.
    """

    replay_of: str
    """The delivery that this one replays: itself when `Reroute` made it, since there was none before; empty when it is no replay."""

    route: Route
    """Who gets it, and why."""

    severity: Severity
    """The event's severity."""

    state: DeliveryState
    """Where it stands."""

    state_message: str
    """Why it stands there, in words: held until when, folded into what, parked since when, whose fault a failure is
    and what to do.
    """

    team_id: str
    """The owning team."""

    test: bool
    """Whether it is a test."""


class DeliveryBucket(TypedDict, total=False):
    """Deliveries that were made in a piece of the period."""

    counts: DeliveryCounts
    """Its deliveries."""

    start_time: str
    """When it begins."""


class DeliveryCounts(TypedDict, total=False):
    """Deliveries by state."""

    cancelled: int | str
    """Called off."""

    delivered: int | str
    """Done."""

    failed: int | str
    """Given up."""

    folded: int | str
    """Told otherwise."""

    held: int | str
    """Waiting for quiet hours or a silence to end."""

    parked: int | str
    """Kept while the channel cannot send."""

    pending: int | str
    """Waiting for an attempt, or in one."""


class DeliveryFilter(TypedDict, total=False):
    """Which deliveries; what is empty takes all."""

    address: str
    """Only to this address by email, in any case."""

    channel_id: str
    """Only of this channel: `chn_…`."""

    event_id: str
    """Only of this event."""

    kind: ChannelKind
    """Only of this kind."""

    member_id: str
    """Only to this member by email: `mbr_…`."""

    replays_only: bool
    """Only replays."""

    rule_id: str
    """Only what this rule decided: `rul_…`."""

    severities: list[Severity]
    """Only these severities."""

    states: list[DeliveryState]
    """Only in these states."""

    summary_id: str
    """Only what this summary tells: `dlv_…`."""

    text: str
    """Only whose title or subject has this text, in any case of ASCII letters; at most 200 characters."""

    types: list[str]
    """Only event types that match one of these patterns: exact, or a group such as `finding.*`. At most 100."""


class DeliveryLatency(TypedDict, total=False):
    """How long deliveries took that many of them did not exceed."""

    max: str
    """All of them."""

    p50: str
    """Half of them."""

    p90: str
    """90%."""

    p99: str
    """99%."""


class DeliveryPolicy(TypedDict, total=False):
    """How deliveries of a channel are carried out. Unset fields take the kind's defaults."""

    max_concurrency: int
    """Attempts at the same time; 1 to 64."""

    max_per_second: float
    """Attempts per second; 0 for no limit, except Slack, where it means 1."""

    retry_delays: list[str]
    """Waits after the first attempt and after each retry; at most 10, each 1 second to 24 hours.
    1 min, 5 min, 30 min, 2 h, 12 h when empty.
    """

    timeout: str
    """Of one attempt; 1 to 60 seconds, 15 when absent."""


class Digest(TypedDict, total=False):
    """What a team did in one period, each figure beside the period before."""

    atlas_alerts: Figure
    """Atlas alerts fired."""

    audits_delivered: Figure
    """Audits delivered."""

    credits_consumed: Figure
    """Credits consumed."""

    credits_remaining: float
    """Credits remaining at the period's end; absent when no event said."""

    late_events: int | str
    """Events of before the period that are counted in it, since they came after their own period's digest was made."""

    period_end: str
    """Exclusive."""

    period_start: str
    """Inclusive."""

    previous_credits_remaining: float
    """Credits remaining at the end of the period before; absent when no event said."""

    team_id: str
    """`team_…`"""

    top_acknowledgers: list[Contributor]
    """Who acknowledged the most, at most five."""

    top_submitters: list[Contributor]
    """Who submitted the most audits, at most five."""


class DigestRun(TypedDict, total=False):
    """One digest of one team and period."""

    create_time: str
    """When it was made."""

    event_id: str
    """The event that carries it: look its deliveries up by this id."""

    id: str
    """`run_…`"""

    message: str
    """Why it was not sent, in words."""

    period_end: str
    """Exclusive."""

    period_start: str
    """Inclusive."""

    recipients: list[str]
    """Who it went to."""

    state: DigestRunState
    """Where it stands."""

    team_id: str
    """The owning team."""


class DigestSettings(TypedDict, total=False):
    """When a team's digest goes out, and to whom."""

    cron: str
    """Five fields of cron in the team's zone, which come once an hour at most; `0 9 * * MON` when empty."""

    etag: str
    """Changes with every change."""

    paused: bool
    """No digest at all."""

    recipients: list[str]
    """Addresses; the Owners when empty."""


class EmailDestination(TypedDict, total=False):
    """Addresses, by a mail server."""

    recipients: list[str]
    """Who gets what a rule sends here; at most 50. May be empty on a channel that only names the team's server."""

    smtp: SmtpServer
    """The team's own server; the platform's when absent."""

    unconfirmed_recipients: list[UnconfirmedRecipient]
    """Those of the recipients who have not confirmed yet that they want these emails, and get none until then. Output only."""


class EmitBatchRequest(TypedDict, total=False):
    """Asks to accept several events of one team."""

    events: list[Event]
    """At most 1,000."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class EmitBatchResponse(TypedDict, total=False):
    """What became of each event, in the order of the request."""

    results: list[EmitResult]
    """One for each event."""


class EmitRequest(TypedDict, total=False):
    """Asks to accept one event."""

    event: Event
    """The event. Required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class EmitResponse(TypedDict, total=False):
    """The event is on disk."""

    duplicate: bool
    """True when the id was accepted before: nothing was sent now, and the routes are the first ones."""

    event_id: str
    """The event's id, made here when none was given."""

    route_count: int
    """How many get it, listed or not."""

    routes: list[Route]
    """Who gets it, and why. In the answer to a batch, channels only, and those only while the answer stays small;
    `GetEvent` of the Dispatcher has all.
    """


class EmitResult(TypedDict, total=False):
    """What became of one event."""

    accepted: EmitResponse
    """It is on disk.

    At most one of `accepted`, `refused` is given.
    """

    refused: Status
    """It was refused, with the same code and details that `Emit` would answer.

    At most one of `accepted`, `refused` is given.
    """


class Escalate(TypedDict, total=False):
    """Tell others of an alert that is open and that nobody has acknowledged: one step, once."""

    after: str
    """How long after the alert began, or got worse, so that the rule told of it; 1 minute to 30 days. A snooze puts it off
    until it ends.
    """

    channel_ids: list[str]
    """`chn_…`, 1 to 20: Slack, Teams, email or in-app. Those that are paused or deleted are passed over."""


class Escalation(TypedDict, total=False):
    """Who else is told, once, of an alert that nobody acknowledges."""

    after: str
    """How long after the event."""

    routes: list[Route]
    """Who then."""


class Event(TypedDict, total=False):
    """A fact that a backend emitted."""

    category: Category
    """The catalog's default when unspecified."""

    data: dict[str, Any]
    """As a protobuf struct: convenient, but every number is a double. NaN and infinities are refused.

    At most one of `data`, `data_json` is given.
    """

    data_json: str
    """As the JSON text of one object: delivered and read back byte for byte, and cheaper. No key may be given twice.

    At most one of `data`, `data_json` is given.
    """

    dedup_key: str
    """The alert that it belongs to, instead of the one that its type names: 1 to 128 visible ASCII characters. An event whose
    type names none triggers it. Refused for receipts. In answers: the key of the alert that it belongs to.
    """

    id: str
    """Unique in the team, 1 to 128 visible ASCII characters; the receiver's idempotency key.
    Made by the Router when empty.
    """

    occurred_at: str
    """When it happened; the time of acceptance when absent. At most 24 hours ahead."""

    severity: Severity
    """The catalog's default when unspecified."""

    source: str
    """The part of the platform it came from, such as `cspm`; free text of at most 64 characters."""

    subject: str
    """What it is about, such as a repository or a cluster; at most 256 characters."""

    test: bool
    """True only for what `SendTest` makes; refused on `Emit`."""

    title: str
    """One line for people, at most 300 characters; the catalog's title when empty."""

    type: str
    """An entry of the catalog, such as `finding.created`. Required."""

    url: str
    """Where to look closer: an http or https URL of at most 2,048 characters."""


class EventAlert(TypedDict, total=False):
    """The alert that an event belongs to."""

    action: AlertAction
    """What the event does to it."""

    key: str
    """The same for all events of one alert: `Event.dedup_key`, or the field of the event's data that its type names,
    such as `finding_id=F-17`.
    """


class EventFilter(TypedDict, total=False):
    """Which events. Every condition that is set must hold; one left empty matches all."""

    categories: list[Category]
    """Any of these."""

    expression: str
    """A CEL expression over `event` that must be true; at most 2,000 characters. One that can never be true, by its types or
    an unknown field of `event`, is refused. One that fails on an event, or would take too long on data as large as the
    event's, counts as no match; `Explain` says so.
    """

    severities: list[Severity]
    """Any of these."""

    sources: list[str]
    """Any of these, compared without regard to case in any script."""

    types: list[str]
    """Patterns: an exact type, a group such as `finding.*`, or `*`."""


class EventType(TypedDict, total=False):
    """An entry of the catalog."""

    alert: AlertSpec
    """Which alert its events belong to, and what they do to it; absent for none."""

    alert_policy: AlertPolicy
    """What alerts by default."""

    built_in: bool
    """Whether it comes with Watchbell; such an entry cannot be changed. Output only."""

    category: Category
    """SYSTEM_NOTIFICATION when unspecified."""

    data_schema: dict[str, Any]
    """JSON Schema, draft 2020-12, of `data`; any object when absent. Remote references are refused."""

    default_severity: Severity
    """INFO when unspecified."""

    description: str
    """What it says, in one line."""

    etag: str
    """Changes with every change; empty for a built-in one."""

    example: dict[str, Any]
    """An example of `data`."""

    name: str
    """Dotted and lower-case, such as `finding.created`. Required."""

    title: str
    """The title when an event brings none."""

    topic: str
    """The email topic; empty for none."""


class ExpireSilenceRequest(TypedDict, total=False):
    """Asks to end a silence now."""

    silence_id: str
    """`sil_…`"""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class ExpireSilenceResponse(TypedDict, total=False):
    """The silence as it is now."""

    silence: Silence
    """It."""


class ExplainRequest(TypedDict, total=False):
    """Asks who would get an event, real or imagined."""

    as_of_then: bool
    """With `event_id`: by the configuration that was in force when the event was accepted, and not by today's. FAILED_PRECONDITION with
    the reason `BEFORE_HISTORY` when that is not kept any more. Channels count as healthy, since their health then is not kept.
    """

    at: str
    """The moment to judge quiet hours and silences at; now when absent."""

    draft_document: str
    """A draft of the team's document, judged as if it were applied; not with `as_of_then`."""

    draft_rules: list[Rule]
    """Rules that are not saved, judged as if they were; at most 50. One with the id of a rule stands in for it; one without an
    id is a new one. `position` is its place in the order; when 0, a rule stays where it is, and a new one is the last.
    """

    event: Event
    """The event. Required; its id may be empty. Without data, the example of its type in the catalog stands in."""

    event_id: str
    """A stored event, by its id, in place of `event`. `at` is then when it was accepted, unless it is given."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class ExplainResponse(TypedDict, total=False):
    """The decision and its reasons."""

    accept_time: str
    """When it was accepted."""

    alert: ExplainedAlert
    """Which alert it belongs to, and what it does to it."""

    event: Event
    """The stored event that was asked for by its id."""

    example_data: bool
    """Whether the event brought no data, and the example of its type in the catalog stood in."""

    revision: int | str
    """The revision of the team's snapshot that was asked."""

    routes: list[Route]
    """Who would get it."""

    steps: list[ExplanationStep]
    """Everything that was considered, in order."""

    stored_routes: list[Route]
    """Who got it, as it was decided then."""


class ExplainedAlert(TypedDict, total=False):
    """The alert that an event belongs to."""

    action: AlertAction
    """What the event does to it; unspecified when it belongs to none."""

    explanation: AlertExplanation
    """What the event would do to it, or did, and who hears of that. Absent when it belongs to none, to callers who may not read
    deliveries, and while the Dispatcher is away.
    """

    key: str
    """The alert's key; empty when it belongs to none."""

    sentence: str
    """The same as one English sentence, or why it belongs to none."""


class ExplanationStep(TypedDict, total=False):
    """One thing that was considered while deciding."""

    held_until: str
    """Until when a delivery made now would wait, for stage `hold`."""

    kind: ChannelKind
    """The kind it concerns; unspecified when it concerns all."""

    outcome: StepOutcome
    """What came of it."""

    sentence: str
    """Why, as one English sentence: the condition that failed or matched."""

    stage: str
    """What was asked, such as `rule`, `default_channel`, `webhook`, `preference`, `inbox`, `receipt`, `plan`, `hold`, `alert`."""

    subject_id: str
    """The rule, channel or member that was asked, by id; empty when none."""

    subject_name: str
    """Its name for people."""


class ExportTeamConfigRequest(TypedDict, total=False):
    """Asks for the configuration as a document."""

    revision: int | str
    """The revision to answer, as far back as changes are kept; the present one when 0. FAILED_PRECONDITION with the reason
    `BEFORE_HISTORY` for one from before.
    """

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class ExportTeamConfigResponse(TypedDict, total=False):
    """The configuration as a document."""

    document: str
    """YAML, at most 3 MiB; a larger one is RESOURCE_EXHAUSTED."""

    revision: int | str
    """The configuration's revision."""


class ExpressionFailure(TypedDict, total=False):
    """An expression of a filter that could not be evaluated, which counts as no match."""

    channel_id: str
    """A channel's, in its filter or its triggers: `chn_…`

    At most one of `channel_id`, `rule_id` is given.
    """

    count: int | str
    """How many evaluations have failed."""

    display_name: str
    """The name of the channel or rule. Output only."""

    error: str
    """Why the newest one failed, in words."""

    expression: str
    """The expression. Output only."""

    last_time: str
    """When that was."""

    rule_id: str
    """A rule's: `rul_…`

    At most one of `channel_id`, `rule_id` is given.
    """


class Failed(TypedDict, total=False):
    """Why a delivery has failed."""

    error_code: str
    """The last attempt's word for its error, such as `slack.no_service` or `timeout`."""

    reason: FailedReason
    """Why it was not tried again."""

    summary_id: str
    """The summary that has failed, if it is one: `dlv_…`."""


class Figure(TypedDict, total=False):
    """A figure and the same of the period before."""

    current: float
    """This period."""

    previous: float
    """The period before."""


class Folded(TypedDict, total=False):
    """Why a delivery is folded."""

    alert_key: str
    """The alert that it counts for, or whose later news tell it."""

    reason: FoldedReason
    """Into what."""

    silence_id: str
    """The silence whose account it belongs to, if it is one."""

    summary_id: str
    """The delivery of the summary that tells it: `dlv_…`; empty without one, and until it is made."""

    until_time: str
    """When the summary is made, while it waits for that."""


class GetAlertRequest(TypedDict, total=False):
    """Asks for one alert."""

    key: str
    """The alert's key."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class GetAlertResponse(TypedDict, total=False):
    """One alert."""

    alert: Alert
    """It."""


class GetCellMoveRequest(TypedDict, total=False):
    """Asks for the last move of a team."""

    team_id: str
    """`team_…`"""


class GetCellMoveResponse(TypedDict, total=False):
    """The last move of a team."""

    move: CellMove
    """It."""


class GetChannelRequest(TypedDict, total=False):
    """Asks for one channel."""

    channel_id: str
    """`chn_…`"""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class GetChannelResponse(TypedDict, total=False):
    """One channel."""

    channel: Channel
    """It."""


class GetComplianceRecipientsRequest(TypedDict, total=False):
    """Asks who gets receipts."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class GetComplianceRecipientsResponse(TypedDict, total=False):
    """Who gets receipts."""

    recipients: list[str]
    """Addresses; the Owners get receipts when empty."""


class GetDeliveryRequest(TypedDict, total=False):
    """Asks for one delivery."""

    delivery_id: str
    """`dlv_…`"""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class GetDeliveryResponse(TypedDict, total=False):
    """One delivery."""

    delivery: Delivery
    """With its attempts."""


class GetDeliveryStatsRequest(TypedDict, total=False):
    """Asks how many deliveries there are."""

    bucket_length: str
    """How long each piece of the period is: a minute at least, so that there are at most 400. An hour when absent, or a day for
    periods of more than a week.
    """

    end_time: str
    """Only made before; now when absent."""

    filter: DeliveryFilter
    """Which of them."""

    start_time: str
    """Only made at or after; a day before the end when absent."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class GetDeliveryStatsResponse(TypedDict, total=False):
    """How many deliveries there are."""

    buckets: list[DeliveryBucket]
    """By when they were made, oldest first; pieces without a delivery, too."""

    channels: list[ChannelDeliveryCounts]
    """By channel, those with the most deliveries first."""

    counted_from_time: str
    """Present when there are more deliveries than one call counts: only those made after this were counted."""

    counts: DeliveryCounts
    """All of them."""

    end_time: str
    """Its end."""

    latency: DeliveryLatency
    """From accepted to delivered, with every wait and retry; absent when nothing was delivered."""

    severities: list[SeverityDeliveryCounts]
    """By severity, the worst first."""

    start_time: str
    """The period."""


class GetDigestSettingsRequest(TypedDict, total=False):
    """Asks for the digest's settings."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class GetDigestSettingsResponse(TypedDict, total=False):
    """The digest's settings."""

    settings: DigestSettings
    """They."""


class GetEventRequest(TypedDict, total=False):
    """Asks for one event."""

    event_id: str
    """The event's id."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class GetEventResponse(TypedDict, total=False):
    """One event."""

    event: AcceptedEvent
    """It."""


class GetEventTypeRequest(TypedDict, total=False):
    """Asks for one event type."""

    name: str
    """Such as `finding.created`."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class GetEventTypeResponse(TypedDict, total=False):
    """One event type."""

    event_type: EventType
    """It."""


class GetIntegrationStatusRequest(TypedDict, total=False):
    """Asks how a team's kinds of channels fare."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class GetIntegrationStatusResponse(TypedDict, total=False):
    """How they fare."""

    dispatcher_away: bool
    """The Dispatcher did not answer: of last successes, failures and what waits only that is here which it had
    reported before.
    """

    expression_failures: list[ExpressionFailure]
    """Expressions of channels and rules that have failed in the last seven days, the newest failure first. They count as no
    match: mend those that read a field which not every event has, `has(event.data.score) && event.data.score > 7`.
    """

    integrations: list[IntegrationStatus]
    """One for each kind."""

    unconfirmed_recipients: list[UnconfirmedRecipient]
    """Recipients of email channels, receipts and the digest who have not confirmed yet."""


class GetMemberRequest(TypedDict, total=False):
    """Asks for one member."""

    member_id: str
    """`mbr_…`"""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class GetMemberResponse(TypedDict, total=False):
    """One member."""

    member: Member
    """It."""


class GetMentionRuleRequest(TypedDict, total=False):
    """Asks for one mention rule."""

    mention_rule_id: str
    """`mnr_…`"""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class GetMentionRuleResponse(TypedDict, total=False):
    """One mention rule."""

    mention_rule: MentionRule
    """It."""


class GetPreferencesRequest(TypedDict, total=False):
    """Asks for a member's preferences."""

    member_id: str
    """`mbr_…`"""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class GetPreferencesResponse(TypedDict, total=False):
    """A member's preferences."""

    preferences: list[Preference]
    """One for every topic."""


class GetRuleRequest(TypedDict, total=False):
    """Asks for one rule."""

    rule_id: str
    """`rul_…`"""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class GetRuleResponse(TypedDict, total=False):
    """One rule."""

    rule: Rule
    """It."""


class GetSelfRequest(TypedDict, total=False):
    """Asks who the caller is."""


class GetSelfResponse(TypedDict, total=False):
    """Who the caller is."""

    administers: bool
    """Whether it may manage the team itself, its members and API keys."""

    api_key: ApiKey
    """An API key.

    At most one of `api_key`, `member` is given.
    """

    expire_time: str
    """When the key or the session expires; absent for keys that do not, and for members with a token of their own."""

    member: Member
    """A signed-in user of the platform.

    At most one of `api_key`, `member` is given.
    """

    read_only: bool
    """A session that changes nothing."""

    scopes: list[Scope]
    """Everything the caller may do, implied scopes included. What a member may do is said in the scopes of keys."""

    team_id: str
    """The one team that the caller acts in; empty when it must name a team."""


class GetSilenceRequest(TypedDict, total=False):
    """Asks for one silence."""

    silence_id: str
    """`sil_…`"""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class GetSilenceResponse(TypedDict, total=False):
    """One silence."""

    silence: Silence
    """It."""


class GetTeamRequest(TypedDict, total=False):
    """Asks for one team."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class GetTeamResponse(TypedDict, total=False):
    """One team."""

    team: Team
    """It."""


class GetUnreadCountRequest(TypedDict, total=False):
    """Asks how many are unread."""

    member_id: str
    """Who asks: `mbr_…`. Required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class GetUnreadCountResponse(TypedDict, total=False):
    """How many are unread."""

    unread_count: int | str
    """Unread and not archived."""


class Group(TypedDict, total=False):
    """One message instead of many: events of the same values are gathered for a while."""

    at_most: int
    """How many events make the message go at once: 2 to 1,000. 0 means 1,000."""

    by: list[str]
    """What events of one message have in common, at most 5: `type`, `subject`, or fields of the data such as `data.scan_id`.
    None: whatever the rule sends to a channel comes together. An event without a field has a value of its own there.
    """

    wait: str
    """How long after the first of them the message goes: 1 second to 24 hours."""


class GroupValue(TypedDict, total=False):
    """What the events of one message have in common."""

    path: str
    """`type`, `subject` or a field of the data such as `data.scan_id`."""

    value: str
    """Its value, shortened to 100 characters; absent when the event has none."""


class Held(TypedDict, total=False):
    """Why a delivery is held."""

    reason: HeldReason
    """By what."""

    silence_id: str
    """The silence, if it is one."""

    until_time: str
    """Until when; absent when that is not known yet."""


class HttpHeader(TypedDict, total=False):
    """A header of a request."""

    name: str
    """A token of RFC 9110 section 5.6.2."""

    value: str
    """Input only; kept when an update leaves it empty under the same name and the URL stays. With another URL it must be
    given again.
    """


class InAppDestination(TypedDict, total=False):
    """The in-app inbox."""


class InboxTarget(TypedDict, total=False):
    """The team's in-app inbox."""


class InspectRecipientConfirmationRequest(TypedDict, total=False):
    """Asks what a token would confirm."""

    token: str
    """From the link."""


class InspectRecipientConfirmationResponse(TypedDict, total=False):
    """What a token would confirm."""

    confirmed: bool
    """It was confirmed already."""

    masked_address: str
    """The address, masked."""

    outdated: bool
    """The token confirms nothing any more: it is too old, or the address is no recipient any more."""

    team_display_name: str
    """The name of the team that asks."""


class InspectUnsubscribeTokenRequest(TypedDict, total=False):
    """Asks what a token stands for."""

    token: str
    """From the link."""


class InspectUnsubscribeTokenResponse(TypedDict, total=False):
    """What a token stands for."""

    masked_address: str
    """The member's address, masked."""

    member_id: str
    """`mbr_…`"""

    outdated: bool
    """The token changes nothing any more: the member has left the team or has another address, or the channel is gone.
    Only `masked_address` and `topic` are set.
    """

    preferences: list[Preference]
    """Every topic as it stands."""

    team_id: str
    """`team_…`"""

    topic: str
    """The topic of the email."""


class IntegrationStatus(TypedDict, total=False):
    """How one kind of channel is set up in a team, and how it fares."""

    channel_count: int
    """How many enabled channels there are."""

    configured: bool
    """Whether the kind works: at least one enabled channel exists, or it needs none, as the inbox and, where the platform
    has a mail server, email. An email channel without any mail server does not.
    """

    default_channel_id: str
    """The default channel of the kind, if any: `chn_…`."""

    health: ChannelHealth
    """UNHEALTHY when any enabled channel of the kind is."""

    kind: ChannelKind
    """The kind."""

    last_error: str
    """The newest failure, in words; empty when there was none."""

    last_error_time: str
    """When the newest failure was; absent when there was none."""

    last_success_time: str
    """When something last got through on the kind; absent when nothing has."""

    oldest_waiting_time: str
    """When the oldest waiting delivery of the kind was made; absent when nothing waits."""

    unhealthy_count: int
    """How many of them are unhealthy."""

    warnings: list[str]
    """What is set up and cannot work, a sentence each: email channels where there is no mail server."""


class ListAlertsRequest(TypedDict, total=False):
    """Asks for a page of alerts."""

    end_time: str
    """Only that began before."""

    event_type: str
    """Only alerts that began with an event of this type."""

    page_size: int
    """At most 1,000; 50 when 0."""

    page_token: str
    """Of the page before; empty for the first."""

    severities: list[Severity]
    """Only these severities."""

    start_time: str
    """Only that began at or after."""

    states: list[AlertState]
    """Only in these states; those that have not ended when empty."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class ListAlertsResponse(TypedDict, total=False):
    """A page of alerts."""

    alerts: list[Alert]
    """Those that began last first."""

    next_page_token: str
    """Of the next page; empty on the last."""


class ListApiKeysRequest(TypedDict, total=False):
    """Asks for a page of API keys."""

    page_size: int
    """At most 1,000; 50 when 0."""

    page_token: str
    """Of the page before; empty for the first."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class ListApiKeysResponse(TypedDict, total=False):
    """A page of API keys."""

    api_keys: list[ApiKey]
    """In a stable order."""

    next_page_token: str
    """Of the next page; empty on the last."""


class ListCellsRequest(TypedDict, total=False):
    """Asks for all cells."""


class ListCellsResponse(TypedDict, total=False):
    """All cells."""

    cells: list[Cell]
    """`main` first, the others by name."""


class ListChannelsRequest(TypedDict, total=False):
    """Asks for a page of channels."""

    kind: ChannelKind
    """Only this kind; all when unspecified."""

    page_size: int
    """At most 1,000; 50 when 0."""

    page_token: str
    """Of the page before; empty for the first."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class ListChannelsResponse(TypedDict, total=False):
    """A page of channels."""

    channels: list[Channel]
    """In a stable order."""

    next_page_token: str
    """Of the next page; empty on the last."""


class ListConfigChangesRequest(TypedDict, total=False):
    """Asks for a page of changes of a team's configuration."""

    actor: str
    """Only changes of this actor: the id, or the name exactly."""

    end_time: str
    """Only changes made before."""

    page_size: int
    """At most 200; 50 when 0."""

    page_token: str
    """Of the page before; empty for the first."""

    start_time: str
    """Only changes made at or after."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class ListConfigChangesResponse(TypedDict, total=False):
    """A page of changes of a team's configuration."""

    next_page_token: str
    """Of the next page; empty on the last."""

    revisions: list[ConfigRevision]
    """Newest first."""


class ListDeliveriesRequest(TypedDict, total=False):
    """Asks for a page of deliveries."""

    address: str
    """Only to this address by email, in any case."""

    channel_id: str
    """Only of this channel: `chn_…`."""

    end_time: str
    """Only made before."""

    event_id: str
    """Only of this event."""

    event_type: str
    """Only of this event type."""

    kind: ChannelKind
    """Only of this kind."""

    member_id: str
    """Only to this member by email: `mbr_…`."""

    page_size: int
    """At most 1,000; 50 when 0."""

    page_token: str
    """Of the page before; empty for the first."""

    replays_only: bool
    """Only replays."""

    rule_id: str
    """Only what this rule decided: `rul_…`."""

    severities: list[Severity]
    """Only these severities."""

    start_time: str
    """Only made at or after."""

    states: list[DeliveryState]
    """Only in these states."""

    summary_id: str
    """Only what this summary tells: `dlv_…`."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    text: str
    """Only whose title or subject has this text, in any case of ASCII letters; at most 200 characters."""

    types: list[str]
    """Only event types that match one of these patterns: exact, or a group such as `finding.*`. At most 100."""


class ListDeliveriesResponse(TypedDict, total=False):
    """A page of deliveries."""

    deliveries: list[Delivery]
    """Newest first."""

    next_page_token: str
    """Of the next page; empty on the last. A page examines a bounded number of rows: while there is a token, go on, even when
    the page is short or empty.
    """


class ListDigestRunsRequest(TypedDict, total=False):
    """Asks for a page of runs."""

    page_size: int
    """At most 1,000; 50 when 0."""

    page_token: str
    """Of the page before; empty for the first."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class ListDigestRunsResponse(TypedDict, total=False):
    """A page of runs."""

    digest_runs: list[DigestRun]
    """Newest first."""

    next_page_token: str
    """Of the next page; empty on the last."""


class ListEventTypesRequest(TypedDict, total=False):
    """Asks for a page of event types."""

    page_size: int
    """At most 1,000; 50 when 0."""

    page_token: str
    """Of the page before; empty for the first."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class ListEventTypesResponse(TypedDict, total=False):
    """A page of event types."""

    event_types: list[EventType]
    """In a stable order."""

    next_page_token: str
    """Of the next page; empty on the last."""


class ListEventsRequest(TypedDict, total=False):
    """Asks for a page of events."""

    accept_start_time: str
    """Only that were accepted at or after."""

    categories: list[Category]
    """Only of these categories."""

    end_time: str
    """Only that occurred before."""

    include_tests: bool
    """Tests too."""

    page_size: int
    """At most 1,000; 50 when 0. A page has fewer events when their payloads are large."""

    page_token: str
    """Of the page before; empty for the first."""

    severities: list[Severity]
    """Only these severities."""

    sources: list[str]
    """Only from one of these sources, in any case of ASCII letters; at most 50."""

    start_time: str
    """Only that occurred at or after."""

    subject: str
    """Only about this subject."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    text: str
    """Only whose title or subject has this text, in any case of ASCII letters; at most 200 characters."""

    types: list[str]
    """Only types that match one of these patterns; at most 100. Operational events, such as `config.changed`, are listed only where a
    pattern other than `*` names them.
    """


class ListEventsResponse(TypedDict, total=False):
    """A page of events."""

    events: list[AcceptedEvent]
    """Newest first."""

    next_page_token: str
    """Of the next page; empty on the last. A page examines a bounded number of rows: while there is a token, go on, even when
    the page is short or empty.
    """


class ListMembersRequest(TypedDict, total=False):
    """Asks for a page of members."""

    page_size: int
    """At most 1,000; 50 when 0."""

    page_token: str
    """Of the page before; empty for the first."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class ListMembersResponse(TypedDict, total=False):
    """A page of members."""

    members: list[Member]
    """In a stable order."""

    next_page_token: str
    """Of the next page; empty on the last."""


class ListMentionRulesRequest(TypedDict, total=False):
    """Asks for a page of mention rules."""

    page_size: int
    """At most 1,000; 50 when 0."""

    page_token: str
    """Of the page before; empty for the first."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class ListMentionRulesResponse(TypedDict, total=False):
    """A page of mention rules."""

    mention_rules: list[MentionRule]
    """In a stable order."""

    next_page_token: str
    """Of the next page; empty on the last."""


class ListNotificationsRequest(TypedDict, total=False):
    """Asks for a page of notifications."""

    include_archived: bool
    """Archived ones, too."""

    member_id: str
    """Who asks: `mbr_…`. Required."""

    page_size: int
    """At most 1,000; 50 when 0."""

    page_token: str
    """Of the page before; empty for the first."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    unread_only: bool
    """Only unread ones."""


class ListNotificationsResponse(TypedDict, total=False):
    """A page of notifications."""

    next_page_token: str
    """Of the next page; empty on the last."""

    notifications: list[Notification]
    """Newest first."""


class ListRulesRequest(TypedDict, total=False):
    """Asks for a page of rules."""

    page_size: int
    """At most 1,000; 50 when 0."""

    page_token: str
    """Of the page before; empty for the first."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class ListRulesResponse(TypedDict, total=False):
    """A page of rules."""

    next_page_token: str
    """Of the next page; empty on the last."""

    rules: list[Rule]
    """In a stable order."""


class ListSilencesRequest(TypedDict, total=False):
    """Asks for a page of silences."""

    page_size: int
    """At most 1,000; 50 when 0."""

    page_token: str
    """Of the page before; empty for the first."""

    show_expired: bool
    """Those that have ended, too. They are kept for 90 days, the newest 1,000 of them."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class ListSilencesResponse(TypedDict, total=False):
    """A page of silences."""

    next_page_token: str
    """Of the next page; empty on the last."""

    silences: list[Silence]
    """Oldest first."""


class ListTeamsRequest(TypedDict, total=False):
    """Asks for a page of teams."""

    page_size: int
    """At most 1,000; 50 when 0."""

    page_token: str
    """Of the page before; empty for the first."""


class ListTeamsResponse(TypedDict, total=False):
    """A page of teams."""

    next_page_token: str
    """Of the next page; empty on the last."""

    teams: list[Team]
    """In a stable order."""


class MarkAllReadRequest(TypedDict, total=False):
    """Asks to mark everything as read."""

    member_id: str
    """Who asks: `mbr_…`. Required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class MarkAllReadResponse(TypedDict, total=False):
    """Everything is read."""


class MarkReadRequest(TypedDict, total=False):
    """Asks to mark some as read."""

    member_id: str
    """Who asks: `mbr_…`. Required."""

    notification_ids: list[str]
    """`ntf_…`, at most 1,000."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class MarkReadResponse(TypedDict, total=False):
    """They are read."""

    unread_count: int | str
    """How many are unread now."""


class MarkUnreadRequest(TypedDict, total=False):
    """Asks to mark some as unread again."""

    member_id: str
    """Who asks: `mbr_…`. Required."""

    notification_ids: list[str]
    """`ntf_…`, at most 1,000."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class MarkUnreadResponse(TypedDict, total=False):
    """They are unread."""

    unread_count: int | str
    """How many are unread now."""


class Member(TypedDict, total=False):
    """A user of a team."""

    create_time: str
    """Output only."""

    display_name: str
    """The name shown; at most 120 characters."""

    email: str
    """Unique in the team, compared without regard to case. Required."""

    etag: str
    """Changes with every change."""

    id: str
    """`mbr_…`. Output only."""

    permissions: list[Permission]
    """Permissions beyond those of the role."""

    role: Role
    """MEMBER when unspecified."""

    slack_user_id: str
    """`U…` or `W…`; empty when unknown."""

    team_id: str
    """The owning team. Output only."""

    update_time: str
    """Output only."""


class Mention(TypedDict, total=False):
    """Somebody called by name in a chat message."""

    here: bool
    """Everybody active in the Slack channel (`@here`).

    At most one of `slack_user`, `slack_group`, `here`, `teams_user`, `member_id` is given.
    """

    member_id: str
    """A member of the team, `mbr_…`, by the member's Slack user id. Only in mention rules.

    At most one of `slack_user`, `slack_group`, `here`, `teams_user`, `member_id` is given.
    """

    slack_group: str
    """A Slack user group id, `S…`.

    At most one of `slack_user`, `slack_group`, `here`, `teams_user`, `member_id` is given.
    """

    slack_user: str
    """A Slack user id, `U…` or `W…`.

    At most one of `slack_user`, `slack_group`, `here`, `teams_user`, `member_id` is given.
    """

    teams_user: TeamsUser
    """A Teams user.

    At most one of `slack_user`, `slack_group`, `here`, `teams_user`, `member_id` is given.
    """


class MentionRule(TypedDict, total=False):
    """Calls people by name in Slack and Teams messages about certain events."""

    create_time: str
    """Output only."""

    etag: str
    """Changes with every change."""

    id: str
    """`mnr_…`. Output only."""

    mentions: list[Mention]
    """Who; at least one, at most 20."""

    severities: list[Severity]
    """Any of these; all when empty."""

    team_id: str
    """The owning team. Output only."""

    types: list[str]
    """Patterns; at least one."""

    update_time: str
    """Output only."""


class MoveRuleRequest(TypedDict, total=False):
    """Asks to move a rule."""

    position: int
    """Its new place, from 1; beyond the end means last."""

    rule_id: str
    """`rul_…`"""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class MoveRuleResponse(TypedDict, total=False):
    """The order as it is now."""

    rules: list[Rule]
    """All rules of the team, in order. When they are too large for one answer, all but the moved one have only their id,
    name, position and etag.
    """


class MoveTeamRequest(TypedDict, total=False):
    """Asks to move a team."""

    team_id: str
    """`team_…`"""

    to_cell: str
    """The name of the cell that it is to live in."""


class MoveTeamResponse(TypedDict, total=False):
    """Where the move stands."""

    move: CellMove
    """It."""


class Notification(TypedDict, total=False):
    """A row of the in-app inbox."""

    alert: AlertStatus
    """The alert that it tells of, as it is now; absent for none. An alert has one row, which its next news replaces."""

    archived: bool
    """Whether the member asking has archived it."""

    create_time: str
    """When it came in."""

    cursor: int | str
    """Its place in the inbox: grows. Give it back to `Watch` to go on after it."""

    event_id: str
    """The event it tells of."""

    event_type: str
    """The event's type."""

    id: str
    """`ntf_…`"""

    read: bool
    """Whether the member asking has read it."""

    severity: Severity
    """The event's severity."""

    source: str
    """The part of the platform it came from."""

    subject: str
    """What it is about."""

    team_id: str
    """The owning team."""

    test: bool
    """Whether it is a test."""

    title: str
    """One line."""

    url: str
    """Where to look closer; may be empty."""


class Parked(TypedDict, total=False):
    """Why a delivery is parked."""

    reason: ParkedReason
    """Why, and what takes it up again."""

    unhealthy_since_time: str
    """Since when its channel is unhealthy; absent for other reasons."""


class PersonTarget(TypedDict, total=False):
    """A member, by email."""

    address: str
    """The address at the time of the decision."""

    channel_id: str
    """An email channel that a rule sends to as well and that lists this address, `chn_…`: by it the mail still goes when
    the member has turned the topic off. Empty when there is none.
    """

    member_id: str
    """`mbr_…`"""

    topic: str
    """The topic that the member can turn off, such as `findings`."""


class Preference(TypedDict, total=False):
    """What a member wants to hear by email about one topic."""

    is_default: bool
    """Whether it is the default, resolved from role and plan, and not the member's own word. Output only."""

    setting: PreferenceSetting
    """Off, on, or on for certain severities."""

    severities: list[Severity]
    """With SEVERITIES: which."""

    topic: str
    """Such as `findings`; see the catalog's topics."""


class PreviewDigestRequest(TypedDict, total=False):
    """Asks for a preview."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class PreviewDigestResponse(TypedDict, total=False):
    """A preview."""

    digest: Digest
    """The figures."""

    html: str
    """The `text/html` part."""

    recipients: list[str]
    """Who would get it."""

    subject: str
    """One line."""

    text: str
    """The `text/plain` part."""


class QuietHours(TypedDict, total=False):
    """When a channel holds what is not urgent, and delivers it in order at the window's end."""

    coalesce: bool
    """One summary message at the end instead of many."""

    passing_severities: list[Severity]
    """Severities that pass anyway; CRITICAL when empty."""

    time_zone: str
    """An IANA zone; the team's when empty."""

    windows: list[QuietWindow]
    """At least one, at most 20. A channel without quiet hours has no message of this kind."""


class QuietWindow(TypedDict, total=False):
    """One window of local times. It is one stretch of time, also in a night in which an hour comes twice: from the first time
    that the clock shows `start` to the last time that it shows `end`.
    """

    end: str
    """`HH:MM`, exclusive. At or before `start` it means the next day."""

    start: str
    """`HH:MM`, inclusive."""

    weekdays: list[Weekday]
    """The days on which it starts; every day when empty."""


class Reason(TypedDict, total=False):
    """Why a route was taken. Stored with the delivery."""

    code: str
    """A stable word, such as `rule_matched` or `default_channel`."""

    rule_id: str
    """The rule that decided it, if one did: `rul_…`."""

    sentence: str
    """The same as one English sentence."""


class ReceiptsTarget(TypedDict, total=False):
    """Whoever gets the team's receipts when it is sent. Used when the team had neither a compliance recipient nor an Owner:
    the receipt is kept until there is one.
    """


class RecoverRequest(TypedDict, total=False):
    """Asks to take up what failed or was parked."""

    channel_id: str
    """`chn_…`. Required, unless there is a filter."""

    end_time: str
    """Only what was made before; now when absent."""

    filter: DeliveryFilter
    """Which of the failed and parked deliveries; at most 100,000, the newest. Those of channels that are unhealthy or paused stay as they
    are, unless `channel_id` names the channel: then the call is refused.
    """

    per_second: int
    """So many are sent each second at most, 1 to 1,000. When 0: 50 with a filter, and as fast as the channel takes them without."""

    start_time: str
    """Only what was made at or after; required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    validate_only: bool
    """Only count."""


class RecoverResponse(TypedDict, total=False):
    """What was taken up."""

    channels: list[ResendCount]
    """The same by channel, those with the most first."""

    last_due_time: str
    """When the last of them is due, by `per_second`; absent when none is taken up."""

    recovered_count: int | str
    """How many deliveries, or how many would be with `validate_only`."""

    truncated: bool
    """There are more than one call takes; the same call again goes on."""


class ReenableChannelRequest(TypedDict, total=False):
    """Asks to make an unhealthy channel carry again."""

    channel_id: str
    """`chn_…`"""

    recover_parked: bool
    """Deliver what was parked meanwhile, too."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class ReenableChannelResponse(TypedDict, total=False):
    """It carries again."""

    channel: Channel
    """The channel."""


class Remind(TypedDict, total=False):
    """Reminders of an alert that stays open, until somebody acknowledges it."""

    at_most: int
    """How many there are at most; 1 to 100."""

    every: str
    """Between two of them, and before the first; 5 minutes to 30 days."""


class RenderPreviewRequest(TypedDict, total=False):
    """Asks what an event looks like as a message."""

    channel_id: str
    """`chn_…`: whose settings count."""

    event: Event
    """Instead of `event_id`: an event that was not emitted, checked as `Emit` checks it; `finding.created` when absent.
    Without data it has the example of its type. It mentions nobody: rules are not asked.
    """

    event_id: str
    """An event that was accepted; its message is that to the channel, with who is mentioned and why it was sent."""

    kind: ChannelKind
    """Instead of `channel_id`: a kind of channel, with its usual settings. Not IN_APP: the inbox shows titles as they are."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class RenderPreviewResponse(TypedDict, total=False):
    """An event as a message."""

    email: RenderedEmail
    """As each recipient gets it, but for the link to unsubscribe.

    At most one of `slack_json`, `teams_json`, `email`, `webhook` is given.
    """

    slack_json: str
    """JSON of the message with its Block Kit.

    At most one of `slack_json`, `teams_json`, `email`, `webhook` is given.
    """

    teams_json: str
    """JSON of the message with its adaptive card.

    At most one of `slack_json`, `teams_json`, `email`, `webhook` is given.
    """

    webhook: WebhookPreview
    """The request to the endpoint.

    At most one of `slack_json`, `teams_json`, `email`, `webhook` is given.
    """


class RenderedEmail(TypedDict, total=False):
    """An email that is rendered already."""

    html: str
    """The `text/html` part."""

    subject: str
    """One line."""

    text: str
    """The `text/plain` part."""


class ReplayRequest(TypedDict, total=False):
    """Asks to send a delivery, or many, once more."""

    delivery_id: str
    """`dlv_…`. Required, unless there is a filter."""

    end_time: str
    """With a filter: only made before; now when absent."""

    filter: DeliveryFilter
    """Instead of `delivery_id`: which deliveries, of those that have ended; delivered and failed ones when it names no state. Tests and
    summaries are left out, replays unless it has `replays_only`, and the inbox unless its `kind` is IN_APP. At most 100,000, the newest.
    """

    per_second: int
    """With a filter: so many are sent each second at most, 1 to 1,000; 50 when 0. A channel's own pace holds as well."""

    start_time: str
    """With a filter: only made at or after. Required then."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    validate_only: bool
    """With a filter: only count."""


class ReplayResponse(TypedDict, total=False):
    """The replay, or replays."""

    channels: list[ResendCount]
    """With a filter: the same by channel, those with the most first."""

    delivery: Delivery
    """The new delivery; absent with a filter."""

    last_due_time: str
    """With a filter: when the last of them is due, by `per_second`; absent when none is made."""

    replayed_count: int | str
    """With a filter: how many are replayed, or would be with `validate_only`."""

    truncated: bool
    """With a filter: there are more than one call takes; the same call again goes on."""


class RequestHeader(TypedDict, total=False):
    """A header sent."""

    name: str
    """Its name."""

    value: str
    """Its value, or `***` for a secret one."""


class ResendCount(TypedDict, total=False):
    """How many deliveries of a channel are sent again."""

    channel_id: str
    """`chn_…`; empty for mail to members and the inbox."""

    count: int | str
    """How many."""

    kind: ChannelKind
    """Its kind."""

    refusal: str
    """Why none of them is sent: the channel is unhealthy, paused or deleted. Empty when they are."""


class ResendRecipientConfirmationRequest(TypedDict, total=False):
    """Asks to send another email that asks to confirm."""

    address: str
    """The recipient's address."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class ResendRecipientConfirmationResponse(TypedDict, total=False):
    """It is sent soon."""

    recipient: UnconfirmedRecipient
    """As it stands now."""


class ResolveAlertRequest(TypedDict, total=False):
    """Asks to end an alert."""

    comment: str
    """A word to the others; at most 500 characters."""

    key: str
    """The alert's key."""

    member_id: str
    """Who, `mbr_…`; the caller when empty."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class ResolveAlertResponse(TypedDict, total=False):
    """It has ended."""

    alert: Alert
    """As it is now."""


class RevertConfigChangeRequest(TypedDict, total=False):
    """Asks to take one change of a team's configuration back."""

    revision: int | str
    """The revision that the change made. Required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    validate_only: bool
    """Only check it, and answer as if it had been taken back."""


class RevertConfigChangeResponse(TypedDict, total=False):
    """What changed, or would."""

    changes: list[ConfigChange]
    """Empty when nothing differs."""

    revision: int | str
    """The configuration's revision: after the changes, or the one that was compared with."""


class RotateWebhookSecretRequest(TypedDict, total=False):
    """Asks for a new signing secret."""

    channel_id: str
    """`chn_…` of a webhook."""

    overlap: str
    """How long the old one keeps signing: at most 30 days, 24 hours when absent. 0 ends it at once."""

    signing_secret: str
    """The new secret; made when empty."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class RotateWebhookSecretResponse(TypedDict, total=False):
    """The new signing secret."""

    old_secret_expire_time: str
    """When the old one stops signing. Absent when nothing changed and no older secret signs."""

    signing_secret: str
    """Shown here and never again."""


class Route(TypedDict, total=False):
    """A decision: this event goes to this channel or person, for this reason."""

    address: AddressTarget
    """An address, by email: a recipient of an email channel, of receipts, of the digest.

    At most one of `channel`, `person`, `address`, `inbox`, `receipts` is given.
    """

    channel: ChannelTarget
    """A configured channel.

    At most one of `channel`, `person`, `address`, `inbox`, `receipts` is given.
    """

    escalate: Escalation
    """Who else is told when nobody acknowledges the event's alert. On one route of each rule that escalates."""

    group: RouteGroup
    """By which it is gathered with others into one message; absent when it comes by itself."""

    inbox: InboxTarget
    """The team's in-app inbox.

    At most one of `channel`, `person`, `address`, `inbox`, `receipts` is given.
    """

    kind: ChannelKind
    """The kind of channel that carries it."""

    mentions: list[Mention]
    """Who is called by name in the message. Slack and Teams only."""

    person: PersonTarget
    """A member, by email.

    At most one of `channel`, `person`, `address`, `inbox`, `receipts` is given.
    """

    reason: Reason
    """Why."""

    receipts: ReceiptsTarget
    """Whoever gets the team's receipts when it is sent.

    At most one of `channel`, `person`, `address`, `inbox`, `receipts` is given.
    """

    remind: Remind
    """Reminders that go here while the event's alert is open. Absent when there are none."""

    tells_repeats: bool
    """Tell of every event of an alert that is open, not only of news."""


class RouteGroup(TypedDict, total=False):
    """What gathers routes of several events into one message."""

    at_most: int
    """How many events make the message go at once."""

    key: str
    """A digest of the rule and the event's values: what has the same one and leads to the same place comes together. 32 bytes."""

    rule_name: str
    """The rule's name."""

    values: list[GroupValue]
    """What the events have in common, for people."""

    wait: str
    """How long after the first of them the message goes."""


class Rule(TypedDict, total=False):
    """Ordered and team-scoped: a match, and what to do. Slack and Teams each take the first that matches."""

    continues: bool
    """Go on to the next rule after this one has matched."""

    create_time: str
    """Output only."""

    display_name: str
    """At most 120 characters. Required."""

    escalate: Escalate
    """With `send`: who else is told, once, of an alert that nobody has acknowledged for a time."""

    etag: str
    """Changes with every change."""

    group: Group
    """With `send`: what it sends comes in one message with others of the same values. What is CRITICAL goes at once."""

    id: str
    """`rul_…`. Output only."""

    match: EventFilter
    """Which events."""

    paused: bool
    """A paused rule is kept and passed over."""

    position: int
    """Its place in the order, from 1. On create 0 means last; moved by `MoveRule`."""

    remind: Remind
    """With `send`: whoever the rule told of an alert is told again while it is open and nobody has acknowledged or snoozed
    it.
    """

    repeat: Repeat
    """With `send`: what becomes of an event that says of an open alert what was told before."""

    send: SendAction
    """Send to channels.

    At most one of `send`, `silence` is given.
    """

    silence: SilenceAction
    """Stay silent.

    At most one of `send`, `silence` is given.
    """

    team_id: str
    """The owning team. Output only."""

    update_time: str
    """Output only."""


class SendAction(TypedDict, total=False):
    """Send to channels."""

    channel_ids: list[str]
    """`chn_…`, at least one: Slack, Teams, email or in-app. Webhooks have filters of their own. When all Slack channels
    among them are paused or deleted, the next rules and the default Slack channel are asked; so with Teams.
    """


class SendDigestRequest(TypedDict, total=False):
    """Asks to send the digest."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class SendDigestResponse(TypedDict, total=False):
    """The digest's run."""

    run: DigestRun
    """It."""

    sent: bool
    """Whether this call sent it; false when it had been sent before."""


class SendTestRequest(TypedDict, total=False):
    """Asks to send a test."""

    channel: Channel
    """Instead of `channel_id`: the settings of a channel that is not saved, with its secrets. They are checked as
    `CreateChannel` checks them and need its permission. Nothing is stored, not even in the delivery log.
    """

    channel_id: str
    """`chn_…`"""

    event: Event
    """Instead of `event_type`: an event that was not emitted, checked as `Emit` checks it. It needs the scope `emit` or `config.write` besides.
    Without data it has the example of its type. It gets an id of its own, is marked as a test, and belongs to no alert.
    """

    event_type: str
    """Any type of the catalog; `finding.created` when empty."""

    recipient: str
    """Where an email channel without recipients sends it; refused with any other channel."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class SendTestResponse(TypedDict, total=False):
    """What came of a test."""

    delivery: Delivery
    """Ended, with its attempt."""


class SetDefaultChannelRequest(TypedDict, total=False):
    """Asks to make a channel the default of its kind."""

    channel_id: str
    """`chn_…`"""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class SetDefaultChannelResponse(TypedDict, total=False):
    """The new default."""

    channel: Channel
    """It."""


class SeverityDeliveryCounts(TypedDict, total=False):
    """Deliveries of a severity."""

    counts: DeliveryCounts
    """Its deliveries."""

    severity: Severity
    """Which."""


class Silence(TypedDict, total=False):
    """A period in which matching messages are kept back, with an author and a reason. It never applies to compliance receipts,
    digests, Watchbell's own notices and the in-app inbox.
    """

    author: str
    """The member or API key that made it. Output only."""

    channel_ids: list[str]
    """Only messages to these channels, and to those of `kinds`; messages to everything but webhooks when both are empty.
    At most 50.
    """

    comment: str
    """The reason, which everybody reads who looks for a message; one line of at most 200 characters. Required."""

    create_time: str
    """Output only."""

    end_time: str
    """When it ends, at most 30 days after its beginning. Required."""

    id: str
    """`sil_…`. Output only."""

    kinds: list[ChannelKind]
    """Only messages of these kinds, and to `channel_ids`. Not IN_APP: the inbox interrupts nobody."""

    match: EventFilter
    """Which events; all when absent."""

    mode: SilenceMode
    """What becomes of what matches; HOLD when unspecified."""

    start_time: str
    """When it begins; now when absent."""

    state: SilenceState
    """Output only."""

    team_id: str
    """The owning team. Output only."""


class SilenceAction(TypedDict, total=False):
    """Stay silent."""

    kinds: list[ChannelKind]
    """The kinds it silences: Slack, Teams, or both when empty."""


class SilenceReach(TypedDict, total=False):
    """How many messages a silence would have kept back, had it been in force."""

    matched_count: int
    """Messages of the newest 1,000 events of the past week that it matches."""

    message_count: int
    """All messages of these events that a silence could have kept back; to webhooks, only when this one names them."""


class SlackDestination(TypedDict, total=False):
    """An incoming webhook of Slack."""

    configuration_url: str
    """Where Slack lets one change it, when it was added by OAuth. Output only."""

    masked_webhook_url: str
    """The host and a mask. Output only."""

    slack_channel_id: str
    """The channel's id in Slack, `C…`, when it was added by OAuth. Output only."""

    webhook_url: str
    """`https://hooks.slack.com/services/…`. Required to create. Input only: it is a secret."""

    workspace: str
    """The workspace, when it was added by OAuth. Output only."""

    workspace_id: str
    """The workspace's id, `T…`, when it was added by OAuth. Output only."""


class SmtpServer(TypedDict, total=False):
    """A mail server."""

    from_address: str
    """The sender shown; the user when empty."""

    has_password: bool
    """Whether a password is kept. Output only."""

    host: str
    """Such as `smtp.gmail.com`. Required."""

    password: str
    """Input only."""

    port: int
    """587 when 0."""

    security: SmtpSecurity
    """STARTTLS required when unspecified."""

    username: str
    """The account that sends; empty for none."""


class SnoozeAlertRequest(TypedDict, total=False):
    """Asks to hear nothing of an alert until a time."""

    comment: str
    """A word to the others; at most 500 characters."""

    end_time: str
    """Until when: in the future, at most 30 days ahead. Required."""

    key: str
    """The alert's key."""

    member_id: str
    """Who, `mbr_…`; the caller when empty."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class SnoozeAlertResponse(TypedDict, total=False):
    """It is snoozed."""

    alert: Alert
    """As it is now."""


class Status(TypedDict, total=False):
    """A logical error model for RPC APIs: a code, a message, and details."""

    code: int
    """A value of google.rpc.Code."""

    details: list[dict[str, Any]]
    """Messages that carry the error details."""

    message: str
    """A developer-facing error message, in English."""


class StormControl(TypedDict, total=False):
    """At most so many messages per window; the rest are folded into one summary. CRITICAL is never folded."""

    max_messages: int
    """0 turns it off."""

    window: str
    """1 second to 1 hour."""


class Team(TypedDict, total=False):
    """The tenant. Owns everything else; nothing crosses a team."""

    create_time: str
    """Output only."""

    display_name: str
    """At most 120 characters. Required."""

    etag: str
    """Changes with every change of the team itself. Send it back to update or delete only what you read."""

    id: str
    """`team_…`. Output only."""

    plan: Plan
    """TEAM when unspecified. Only the platform sets it."""

    time_zone: str
    """An IANA zone such as `Europe/Berlin`; `UTC` when empty."""

    update_time: str
    """Output only."""


class TeamsDestination(TypedDict, total=False):
    """A Teams Workflow, or an old connector."""

    masked_webhook_url: str
    """The host and a mask. Output only."""

    webhook_url: str
    """Required to create. Input only: it is a secret."""


class TeamsUser(TypedDict, total=False):
    """A Teams user."""

    id: str
    """The user's Microsoft Entra object id or user principal name."""

    name: str
    """The name shown."""


class UnarchiveRequest(TypedDict, total=False):
    """Asks to bring archived ones back."""

    member_id: str
    """Who asks: `mbr_…`. Required."""

    notification_ids: list[str]
    """`ntf_…`, at most 1,000."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class UnarchiveResponse(TypedDict, total=False):
    """They are back."""


class UnconfirmedRecipient(TypedDict, total=False):
    """A recipient outside the domains of the team's members who was asked to confirm and has not yet."""

    address: str
    """The address."""

    ask_time: str
    """Since when it has been waiting."""

    expire_time: str
    """Until when the link in the email works; then `ResendRecipientConfirmation` sends another."""

    sent_count: int
    """How many emails have asked."""


class UnsubscribeRequest(TypedDict, total=False):
    """Asks to turn a topic off."""

    all_topics: bool
    """Every topic instead of the token's own."""

    preferences: list[Preference]
    """Instead of turning topics off: what the member asks for from now on. Each must ask for no more than is on already;
    more takes a login.
    """

    token: str
    """From the link."""

    undo: bool
    """Take back what this token did: within 7 days, and only while nobody has changed the same setting since."""


class UnsubscribeResponse(TypedDict, total=False):
    """What was turned off."""

    changed: bool
    """Whether anything changed."""

    preferences: list[Preference]
    """Every topic as it stands now."""

    topics: list[str]
    """The topics changed."""


class UpdateChannelRequest(TypedDict, total=False):
    """Asks to change one channel."""

    channel: Channel
    """With its id, and with its etag to change only what you read. Required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    update_mask: str
    """The fields to change; every field that is set when absent."""

    validate_only: bool
    """Only check it, and answer as if it had been changed."""


class UpdateChannelResponse(TypedDict, total=False):
    """The channel as it is now."""

    channel: Channel
    """It."""

    warnings: list[str]
    """What was taken although it is odd, a sentence each: patterns that no event type of the catalog matches."""


class UpdateComplianceRecipientsRequest(TypedDict, total=False):
    """Asks to set who gets receipts."""

    recipients: list[str]
    """Addresses, at most 20; empty goes back to the Owners."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class UpdateComplianceRecipientsResponse(TypedDict, total=False):
    """Who gets receipts now."""

    recipients: list[str]
    """Addresses."""


class UpdateDigestSettingsRequest(TypedDict, total=False):
    """Asks to set the digest."""

    settings: DigestSettings
    """With their etag to change only what you read. Required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    update_mask: str
    """The fields to change; every field that is set when absent."""


class UpdateDigestSettingsResponse(TypedDict, total=False):
    """The digest's settings as they are now."""

    settings: DigestSettings
    """They."""


class UpdateEventTypeRequest(TypedDict, total=False):
    """Asks to change one event type."""

    event_type: EventType
    """With its name, and with its etag to change only what you read. Required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    update_mask: str
    """The fields to change; every field that is set when absent."""

    validate_only: bool
    """Only check it, and answer as if it had been changed."""


class UpdateEventTypeResponse(TypedDict, total=False):
    """The event type as it is now."""

    event_type: EventType
    """It."""


class UpdateMemberRequest(TypedDict, total=False):
    """Asks to change one member."""

    member: Member
    """With its id, and with its etag to change only what you read. Required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    update_mask: str
    """The fields to change; every field that is set when absent."""

    validate_only: bool
    """Only check it, and answer as if it had been changed."""


class UpdateMemberResponse(TypedDict, total=False):
    """The member as it is now."""

    member: Member
    """It."""


class UpdateMentionRuleRequest(TypedDict, total=False):
    """Asks to change one mention rule."""

    mention_rule: MentionRule
    """With its id, and with its etag to change only what you read. Required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    update_mask: str
    """The fields to change; every field that is set when absent."""

    validate_only: bool
    """Only check it, and answer as if it had been changed."""


class UpdateMentionRuleResponse(TypedDict, total=False):
    """The mention rule as it is now."""

    mention_rule: MentionRule
    """It."""

    warnings: list[str]
    """What was taken although it is odd, a sentence each: patterns that no event type of the catalog matches."""


class UpdatePreferencesRequest(TypedDict, total=False):
    """Asks to set preferences."""

    member_id: str
    """`mbr_…`"""

    preferences: list[Preference]
    """Only the topics to change."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""


class UpdatePreferencesResponse(TypedDict, total=False):
    """A member's preferences as they are now."""

    preferences: list[Preference]
    """One for every topic."""


class UpdateRuleRequest(TypedDict, total=False):
    """Asks to change one rule."""

    rule: Rule
    """With its id, and with its etag to change only what you read. Required."""

    team_id: str
    """`team_…`. A team's own key may leave it empty."""

    update_mask: str
    """The fields to change; every field that is set when absent."""

    validate_only: bool
    """Only check it, and answer as if it had been changed."""


class UpdateRuleResponse(TypedDict, total=False):
    """The rule as it is now."""

    rule: Rule
    """It."""

    warnings: list[str]
    """What was taken although it is odd, a sentence each: patterns that no event type of the catalog matches."""


class UpdateTeamRequest(TypedDict, total=False):
    """Asks to change one team."""

    team: Team
    """With its id, and with its etag to change only what you read. Required."""

    update_mask: str
    """The fields to change; every field that is set when absent."""

    validate_only: bool
    """Only check it, and answer as if it had been changed."""


class UpdateTeamResponse(TypedDict, total=False):
    """The team as it is now."""

    team: Team
    """It."""


class WebhookDestination(TypedDict, total=False):
    """An HTTPS endpoint of the team's own."""

    body: str
    """A JSON document of at most 16,384 characters that is sent instead of an envelope. In its texts, `${…}` stands for the
    value of a CEL expression over `event`, `headers` and `alert`; at most 64. `$${` stands for `${`.
    """

    ed25519_public_key: str
    """`whpk_…`, when Ed25519 is on. Output only."""

    envelope: WebhookEnvelope
    """STANDARD when unspecified."""

    filter: EventFilter
    """What is sent; `types` are patterns such as `finding.*` or `*`, at least one."""

    headers: list[HttpHeader]
    """Extra headers; at most 20. Names of Watchbell's own headers and of the connection's are refused, `User-Agent` and
    `Proxy-Authorization` among them.
    """

    live_secret_count: int
    """How many secrets sign now: two during a rotation. Output only."""

    masked_url: str
    """Scheme and host, the rest masked. Output only."""

    preset: str
    """The name of a body that Watchbell knows, instead of `body`: pagerduty, opsgenie, discord, google_chat, mattermost,
    telegram, splunk_hec or ocsf. Some need certain `headers`.
    """

    sign_ed25519: bool
    """Signs with Ed25519 (`v1a`) as well."""

    signing_secret: str
    """`whsec_` and base64 of 24 to 64 bytes, or any text of 8 to 256 characters. Made when empty. Given in an update, it
    replaces the old one at once; RotateWebhookSecret keeps the old one for an overlap. Input only.
    """

    url: str
    """Where events are posted. Required to create. Input only: it may carry a token."""


class WebhookPreview(TypedDict, total=False):
    """A request to an endpoint."""

    body: str
    """The body, to the byte."""

    headers: list[RequestHeader]
    """Values of the channel's own headers are `***`. Signed with `signing_secret`, and never with Ed25519."""

    signing_secret: str
    """A secret that is the same for everybody, so that a receiver's check can be tried on this request."""


class CatalogService:
    """`watchbell.config.v1.CatalogService`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create_event_type(self, request: CreateEventTypeRequest) -> CreateEventTypeResponse:
        """Makes a event type. INVALID_ARGUMENT names every field that is wrong."""
        return cast("CreateEventTypeResponse", self._transport.call("watchbell.config.v1.CatalogService/CreateEventType", request, repeatable=False))

    def delete_event_type(self, request: DeleteEventTypeRequest) -> DeleteEventTypeResponse:
        """Deletes a event type. ABORTED when the etag is stale."""
        return cast("DeleteEventTypeResponse", self._transport.call("watchbell.config.v1.CatalogService/DeleteEventType", request, repeatable=False))

    def get_event_type(self, request: GetEventTypeRequest) -> GetEventTypeResponse:
        """One event type. NOT_FOUND when the team has none of that id."""
        return cast("GetEventTypeResponse", self._transport.call("watchbell.config.v1.CatalogService/GetEventType", request, repeatable=True))

    def list_event_types(self, request: ListEventTypesRequest) -> ListEventTypesResponse:
        """A page of event types."""
        return cast("ListEventTypesResponse", self._transport.call("watchbell.config.v1.CatalogService/ListEventTypes", request, repeatable=True))

    def update_event_type(self, request: UpdateEventTypeRequest) -> UpdateEventTypeResponse:
        """Changes a event type. ABORTED when the etag is stale."""
        return cast("UpdateEventTypeResponse", self._transport.call("watchbell.config.v1.CatalogService/UpdateEventType", request, repeatable=False))


class CellService:
    """`watchbell.config.v1.CellService`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def add_cell(self, request: AddCellRequest) -> AddCellResponse:
        """Adds a cell whose Dispatchers run already. New teams go to the cell with the fewest teams. FAILED_PRECONDITION with the reason
        `CELL_UNREACHABLE` when none of them answers, `CELL_KNOWN` when their database is that of another cell, `NEEDS_POSTGRES` when a
        database is SQLite, and `DISPATCHER_IN_PROCESS` when Config does not reach the Dispatchers of `main` by an address.
        """
        return cast("AddCellResponse", self._transport.call("watchbell.config.v1.CellService/AddCell", request, repeatable=False))

    def get_cell_move(self, request: GetCellMoveRequest) -> GetCellMoveResponse:
        """The last move of a team. NOT_FOUND when it never moved."""
        return cast("GetCellMoveResponse", self._transport.call("watchbell.config.v1.CellService/GetCellMove", request, repeatable=True))

    def list_cells(self, request: ListCellsRequest) -> ListCellsResponse:
        """All cells, `main` first."""
        return cast("ListCellsResponse", self._transport.call("watchbell.config.v1.CellService/ListCells", request, repeatable=True))

    def move_team(self, request: MoveTeamRequest) -> MoveTeamResponse:
        """Moves a team to another cell, and answers at once. The same call again answers where the move stands, and tries one that has failed
        again. There is one move at a time: FAILED_PRECONDITION with the reason `MOVE_UNDER_WAY` while another team moves.
        """
        return cast("MoveTeamResponse", self._transport.call("watchbell.config.v1.CellService/MoveTeam", request, repeatable=False))


class ChannelService:
    """`watchbell.config.v1.ChannelService`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def begin_slack_install(self, request: BeginSlackInstallRequest) -> BeginSlackInstallResponse:
        """Begins "Add to Slack": answers a page that leads a person to Slack, to pick a channel and approve the app, which may
        then post to that channel and do nothing else. It has to be ended in the browser that opened that page. FAILED_PRECONDITION with `SLACK_NOT_CONFIGURED` when the installation has no
        Slack app.
        """
        return cast("BeginSlackInstallResponse", self._transport.call("watchbell.config.v1.ChannelService/BeginSlackInstall", request, repeatable=False))

    def create_channel(self, request: CreateChannelRequest) -> CreateChannelResponse:
        """Makes a channel. INVALID_ARGUMENT names every field that is wrong."""
        return cast("CreateChannelResponse", self._transport.call("watchbell.config.v1.ChannelService/CreateChannel", request, repeatable=False))

    def delete_channel(self, request: DeleteChannelRequest) -> DeleteChannelResponse:
        """Deletes a channel. ABORTED when the etag is stale."""
        return cast("DeleteChannelResponse", self._transport.call("watchbell.config.v1.ChannelService/DeleteChannel", request, repeatable=False))

    def get_channel(self, request: GetChannelRequest) -> GetChannelResponse:
        """One channel. NOT_FOUND when the team has none of that id."""
        return cast("GetChannelResponse", self._transport.call("watchbell.config.v1.ChannelService/GetChannel", request, repeatable=True))

    def list_channels(self, request: ListChannelsRequest) -> ListChannelsResponse:
        """A page of channels."""
        return cast("ListChannelsResponse", self._transport.call("watchbell.config.v1.ChannelService/ListChannels", request, repeatable=True))

    def reenable_channel(self, request: ReenableChannelRequest) -> ReenableChannelResponse:
        """Makes an unhealthy channel carry again."""
        return cast("ReenableChannelResponse", self._transport.call("watchbell.config.v1.ChannelService/ReenableChannel", request, repeatable=False))

    def rotate_webhook_secret(self, request: RotateWebhookSecretRequest) -> RotateWebhookSecretResponse:
        """Gives a webhook a new signing secret; the old one keeps signing beside it for the overlap. The present secret given
        again changes nothing. While the old one still signs, a third secret is FAILED_PRECONDITION with
        `ROTATION_IN_PROGRESS`, unless `overlap` is 0: that ends all older secrets at once.
        """
        return cast("RotateWebhookSecretResponse", self._transport.call("watchbell.config.v1.ChannelService/RotateWebhookSecret", request, repeatable=False))

    def set_default_channel(self, request: SetDefaultChannelRequest) -> SetDefaultChannelResponse:
        """Makes the channel the default of its kind, in place of the one before."""
        return cast("SetDefaultChannelResponse", self._transport.call("watchbell.config.v1.ChannelService/SetDefaultChannel", request, repeatable=False))

    def update_channel(self, request: UpdateChannelRequest) -> UpdateChannelResponse:
        """Changes a channel. ABORTED when the etag is stale."""
        return cast("UpdateChannelResponse", self._transport.call("watchbell.config.v1.ChannelService/UpdateChannel", request, repeatable=False))


class PreferenceService:
    """`watchbell.config.v1.PreferenceService`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def confirm_recipient(self, request: ConfirmRecipientRequest) -> ConfirmRecipientResponse:
        """Confirms, by a token of a confirmation's link, that its address wants the team's emails. Idempotent; needs no login."""
        return cast("ConfirmRecipientResponse", self._transport.call("watchbell.config.v1.PreferenceService/ConfirmRecipient", request, repeatable=False))

    def get_compliance_recipients(self, request: GetComplianceRecipientsRequest) -> GetComplianceRecipientsResponse:
        """Who gets receipts."""
        return cast("GetComplianceRecipientsResponse", self._transport.call("watchbell.config.v1.PreferenceService/GetComplianceRecipients", request, repeatable=True))

    def get_digest_settings(self, request: GetDigestSettingsRequest) -> GetDigestSettingsResponse:
        """When the digest goes out, and to whom."""
        return cast("GetDigestSettingsResponse", self._transport.call("watchbell.config.v1.PreferenceService/GetDigestSettings", request, repeatable=True))

    def get_preferences(self, request: GetPreferencesRequest) -> GetPreferencesResponse:
        """A member's preference for every topic, defaults resolved."""
        return cast("GetPreferencesResponse", self._transport.call("watchbell.config.v1.PreferenceService/GetPreferences", request, repeatable=True))

    def inspect_recipient_confirmation(self, request: InspectRecipientConfirmationRequest) -> InspectRecipientConfirmationResponse:
        """Which team a token of a confirmation's link would let send email. Changes nothing."""
        return cast("InspectRecipientConfirmationResponse", self._transport.call("watchbell.config.v1.PreferenceService/InspectRecipientConfirmation", request, repeatable=False))

    def inspect_unsubscribe_token(self, request: InspectUnsubscribeTokenRequest) -> InspectUnsubscribeTokenResponse:
        """What a token of an email's link stands for. Changes nothing."""
        return cast("InspectUnsubscribeTokenResponse", self._transport.call("watchbell.config.v1.PreferenceService/InspectUnsubscribeToken", request, repeatable=False))

    def resend_recipient_confirmation(self, request: ResendRecipientConfirmationRequest) -> ResendRecipientConfirmationResponse:
        """Asks a recipient once more who has not confirmed. At most 3 emails ask in 30 days."""
        return cast("ResendRecipientConfirmationResponse", self._transport.call("watchbell.config.v1.PreferenceService/ResendRecipientConfirmation", request, repeatable=False))

    def unsubscribe(self, request: UnsubscribeRequest) -> UnsubscribeResponse:
        """Turns a topic off for the member that the token names. Idempotent; needs no login (RFC 8058). A token of an address
        that is no longer the member's changes nothing.
        """
        return cast("UnsubscribeResponse", self._transport.call("watchbell.config.v1.PreferenceService/Unsubscribe", request, repeatable=False))

    def update_compliance_recipients(self, request: UpdateComplianceRecipientsRequest) -> UpdateComplianceRecipientsResponse:
        """Sets who gets receipts."""
        return cast("UpdateComplianceRecipientsResponse", self._transport.call("watchbell.config.v1.PreferenceService/UpdateComplianceRecipients", request, repeatable=False))

    def update_digest_settings(self, request: UpdateDigestSettingsRequest) -> UpdateDigestSettingsResponse:
        """Sets when the digest goes out, and to whom."""
        return cast("UpdateDigestSettingsResponse", self._transport.call("watchbell.config.v1.PreferenceService/UpdateDigestSettings", request, repeatable=False))

    def update_preferences(self, request: UpdatePreferencesRequest) -> UpdatePreferencesResponse:
        """Sets a member's preferences for the topics named; UNSPECIFIED goes back to the default."""
        return cast("UpdatePreferencesResponse", self._transport.call("watchbell.config.v1.PreferenceService/UpdatePreferences", request, repeatable=False))


class RoutingService:
    """`watchbell.config.v1.RoutingService`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def apply_team_config(self, request: ApplyTeamConfigRequest) -> ApplyTeamConfigResponse:
        """Makes the team's configuration equal to a document, all of it or nothing of it."""
        return cast("ApplyTeamConfigResponse", self._transport.call("watchbell.config.v1.RoutingService/ApplyTeamConfig", request, repeatable=False))

    def create_mention_rule(self, request: CreateMentionRuleRequest) -> CreateMentionRuleResponse:
        """Makes a mention rule. INVALID_ARGUMENT names every field that is wrong."""
        return cast("CreateMentionRuleResponse", self._transport.call("watchbell.config.v1.RoutingService/CreateMentionRule", request, repeatable=False))

    def create_rule(self, request: CreateRuleRequest) -> CreateRuleResponse:
        """Makes a rule. INVALID_ARGUMENT names every field that is wrong."""
        return cast("CreateRuleResponse", self._transport.call("watchbell.config.v1.RoutingService/CreateRule", request, repeatable=False))

    def delete_mention_rule(self, request: DeleteMentionRuleRequest) -> DeleteMentionRuleResponse:
        """Deletes a mention rule. ABORTED when the etag is stale."""
        return cast("DeleteMentionRuleResponse", self._transport.call("watchbell.config.v1.RoutingService/DeleteMentionRule", request, repeatable=False))

    def delete_rule(self, request: DeleteRuleRequest) -> DeleteRuleResponse:
        """Deletes a rule. ABORTED when the etag is stale."""
        return cast("DeleteRuleResponse", self._transport.call("watchbell.config.v1.RoutingService/DeleteRule", request, repeatable=False))

    def export_team_config(self, request: ExportTeamConfigRequest) -> ExportTeamConfigResponse:
        """The team's configuration as the document that `ApplyTeamConfig` takes. Secrets are left out."""
        return cast("ExportTeamConfigResponse", self._transport.call("watchbell.config.v1.RoutingService/ExportTeamConfig", request, repeatable=True))

    def get_mention_rule(self, request: GetMentionRuleRequest) -> GetMentionRuleResponse:
        """One mention rule. NOT_FOUND when the team has none of that id."""
        return cast("GetMentionRuleResponse", self._transport.call("watchbell.config.v1.RoutingService/GetMentionRule", request, repeatable=True))

    def get_rule(self, request: GetRuleRequest) -> GetRuleResponse:
        """One rule. NOT_FOUND when the team has none of that id."""
        return cast("GetRuleResponse", self._transport.call("watchbell.config.v1.RoutingService/GetRule", request, repeatable=True))

    def list_mention_rules(self, request: ListMentionRulesRequest) -> ListMentionRulesResponse:
        """A page of mention rules."""
        return cast("ListMentionRulesResponse", self._transport.call("watchbell.config.v1.RoutingService/ListMentionRules", request, repeatable=True))

    def list_rules(self, request: ListRulesRequest) -> ListRulesResponse:
        """A page of rules."""
        return cast("ListRulesResponse", self._transport.call("watchbell.config.v1.RoutingService/ListRules", request, repeatable=True))

    def move_rule(self, request: MoveRuleRequest) -> MoveRuleResponse:
        """Moves a rule to another place; the others close up."""
        return cast("MoveRuleResponse", self._transport.call("watchbell.config.v1.RoutingService/MoveRule", request, repeatable=False))

    def update_mention_rule(self, request: UpdateMentionRuleRequest) -> UpdateMentionRuleResponse:
        """Changes a mention rule. ABORTED when the etag is stale."""
        return cast("UpdateMentionRuleResponse", self._transport.call("watchbell.config.v1.RoutingService/UpdateMentionRule", request, repeatable=False))

    def update_rule(self, request: UpdateRuleRequest) -> UpdateRuleResponse:
        """Changes a rule. ABORTED when the etag is stale."""
        return cast("UpdateRuleResponse", self._transport.call("watchbell.config.v1.RoutingService/UpdateRule", request, repeatable=False))


class SilenceService:
    """`watchbell.config.v1.SilenceService`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create_silence(self, request: CreateSilenceRequest) -> CreateSilenceResponse:
        """Makes a silence, by the caller. It holds for what already waits, too. INVALID_ARGUMENT names every field that is wrong."""
        return cast("CreateSilenceResponse", self._transport.call("watchbell.config.v1.SilenceService/CreateSilence", request, repeatable=False))

    def expire_silence(self, request: ExpireSilenceRequest) -> ExpireSilenceResponse:
        """Ends a silence now: what it holds is released at once. One that has ended stays as it is."""
        return cast("ExpireSilenceResponse", self._transport.call("watchbell.config.v1.SilenceService/ExpireSilence", request, repeatable=False))

    def get_silence(self, request: GetSilenceRequest) -> GetSilenceResponse:
        """One silence. NOT_FOUND when the team has none of that id."""
        return cast("GetSilenceResponse", self._transport.call("watchbell.config.v1.SilenceService/GetSilence", request, repeatable=True))

    def list_silences(self, request: ListSilencesRequest) -> ListSilencesResponse:
        """A page of silences, oldest first: those that have not ended, unless the others are asked for, too."""
        return cast("ListSilencesResponse", self._transport.call("watchbell.config.v1.SilenceService/ListSilences", request, repeatable=True))


class TeamService:
    """`watchbell.config.v1.TeamService`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create_api_key(self, request: CreateApiKeyRequest) -> CreateApiKeyResponse:
        """Makes an API key and shows it, once."""
        return cast("CreateApiKeyResponse", self._transport.call("watchbell.config.v1.TeamService/CreateApiKey", request, repeatable=False))

    def create_member(self, request: CreateMemberRequest) -> CreateMemberResponse:
        """Makes a member. INVALID_ARGUMENT names every field that is wrong."""
        return cast("CreateMemberResponse", self._transport.call("watchbell.config.v1.TeamService/CreateMember", request, repeatable=False))

    def create_portal_session(self, request: CreatePortalSessionRequest) -> CreatePortalSessionResponse:
        """Makes a session of a member for the console, by a link that signs in. By API keys only. It may do what the member and
        the key both may, manages no API keys, and ends by itself, with the member and with the key.
        """
        return cast("CreatePortalSessionResponse", self._transport.call("watchbell.config.v1.TeamService/CreatePortalSession", request, repeatable=False))

    def create_team(self, request: CreateTeamRequest) -> CreateTeamResponse:
        """Makes a team. INVALID_ARGUMENT names every field that is wrong."""
        return cast("CreateTeamResponse", self._transport.call("watchbell.config.v1.TeamService/CreateTeam", request, repeatable=False))

    def delete_api_key(self, request: DeleteApiKeyRequest) -> DeleteApiKeyResponse:
        """Ends an API key. Callers that cached it are refused within 30 seconds."""
        return cast("DeleteApiKeyResponse", self._transport.call("watchbell.config.v1.TeamService/DeleteApiKey", request, repeatable=False))

    def delete_member(self, request: DeleteMemberRequest) -> DeleteMemberResponse:
        """Deletes a member. ABORTED when the etag is stale."""
        return cast("DeleteMemberResponse", self._transport.call("watchbell.config.v1.TeamService/DeleteMember", request, repeatable=False))

    def delete_team(self, request: DeleteTeamRequest) -> DeleteTeamResponse:
        """Deletes a team. ABORTED when the etag is stale."""
        return cast("DeleteTeamResponse", self._transport.call("watchbell.config.v1.TeamService/DeleteTeam", request, repeatable=False))

    def get_integration_status(self, request: GetIntegrationStatusRequest) -> GetIntegrationStatusResponse:
        """Which kinds of channels are configured, and how they fare."""
        return cast("GetIntegrationStatusResponse", self._transport.call("watchbell.config.v1.TeamService/GetIntegrationStatus", request, repeatable=True))

    def get_member(self, request: GetMemberRequest) -> GetMemberResponse:
        """One member. NOT_FOUND when the team has none of that id."""
        return cast("GetMemberResponse", self._transport.call("watchbell.config.v1.TeamService/GetMember", request, repeatable=True))

    def get_self(self, request: GetSelfRequest) -> GetSelfResponse:
        """Who the caller is, and what it may do. For any credential."""
        return cast("GetSelfResponse", self._transport.call("watchbell.config.v1.TeamService/GetSelf", request, repeatable=True))

    def get_team(self, request: GetTeamRequest) -> GetTeamResponse:
        """One team. NOT_FOUND when the team has none of that id."""
        return cast("GetTeamResponse", self._transport.call("watchbell.config.v1.TeamService/GetTeam", request, repeatable=True))

    def list_api_keys(self, request: ListApiKeysRequest) -> ListApiKeysResponse:
        """A page of API keys. Never shows a key itself."""
        return cast("ListApiKeysResponse", self._transport.call("watchbell.config.v1.TeamService/ListApiKeys", request, repeatable=True))

    def list_config_changes(self, request: ListConfigChangesRequest) -> ListConfigChangesResponse:
        """A page of the changes of the team's configuration, newest first: who made them, when, from where, and what they were. They are
        kept for 400 days, and at most 10,000 of a team, or 64 MiB of them.
        """
        return cast("ListConfigChangesResponse", self._transport.call("watchbell.config.v1.TeamService/ListConfigChanges", request, repeatable=True))

    def list_members(self, request: ListMembersRequest) -> ListMembersResponse:
        """A page of members."""
        return cast("ListMembersResponse", self._transport.call("watchbell.config.v1.TeamService/ListMembers", request, repeatable=True))

    def list_teams(self, request: ListTeamsRequest) -> ListTeamsResponse:
        """A page of teams."""
        return cast("ListTeamsResponse", self._transport.call("watchbell.config.v1.TeamService/ListTeams", request, repeatable=True))

    def revert_config_change(self, request: RevertConfigChangeRequest) -> RevertConfigChangeResponse:
        """Takes one change back, checked and made like any change: what has changed since stays. ABORTED with the reason
        `CHANGED_AGAIN`, and the fields, when a later change has set them to something else; INVALID_ARGUMENT with everything that is wrong,
        such as secrets, which are not kept and must be set anew; FAILED_PRECONDITION with the reason `NOT_REVERTIBLE` for keys, the
        making of the team, and what the link of an email did.
        """
        return cast("RevertConfigChangeResponse", self._transport.call("watchbell.config.v1.TeamService/RevertConfigChange", request, repeatable=False))

    def update_member(self, request: UpdateMemberRequest) -> UpdateMemberResponse:
        """Changes a member. ABORTED when the etag is stale."""
        return cast("UpdateMemberResponse", self._transport.call("watchbell.config.v1.TeamService/UpdateMember", request, repeatable=False))

    def update_team(self, request: UpdateTeamRequest) -> UpdateTeamResponse:
        """Changes a team. ABORTED when the etag is stale."""
        return cast("UpdateTeamResponse", self._transport.call("watchbell.config.v1.TeamService/UpdateTeam", request, repeatable=False))


class DigestService:
    """`watchbell.digest.v1.DigestService`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list_digest_runs(self, request: ListDigestRunsRequest) -> ListDigestRunsResponse:
        """A page of runs, newest first."""
        return cast("ListDigestRunsResponse", self._transport.call("watchbell.digest.v1.DigestService/ListDigestRuns", request, repeatable=True))

    def preview_digest(self, request: PreviewDigestRequest) -> PreviewDigestResponse:
        """The digest of the last whole period, rendered and not sent."""
        return cast("PreviewDigestResponse", self._transport.call("watchbell.digest.v1.DigestService/PreviewDigest", request, repeatable=True))

    def send_digest(self, request: SendDigestRequest) -> SendDigestResponse:
        """Sends the digest of the last whole period now, if it has not been sent. Answers with its run either way."""
        return cast("SendDigestResponse", self._transport.call("watchbell.digest.v1.DigestService/SendDigest", request, repeatable=False))


class AlertService:
    """`watchbell.dispatcher.v1.AlertService`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def acknowledge_alert(self, request: AcknowledgeAlertRequest) -> AcknowledgeAlertResponse:
        """Takes an alert on: repeats are counted only, wherever they go, until it gets worse. The channels that were told of the alert
        are told of it, once. FAILED_PRECONDITION when the alert has ended.
        """
        return cast("AcknowledgeAlertResponse", self._transport.call("watchbell.dispatcher.v1.AlertService/AcknowledgeAlert", request, repeatable=False))

    def get_alert(self, request: GetAlertRequest) -> GetAlertResponse:
        """One alert, with who was told of it."""
        return cast("GetAlertResponse", self._transport.call("watchbell.dispatcher.v1.AlertService/GetAlert", request, repeatable=True))

    def list_alerts(self, request: ListAlertsRequest) -> ListAlertsResponse:
        """A page of alerts, those that began last first."""
        return cast("ListAlertsResponse", self._transport.call("watchbell.dispatcher.v1.AlertService/ListAlerts", request, repeatable=True))

    def resolve_alert(self, request: ResolveAlertRequest) -> ResolveAlertResponse:
        """Ends an alert by hand. Whoever was told that it began is told. FAILED_PRECONDITION when it has ended."""
        return cast("ResolveAlertResponse", self._transport.call("watchbell.dispatcher.v1.AlertService/ResolveAlert", request, repeatable=False))

    def snooze_alert(self, request: SnoozeAlertRequest) -> SnoozeAlertResponse:
        """The same until a time, after which the next event of the alert is told again. FAILED_PRECONDITION when the alert has ended."""
        return cast("SnoozeAlertResponse", self._transport.call("watchbell.dispatcher.v1.AlertService/SnoozeAlert", request, repeatable=False))


class DispatcherService:
    """`watchbell.dispatcher.v1.DispatcherService`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def cancel_deliveries(self, request: CancelDeliveriesRequest) -> CancelDeliveriesResponse:
        """Calls off what still waits, by a filter: such as what a replay has still to send (`replays_only`). What is being sent at that moment
        goes on. A team has one such call at a time, `Recover`, `Replay` and `Reroute` included: another one is `FAILED_PRECONDITION` with the
        reason `RESEND_UNDER_WAY`.
        """
        return cast("CancelDeliveriesResponse", self._transport.call("watchbell.dispatcher.v1.DispatcherService/CancelDeliveries", request, repeatable=False))

    def cancel_delivery(self, request: CancelDeliveryRequest) -> CancelDeliveryResponse:
        """Calls off a delivery that has not ended. FAILED_PRECONDITION when it has."""
        return cast("CancelDeliveryResponse", self._transport.call("watchbell.dispatcher.v1.DispatcherService/CancelDelivery", request, repeatable=False))

    def get_delivery(self, request: GetDeliveryRequest) -> GetDeliveryResponse:
        """One delivery with its attempts."""
        return cast("GetDeliveryResponse", self._transport.call("watchbell.dispatcher.v1.DispatcherService/GetDelivery", request, repeatable=True))

    def get_delivery_stats(self, request: GetDeliveryStatsRequest) -> GetDeliveryStatsResponse:
        """How many deliveries of a period are in which state, when, on which channels, and how long the delivered ones took. A team has
        one such call at a time, and it counts a bounded number of deliveries, the newest first.
        """
        return cast("GetDeliveryStatsResponse", self._transport.call("watchbell.dispatcher.v1.DispatcherService/GetDeliveryStats", request, repeatable=True))

    def get_event(self, request: GetEventRequest) -> GetEventResponse:
        """One accepted event with its routes."""
        return cast("GetEventResponse", self._transport.call("watchbell.dispatcher.v1.DispatcherService/GetEvent", request, repeatable=True))

    def list_deliveries(self, request: ListDeliveriesRequest) -> ListDeliveriesResponse:
        """A page of deliveries, newest first. What is rare takes several pages: a page with a token may be short or empty."""
        return cast("ListDeliveriesResponse", self._transport.call("watchbell.dispatcher.v1.DispatcherService/ListDeliveries", request, repeatable=True))

    def list_events(self, request: ListEventsRequest) -> ListEventsResponse:
        """A page of accepted events, newest first. What is rare takes several pages: a page with a token may be short or empty."""
        return cast("ListEventsResponse", self._transport.call("watchbell.dispatcher.v1.DispatcherService/ListEvents", request, repeatable=True))

    def recover(self, request: RecoverRequest) -> RecoverResponse:
        """Takes up again what failed or was parked since a time, on a channel or by a filter. Safe to repeat. A team has one such call at a
        time: FAILED_PRECONDITION with the reason `RESEND_UNDER_WAY` while another one, `Replay` of many or `Reroute` is under way.
        """
        return cast("RecoverResponse", self._transport.call("watchbell.dispatcher.v1.DispatcherService/Recover", request, repeatable=False))

    def render_preview(self, request: RenderPreviewRequest) -> RenderPreviewResponse:
        """What an event looks like as a message, by the code that sends it. Nothing is sent, stored, or signed with a secret of
        the team.
        """
        return cast("RenderPreviewResponse", self._transport.call("watchbell.dispatcher.v1.DispatcherService/RenderPreview", request, repeatable=False))

    def replay(self, request: ReplayRequest) -> ReplayResponse:
        """Sends the same event to the same target once more, as a new delivery. FAILED_PRECONDITION when the target is gone: the
        channel was deleted, the member has left or has another address, the recipient was taken off. With a filter, the same for many
        deliveries, each once: what has a replay is left out, so that the same call again goes on where another one broke off. A team has
        one such call at a time: FAILED_PRECONDITION with the reason `RESEND_UNDER_WAY` while another one, `Recover` or `Reroute` is under way.
        """
        return cast("ReplayResponse", self._transport.call("watchbell.dispatcher.v1.DispatcherService/Replay", request, repeatable=False))

    def send_test(self, request: SendTestRequest) -> SendTestResponse:
        """Sends a synthetic event to a channel at once, by the same code path, and answers with the attempt.
        Changes neither health nor digests nor preferences.
        """
        return cast("SendTestResponse", self._transport.call("watchbell.dispatcher.v1.DispatcherService/SendTest", request, repeatable=False))


class InboxService:
    """`watchbell.dispatcher.v1.InboxService`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def archive(self, request: ArchiveRequest) -> ArchiveResponse:
        """Puts some away."""
        return cast("ArchiveResponse", self._transport.call("watchbell.dispatcher.v1.InboxService/Archive", request, repeatable=False))

    def get_unread_count(self, request: GetUnreadCountRequest) -> GetUnreadCountResponse:
        """How many are unread."""
        return cast("GetUnreadCountResponse", self._transport.call("watchbell.dispatcher.v1.InboxService/GetUnreadCount", request, repeatable=True))

    def list_notifications(self, request: ListNotificationsRequest) -> ListNotificationsResponse:
        """A page of notifications, newest first."""
        return cast("ListNotificationsResponse", self._transport.call("watchbell.dispatcher.v1.InboxService/ListNotifications", request, repeatable=True))

    def mark_all_read(self, request: MarkAllReadRequest) -> MarkAllReadResponse:
        """Marks everything as read."""
        return cast("MarkAllReadResponse", self._transport.call("watchbell.dispatcher.v1.InboxService/MarkAllRead", request, repeatable=False))

    def mark_read(self, request: MarkReadRequest) -> MarkReadResponse:
        """Marks some as read."""
        return cast("MarkReadResponse", self._transport.call("watchbell.dispatcher.v1.InboxService/MarkRead", request, repeatable=False))

    def mark_unread(self, request: MarkUnreadRequest) -> MarkUnreadResponse:
        """Marks some as unread again."""
        return cast("MarkUnreadResponse", self._transport.call("watchbell.dispatcher.v1.InboxService/MarkUnread", request, repeatable=False))

    def unarchive(self, request: UnarchiveRequest) -> UnarchiveResponse:
        """Brings archived ones back."""
        return cast("UnarchiveResponse", self._transport.call("watchbell.dispatcher.v1.InboxService/Unarchive", request, repeatable=False))


class RouterService:
    """`watchbell.router.v1.RouterService`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def check_team_config(self, request: CheckTeamConfigRequest) -> CheckTeamConfigResponse:
        """What is odd about the team's configuration, or a draft of its document: rules that decide nothing, channels that nothing names,
        alerts that reach nobody, members who get nothing, expressions that always fail.
        """
        return cast("CheckTeamConfigResponse", self._transport.call("watchbell.router.v1.RouterService/CheckTeamConfig", request, repeatable=False))

    def emit(self, request: EmitRequest) -> EmitResponse:
        """Accepts one event. Answers once the event and its deliveries are on disk.

        Errors: INVALID_ARGUMENT with every violation by field path; NOT_FOUND for an unknown team;
        UNAVAILABLE with RetryInfo when it could not be committed, or nobody knows whether it was: the same call
        again is safe when the event brings its id;
        RESOURCE_EXHAUSTED with RetryInfo under overload.
        """
        return cast("EmitResponse", self._transport.call("watchbell.router.v1.RouterService/Emit", request, repeatable=True))

    def emit_batch(self, request: EmitBatchRequest) -> EmitBatchResponse:
        """Accepts up to 1,000 events and 4 MiB at once. Each event has its own result, in order: one that is
        refused refuses no other.
        """
        return cast("EmitBatchResponse", self._transport.call("watchbell.router.v1.RouterService/EmitBatch", request, repeatable=True))

    def explain(self, request: ExplainRequest) -> ExplainResponse:
        """Decides as `Emit` would and says why, rule by rule, and why not, person by person. Sends and stores nothing. Of a stored event it
        takes the scope to read deliveries, too.
        """
        return cast("ExplainResponse", self._transport.call("watchbell.router.v1.RouterService/Explain", request, repeatable=True))


class Services:
    """Every public service."""

    def __init__(self, transport: Transport) -> None:
        self.catalog = CatalogService(transport)
        self.cell = CellService(transport)
        self.channel = ChannelService(transport)
        self.preference = PreferenceService(transport)
        self.routing = RoutingService(transport)
        self.silence = SilenceService(transport)
        self.team = TeamService(transport)
        self.digest = DigestService(transport)
        self.alert = AlertService(transport)
        self.dispatcher = DispatcherService(transport)
        self.inbox = InboxService(transport)
        self.router = RouterService(transport)
