//! Receipts that nobody gets: the team has neither a compliance recipient nor an Owner. They are kept, and somebody is
//! told once a day: the team's inbox, and by mail the operator.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use tokio::sync::oneshot;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::ids::{EventId, TeamId};
use watchbell_model::route::{OPERATOR, Reason, Route, Target};
use watchbell_model::{Category, ChannelKind, EmailAddress, Severity};

use crate::job::Submission;
use crate::maintenance::health_reporter::plan;
use crate::state::Core;

/// The type of the event that tells of them.
pub(crate) const KEPT: &str = "receipt.kept";

/// The days on which teams were told last.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<HashMap<TeamId, NaiveDate>>);

/// Tells that a team's receipts are kept, once a day. The event's id makes a second telling a duplicate, whichever
/// replica it comes from.
pub(crate) fn tell_kept(core: &Core, team: TeamId) {
    let now = core.clock.now().trunc_subsecs(6);
    let today = now.date_naive();
    let mut told = core
        .receipts_told
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if told.get(&team) == Some(&today) {
        return;
    }
    let Some(event) = event(core, team, now) else {
        return;
    };
    let routes = core.mail.operator.iter().map(to_operator).chain([to_inbox()]);
    let planned = routes.filter_map(|route| plan(route, now)).collect();
    let submission = Submission::new(event, planned, false, oneshot::channel().0);
    // When there is no room now there is in the next round.
    if core.intake.try_send(submission).is_ok() {
        told.insert(team, today);
        tracing::warn!(%team, "receipts are kept: the team has neither a compliance recipient nor an Owner");
    }
}

fn event(core: &Core, team_id: TeamId, now: DateTime<Utc>) -> Option<AcceptedEvent> {
    let id: EventId = format!("{KEPT}:{}", now.format("%Y-%m-%d")).parse().ok()?;
    let data = serde_json::json!({
        "team_id": team_id.to_string(),
        "what_to_do": "Set a compliance recipient, or make a member an Owner: the receipts go out by themselves then.",
    });
    Some(AcceptedEvent {
        team_id,
        id,
        event_type: KEPT.into(),
        severity: Severity::High,
        category: Category::SystemError,
        source: core.brand.source(),
        occurred_at: now,
        accepted_at: now,
        title: "Compliance receipts are kept: the team has neither a recipient nor an Owner".to_owned(),
        url: String::new(),
        subject: String::new(),
        data: data.to_string(),
        test: false,
        traceparent: None,
        email: None,
        body: OnceLock::new(),
    })
}

fn to_operator(address: &EmailAddress) -> Route {
    Route {
        kind: ChannelKind::Email,
        target: Target::Address {
            address: address.to_string(),
            channel: None,
        },
        reason: Reason::new(OPERATOR, "The operator is told what no Owner can be told."),
        mentions: vec![],
    }
}

fn to_inbox() -> Route {
    Route {
        kind: ChannelKind::InApp,
        target: Target::Inbox,
        reason: Reason::new("receipt_kept", "The team is told when nobody gets its receipts."),
        mentions: vec![],
    }
}
