//! Types of what Watchbell itself tells people. Some have emails of their own, and some no link to unsubscribe. Nobody else
//! may give events these names. The operational ones are in the catalog, too: rules can name them.

/// Somebody has taken an alert on.
pub const ALERT_ACKNOWLEDGED: &str = "alert.acknowledged";
/// Somebody has resolved an alert by hand.
pub const ALERT_RESOLVED: &str = "alert.resolved";
/// Somebody wants to hear nothing of an alert for a while.
pub const ALERT_SNOOZED: &str = "alert.snoozed";
/// A channel that was unhealthy is enabled again.
pub const CHANNEL_RECOVERED: &str = "channel.recovered";
/// Channels were removed.
pub const CHANNEL_REMOVED: &str = "channel.removed";
/// Nothing gets through to a channel.
pub const CHANNEL_UNHEALTHY: &str = "channel.unhealthy";
/// The team's configuration was changed.
pub const CONFIG_CHANGED: &str = "config.changed";
/// Deliveries to a channel, or to people by email, were given up.
pub const DELIVERY_FAILED: &str = "delivery.failed";
/// The weekly digest.
pub const DIGEST_WEEKLY: &str = "digest.weekly";
/// Expressions of filters fail.
pub const EXPRESSION_FAILED: &str = "expression.failed";
/// Messages that a storm or quiet hours held back, in one.
pub const NOTIFICATIONS_SUMMARY: &str = "notifications.summary";
/// Compliance receipts wait for a mail server.
pub const RECEIPT_KEPT: &str = "receipt.kept";
/// A recipient is asked whether it wants the team's emails.
pub const RECIPIENT_CONFIRMATION: &str = "recipient.confirmation";
/// An API key is about to expire, or the older of two signing secrets to stop signing.
pub const SECRET_EXPIRING: &str = "secret.expiring";

/// Types of events about Watchbell's own work for a team, and about what people do there. They go where a filter names them and nowhere else, and nothing
/// that happens to one of them makes another.
pub const OPERATIONAL: [&str; 9] = [
    ALERT_ACKNOWLEDGED,
    ALERT_RESOLVED,
    ALERT_SNOOZED,
    CHANNEL_RECOVERED,
    CHANNEL_UNHEALTHY,
    CONFIG_CHANGED,
    DELIVERY_FAILED,
    EXPRESSION_FAILED,
    SECRET_EXPIRING,
];

/// Those of them about what people do. They are listed with what happened.
pub const ACTS: [&str; 3] = [ALERT_ACKNOWLEDGED, ALERT_RESOLVED, ALERT_SNOOZED];

pub(super) const ALL: [&str; 14] = [
    ALERT_ACKNOWLEDGED,
    ALERT_RESOLVED,
    ALERT_SNOOZED,
    CHANNEL_RECOVERED,
    CHANNEL_REMOVED,
    CHANNEL_UNHEALTHY,
    CONFIG_CHANGED,
    DELIVERY_FAILED,
    DIGEST_WEEKLY,
    EXPRESSION_FAILED,
    NOTIFICATIONS_SUMMARY,
    RECEIPT_KEPT,
    RECIPIENT_CONFIRMATION,
    SECRET_EXPIRING,
];

/// Whether events of that type are about Watchbell's own work.
#[must_use]
pub fn is_operational(event_type: &str) -> bool {
    OPERATIONAL.contains(&event_type)
}

/// Whether a team's configuration decides who gets events of that type: of notices, such as digests, it does not.
#[must_use]
pub fn is_decided(event_type: &str) -> bool {
    is_operational(event_type) || !ALL.contains(&event_type)
}
