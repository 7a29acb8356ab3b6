//! What still happens to an alert while it is open and nobody acknowledges it, in words.

use sea_orm::DbErr;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::alert_life::Alert;
use watchbell_model::route::Route;
use watchbell_model::text::span_words;

use crate::channel::cache::Lookup;
use crate::encode;
use crate::reminder::{Reminder, ReminderKind};
use crate::senders::text::time_text;
use crate::state::Core;

/// An alert as it is now, with what still happens.
pub(super) async fn with_pending(core: &Core, alert: &Alert) -> Result<wire::Alert, DbErr> {
    Ok(wire::Alert {
        pending: pending(core, alert).await?,
        ..encode::alert(alert, core.clock.now())
    })
}

/// `reminds every 4 h, next at 21 Nov 2026, 13:00 UTC, 2 of 5 sent; escalates to #security at 21 Nov 2026, 11:00 UTC`; empty when
/// nothing happens.
pub(super) async fn pending(core: &Core, alert: &Alert) -> Result<String, DbErr> {
    if !alert.is_unattended() {
        return Ok(String::new());
    }
    let mut lines: Vec<String> = Vec::new();
    for reminder in core.db.reminders(alert.team_id, &alert.key).await? {
        let line = match reminder.kind {
            ReminderKind::Remind => reminds(&reminder),
            ReminderKind::Escalate => escalates(core, &reminder).await,
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    Ok(lines.join("; "))
}

fn reminds(reminder: &Reminder) -> String {
    let Reminder { sent, at_most, .. } = reminder;
    match reminder.due_at {
        Some(due_at) => {
            let every = span_words(reminder.every.to_std().unwrap_or_default());
            format!(
                "reminds every {every}, next at {}, {sent} of {at_most} sent",
                time_text(due_at)
            )
        }
        None => format!("has sent {sent} of {at_most} reminders"),
    }
}

async fn escalates(core: &Core, reminder: &Reminder) -> String {
    let mut names = Vec::new();
    for route in &reminder.routes {
        names.extend(name(core, reminder, route).await);
    }
    let names = match names.is_empty() {
        true => "channels that are gone".to_owned(),
        false => names.join(", "),
    };
    match reminder.due_at {
        Some(due_at) => format!("escalates to {names} at {}", time_text(due_at)),
        None => format!("has escalated to {names}"),
    }
}

/// What a channel is called; `None` of one that is deleted.
async fn name(core: &Core, reminder: &Reminder, route: &Route) -> Option<String> {
    let id = route.channel_id()?;
    match core.channels.channel(reminder.team_id, id).await {
        Ok(Lookup::Found(policy)) => Some(policy.name.clone()),
        Ok(Lookup::Deleted) => None,
        Err(_) => Some(id.to_string()),
    }
}
