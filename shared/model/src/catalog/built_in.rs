//! The table of built-in event types. Titles, descriptions and examples come from their schemas.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::schema::Schema;
use super::{AlertPolicy, EventTypeDefinition, EventTypeSpec};
use crate::alert::{AlertAction, AlertSpec, Repeat};
use crate::pattern::EventType;
use crate::severities::SeveritySet;
use crate::vocabulary::Severity::{self, High, Info, Low, Medium};
use crate::vocabulary::{Category, Topic};

use AlertPolicy::{Always, Never, Severities};
use Category::{SecurityAlert, SystemError, SystemNotification};

type Row = (
    &'static str,
    &'static str,
    Category,
    Severity,
    AlertPolicy,
    Option<Topic>,
);

/// One row: the name with its schema, category, default severity, alert policy, topic.
macro_rules! row {
    ($name:literal, $category:expr, $severity:expr, $policy:expr, $topic:expr) => {
        (
            $name,
            include_str!(concat!("../../catalog/", $name, ".json")),
            $category,
            $severity,
            $policy,
            $topic,
        )
    };
}

/// DESIGN §4, §6 and §13.
const TABLE: [Row; 32] = [
    row!(
        "finding.created",
        SecurityAlert,
        Medium,
        Severities(SeveritySet::HIGH_AND_ABOVE),
        Some(Topic::Findings)
    ),
    row!(
        "finding.resolved",
        SecurityAlert,
        Info,
        Never,
        Some(Topic::Findings)
    ),
    row!(
        "finding.excepted",
        SecurityAlert,
        Info,
        Never,
        Some(Topic::Findings)
    ),
    row!(
        "scan.started",
        SystemNotification,
        Info,
        Never,
        Some(Topic::Scans)
    ),
    row!(
        "scan.completed",
        SystemNotification,
        Info,
        Never,
        Some(Topic::Scans)
    ),
    row!("scan.failed", SystemError, High, Always, Some(Topic::Scans)),
    row!("sla.warning", SecurityAlert, Medium, Always, Some(Topic::Sla)),
    row!("sla.breached", SecurityAlert, High, Always, Some(Topic::Sla)),
    row!(
        "compliance.drift_detected",
        SecurityAlert,
        High,
        Always,
        Some(Topic::Compliance)
    ),
    row!("compliance.receipt.issued", SystemNotification, Info, Never, None),
    row!(
        "exception.requested",
        SystemNotification,
        Low,
        Never,
        Some(Topic::Exceptions)
    ),
    row!(
        "exception.approved",
        SystemNotification,
        Info,
        Never,
        Some(Topic::Exceptions)
    ),
    row!(
        "exception.rejected",
        SystemNotification,
        Info,
        Never,
        Some(Topic::Exceptions)
    ),
    row!(
        "user.login",
        SystemNotification,
        Info,
        Never,
        Some(Topic::Account)
    ),
    row!(
        "user.mfa_enabled",
        SystemNotification,
        Info,
        Never,
        Some(Topic::Account)
    ),
    row!("audit.queued", SystemNotification, Info, Never, None),
    row!(
        "audit.delivered",
        SystemNotification,
        Info,
        Always,
        Some(Topic::AuditDelivered)
    ),
    row!(
        "audit.failed",
        SystemError,
        High,
        Always,
        Some(Topic::AuditFailed)
    ),
    row!(
        "atlas.alert.fired",
        SecurityAlert,
        High,
        Severities(SeveritySet::CRITICAL),
        Some(Topic::AtlasAlerts)
    ),
    row!(
        "atlas.wallet.added",
        SystemNotification,
        Info,
        Never,
        Some(Topic::AtlasAlerts)
    ),
    row!(
        "account.plan.changed",
        SystemNotification,
        Info,
        Always,
        Some(Topic::Account)
    ),
    row!(
        "account.credits.granted",
        SystemNotification,
        Info,
        Never,
        Some(Topic::Account)
    ),
    row!(
        "product.announcement",
        SystemNotification,
        Info,
        Never,
        Some(Topic::Marketing)
    ),
    row!("channel.unhealthy", SystemError, High, Never, None),
    row!("channel.recovered", SystemNotification, Info, Never, None),
    row!("delivery.failed", SystemError, Medium, Never, None),
    row!("config.changed", SystemNotification, Info, Never, None),
    row!("expression.failed", SystemError, Medium, Never, None),
    row!("secret.expiring", SystemNotification, Medium, Never, None),
    row!("alert.acknowledged", SystemNotification, Info, Never, None),
    row!("alert.resolved", SystemNotification, Info, Never, None),
    row!("alert.snoozed", SystemNotification, Info, Never, None),
];

/// DESIGN §10: the field that names the alert, and what the event does to it.
const ALERTS: [(&str, &str, AlertAction); 13] = [
    ("finding.created", "data.finding_id", AlertAction::Trigger),
    ("finding.resolved", "data.finding_id", AlertAction::Resolve),
    ("finding.excepted", "data.finding_id", AlertAction::Resolve),
    ("sla.warning", "data.finding_id", AlertAction::Update),
    ("sla.breached", "data.finding_id", AlertAction::Update),
    ("scan.failed", "data.target", AlertAction::Trigger),
    ("scan.completed", "data.target", AlertAction::Resolve),
    ("atlas.alert.fired", "data.alert_id", AlertAction::Trigger),
    ("exception.requested", "data.exception_id", AlertAction::Trigger),
    ("exception.approved", "data.exception_id", AlertAction::Resolve),
    ("exception.rejected", "data.exception_id", AlertAction::Resolve),
    ("channel.unhealthy", "data.channel_id", AlertAction::Trigger),
    ("channel.recovered", "data.channel_id", AlertAction::Resolve),
];

#[allow(
    clippy::expect_used,
    reason = "constants of this crate, all of which a test goes through"
)]
pub(super) fn all() -> BTreeMap<EventType, Arc<EventTypeSpec>> {
    TABLE
        .into_iter()
        .map(|(name, text, category, severity, alert_policy, topic)| {
            let written: Value = serde_json::from_str(text).expect("a built-in schema is JSON");
            let word = |field: &str| written[field].as_str().unwrap_or_default().to_owned();
            let definition = EventTypeDefinition {
                name: name.parse().expect("a built-in name is a name"),
                title: word("title"),
                description: word("description"),
                category,
                severity,
                alert_policy,
                topic,
                example: Map::new(),
                alert: ALERTS
                    .iter()
                    .find(|(of, ..)| *of == name)
                    .map(|(_, key, action)| AlertSpec {
                        key: key.parse().expect("a built-in key is a path"),
                        action: *action,
                        repeat: Repeat::Count,
                    }),
                data_schema: Some(written.clone()),
            };
            let schema = Schema::compile(&written).expect("a built-in schema compiles");
            let example = written["examples"][0].to_string();
            let example = example.parse().expect("a built-in example is data");
            let spec = EventTypeSpec::compiled(definition, example, Some(schema), true);
            (spec.event_type.clone(), Arc::new(spec))
        })
        .collect()
}
