//! Types of what Watchbell itself tells people. Some have emails of their own, and some no link to unsubscribe. Nobody else
//! may give events these names.

/// Somebody has taken an alert on.
pub const ALERT_ACKNOWLEDGED: &str = "alert.acknowledged";
/// Somebody has resolved an alert by hand.
pub const ALERT_RESOLVED: &str = "alert.resolved";
/// Somebody wants to hear nothing of an alert for a while.
pub const ALERT_SNOOZED: &str = "alert.snoozed";
/// An API key is about to expire.
pub const API_KEY_ENDING: &str = "api_key.ending";
/// Channels were removed.
pub const CHANNEL_REMOVED: &str = "channel.removed";
/// The older of two signing secrets is about to stop signing.
pub const CHANNEL_SECRET_ENDING: &str = "channel.secret_ending";
/// Nothing gets through to a channel.
pub const CHANNEL_UNHEALTHY: &str = "channel.unhealthy";
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

pub(super) const ALL: [&str; 12] = [
    ALERT_ACKNOWLEDGED,
    ALERT_RESOLVED,
    ALERT_SNOOZED,
    API_KEY_ENDING,
    CHANNEL_REMOVED,
    CHANNEL_SECRET_ENDING,
    CHANNEL_UNHEALTHY,
    DIGEST_WEEKLY,
    EXPRESSION_FAILED,
    NOTIFICATIONS_SUMMARY,
    RECEIPT_KEPT,
    RECIPIENT_CONFIRMATION,
];
