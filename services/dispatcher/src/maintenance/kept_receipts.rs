//! Notices about kept receipts: the team has neither a compliance recipient nor an Owner. A notice is sent once a
//! day, to the team's inbox and by mail to the operator.

use std::collections::HashMap;
use std::sync::OnceLock;

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::catalog::notices::RECEIPT_KEPT;
use watchbell_model::ids::{EventId, TeamId};
use watchbell_model::route::{OPERATOR, Reason, Route, Target};
use watchbell_model::{Category, ChannelKind, EmailAddress, Severity};

use crate::job::{Planned, Submission};
use crate::state::Core;

/// Days on which teams were last notified.
#[derive(Debug, Default)]
pub(crate) struct LastNotices(Mutex<HashMap<TeamId, NaiveDate>>);

/// Sends the notice, once a day. Its event id makes a second one, by any replica, a duplicate.
pub(crate) fn notify_kept(core: &Core, last_notices: &LastNotices, team: TeamId) {
    let now = core.clock.now().trunc_subsecs(6);
    let today = now.date_naive();
    let mut last_notices = last_notices.0.lock();
    if last_notices.get(&team) == Some(&today) {
        return;
    }
    let Some(event) = event(core, team, now) else {
        return;
    };
    let routes = core.mail.operator.iter().map(to_operator).chain([to_inbox()]);
    let planned = routes.filter_map(|route| Planned::new(route, now)).collect();
    let submission = Submission::new(event, planned, false, oneshot::channel().0);
    // If the queue is full, the next round tries again.
    if core.submissions.try_send(submission).is_ok() {
        last_notices.insert(team, today);
        tracing::warn!(%team, "receipts are kept: the team has neither a compliance recipient nor an Owner");
    }
}

fn event(core: &Core, team_id: TeamId, now: DateTime<Utc>) -> Option<AcceptedEvent> {
    let id: EventId = format!("{RECEIPT_KEPT}:{}", now.format("%Y-%m-%d"))
        .parse()
        .ok()?;
    let data = serde_json::json!({
        "team_id": team_id.to_string(),
        "what_to_do": "Set a compliance recipient, or make a member an Owner: the receipts are then sent automatically.",
    });
    Some(AcceptedEvent {
        team_id,
        id,
        event_type: RECEIPT_KEPT.into(),
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
        alert: None,
        traceparent: None,
        email: None,
        body: OnceLock::new(),
        alert_status: OnceLock::new(),
    })
}

fn to_operator(address: &EmailAddress) -> Route {
    let target = Target::Address {
        address: address.to_string(),
        channel: None,
    };
    let reason = Reason::new(OPERATOR, "The operator gets notices for teams without an Owner.");
    Route::new(ChannelKind::Email, target, reason)
}

fn to_inbox() -> Route {
    let why = "The team is notified when its receipts have no recipient.";
    let reason = Reason::new("receipt_kept", why);
    Route::new(ChannelKind::InApp, Target::Inbox, reason)
}
