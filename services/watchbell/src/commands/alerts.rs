//! `alerts`: things with a life that several events tell of. An alert is named by its key.

use prost_reflect::DynamicMessage;
use watchbell_contracts::dispatcher::v1::Alert;
use watchbell_model::text::times;

use super::resource::{
    Column, Described, Flag, Form, On, Resource, Shows, Subject, Verb, View, Which, Words,
};
use crate::session::Named;
use crate::text;

const SERVICE: &str = "watchbell.dispatcher.v1.AlertService";

/// Who acts, and what they say.
const BY: Flag = Flag::new(
    "as",
    "member_id",
    "In whose name, by id or email; the caller's when left out",
)
.value("MEMBER")
.form(Form::Id(Named::Member));
const COMMENT: Flag = Flag::new("comment", "comment", "A word to the others").value("TEXT");

/// Alerts.
#[derive(Debug, Clone)]
pub(crate) enum Alerts {}

#[rustfmt::skip]
impl Described for Alerts {
    const RESOURCE: &'static Resource = &Resource {
        service: SERVICE,
        message: "watchbell.dispatcher.v1.Alert",
        which: Which { argument: "alert", help: "Its key, such as finding_id=F-17", field: "key", ..Which::ID },
        commands: &[
            Words::new("list", Verb::List, "Alerts that have not ended, those that began last first").flags(&[
                Flag::new("state", "states", "open, acknowledged, snoozed or resolved"),
                Flag::new("severity", "severities", "Only these severities"),
                Flag::new("type", "event_type", "Only those that began with an event of this type, or of a group such as 'finding.*'"),
            ]),
            Words::new("show", Verb::Show, "One alert, and who was told of it"),
            Words::new("ack", Verb::Call(SERVICE, "AcknowledgeAlert", Subject::One, Shows::One), "Take an alert on: repeats are only counted, and its channels are told")
                .flags(&[COMMENT, BY]),
            Words::new("snooze", Verb::Call(SERVICE, "SnoozeAlert", Subject::One, Shows::One), "Hear nothing of an alert for a while")
                .flags(&[
                    Flag::new("for", "end_time", "How long, such as 2h; at most 30d").value("DURATION").form(Form::FromNow).on(On::Required),
                    COMMENT,
                    BY,
                ]),
            Words::new("resolve", Verb::Call(SERVICE, "ResolveAlert", Subject::One, Shows::One), "End an alert by hand; whoever was told that it began is told")
                .flags(&[COMMENT, BY]),
        ],
        columns: &[
            Column::Field("BEGAN", "open_time"),
            Column::Field("STATE", "state"),
            Column::Field("SEVERITY", "severity"),
            Column::With("SEEN", seen),
            Column::Field("TITLE", "title"),
            Column::Id("KEY", "key"),
        ],
        empty: "no alerts",
        lines: &[
            Column::Id("key", "key"),
            Column::Field("title", "title"),
            Column::Field("state", "state"),
            Column::Field("severity", "severity"),
            Column::Field("type", "event_type"),
            Column::Field("source", "source"),
            Column::Field("subject", "subject"),
            Column::Field("url", "url"),
            Column::Field("began", "open_time"),
            Column::Field("with", "opened_event_id"),
            Column::With("seen", seen),
            Column::Field("last seen", "last_event_time"),
            Column::Field("acknowledged by", "acknowledged_by"),
            Column::Field("acknowledged", "acknowledge_time"),
            Column::Field("snoozed by", "snoozed_by"),
            Column::Field("snoozed until", "snooze_end_time"),
            Column::Field("resolved", "resolve_time"),
            Column::Field("resolved by", "resolved_by"),
            Column::Field("pending", "pending"),
            Column::With("told", told),
        ],
        names_channels: true,
        ..Resource::BARE
    };
}

fn seen(alert: &DynamicMessage, _: &View) -> String {
    let alert: Alert = alert.transcode_to().unwrap_or_default();
    times(alert.count)
}

fn told(alert: &DynamicMessage, view: &View) -> String {
    let alert: Alert = alert.transcode_to().unwrap_or_default();
    let told: Vec<_> = alert
        .told
        .iter()
        .map(|route| text::target(route, &view.channels))
        .collect();
    told.join(", ")
}
