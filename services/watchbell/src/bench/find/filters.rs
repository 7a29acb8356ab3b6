//! What is asked for: each filter where it finds much, and where it finds little or nothing.

use prost_types::Timestamp;
use watchbell_contracts::dispatcher::v1::{DeliveryState, ListDeliveriesRequest, ListEventsRequest};
use watchbell_contracts::event::v1::{ChannelKind, Severity};

/// What deliveries and events are asked for by.
pub(super) struct Known {
    pub(super) webhook: String,
    pub(super) rule: String,
    /// One that matches nothing.
    pub(super) idle_rule: String,
    pub(super) member: String,
    pub(super) address: &'static str,
    /// Who gets nothing.
    pub(super) other_member: String,
    pub(super) event: String,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

pub(super) fn of_deliveries(known: &Known) -> Vec<(&'static str, ListDeliveriesRequest)> {
    let all = ListDeliveriesRequest::default;
    let states = |state: DeliveryState| vec![state.into()];
    let texts = |text: &str| vec![text.to_owned()];
    vec![
        ("none", all()),
        (
            "channel",
            ListDeliveriesRequest {
                channel_id: known.webhook.clone(),
                ..all()
            },
        ),
        (
            "kind",
            ListDeliveriesRequest {
                kind: ChannelKind::InApp.into(),
                ..all()
            },
        ),
        (
            "kind: rare",
            ListDeliveriesRequest {
                kind: ChannelKind::Teams.into(),
                ..all()
            },
        ),
        (
            "state: delivered",
            ListDeliveriesRequest {
                states: states(DeliveryState::Delivered),
                ..all()
            },
        ),
        (
            "state: failed",
            ListDeliveriesRequest {
                states: states(DeliveryState::Failed),
                ..all()
            },
        ),
        (
            "state: rare",
            ListDeliveriesRequest {
                states: states(DeliveryState::Pending),
                ..all()
            },
        ),
        (
            "event",
            ListDeliveriesRequest {
                event_id: known.event.clone(),
                ..all()
            },
        ),
        (
            "types",
            ListDeliveriesRequest {
                types: texts("scan.*"),
                ..all()
            },
        ),
        (
            "types: rare",
            ListDeliveriesRequest {
                types: texts("user.*"),
                ..all()
            },
        ),
        (
            "severities",
            ListDeliveriesRequest {
                severities: vec![Severity::Critical.into()],
                ..all()
            },
        ),
        (
            "severities: rare",
            ListDeliveriesRequest {
                severities: vec![Severity::Info.into()],
                ..all()
            },
        ),
        (
            "member",
            ListDeliveriesRequest {
                member_id: known.member.clone(),
                ..all()
            },
        ),
        (
            "member: rare",
            ListDeliveriesRequest {
                member_id: known.other_member.clone(),
                ..all()
            },
        ),
        (
            "address",
            ListDeliveriesRequest {
                address: known.address.to_owned(),
                ..all()
            },
        ),
        (
            "address: rare",
            ListDeliveriesRequest {
                address: "nobody@example.com".to_owned(),
                ..all()
            },
        ),
        (
            "rule",
            ListDeliveriesRequest {
                rule_id: known.rule.clone(),
                ..all()
            },
        ),
        (
            "rule: rare",
            ListDeliveriesRequest {
                rule_id: known.idle_rule.clone(),
                ..all()
            },
        ),
        (
            "text",
            ListDeliveriesRequest {
                text: "Web-1".to_owned(),
                ..all()
            },
        ),
        (
            "text: rare",
            ListDeliveriesRequest {
                text: "nowhere to be found".to_owned(),
                ..all()
            },
        ),
        (
            "replays",
            ListDeliveriesRequest {
                replays_only: true,
                ..all()
            },
        ),
        (
            "period",
            ListDeliveriesRequest {
                start_time: Some(known.start),
                end_time: Some(known.end),
                ..all()
            },
        ),
        (
            "member, text and period",
            ListDeliveriesRequest {
                member_id: known.member.clone(),
                text: "nowhere to be found".to_owned(),
                start_time: Some(known.start),
                ..all()
            },
        ),
        (
            "channel, severities and types",
            ListDeliveriesRequest {
                channel_id: known.webhook.clone(),
                severities: vec![Severity::Info.into()],
                types: texts("finding.*"),
                ..all()
            },
        ),
    ]
}

pub(super) fn of_events(known: &Known) -> Vec<(&'static str, ListEventsRequest)> {
    let all = ListEventsRequest::default;
    vec![
        ("events: none", all()),
        (
            "events: types",
            ListEventsRequest {
                types: vec!["scan.*".to_owned()],
                ..all()
            },
        ),
        (
            "events: types, rare",
            ListEventsRequest {
                types: vec!["user.*".to_owned()],
                ..all()
            },
        ),
        (
            "events: severities, rare",
            ListEventsRequest {
                severities: vec![Severity::Info.into()],
                ..all()
            },
        ),
        (
            "events: sources, rare",
            ListEventsRequest {
                sources: vec!["nobody".to_owned()],
                ..all()
            },
        ),
        (
            "events: subject, rare",
            ListEventsRequest {
                subject: "nothing".to_owned(),
                ..all()
            },
        ),
        (
            "events: text",
            ListEventsRequest {
                text: "Web-1".to_owned(),
                ..all()
            },
        ),
        (
            "events: text, rare",
            ListEventsRequest {
                text: "nowhere to be found".to_owned(),
                ..all()
            },
        ),
        (
            "events: period",
            ListEventsRequest {
                start_time: Some(known.start),
                end_time: Some(known.end),
                ..all()
            },
        ),
    ]
}
