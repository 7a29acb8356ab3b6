//! Writes a summary: an event and a delivery of its own, to which the deliveries that it tells are tied.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::DbErr;
use tokio::sync::oneshot;
use uuid::Uuid;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::alert::{AlertKey, AlertState, AlertStatus};
use watchbell_model::catalog::notices::NOTIFICATIONS_SUMMARY;
use watchbell_model::ids::{DeliveryId, EventId, TeamId};
use watchbell_model::route::{Reason, Route};
use watchbell_model::{Category, ChannelKind, Severity};

use crate::encode;
use crate::encode::Change;
use crate::job::{Planned, State, Submission};
use crate::lanes::LaneId;
use crate::senders::alert::seen;
use crate::senders::summary::{Item, Summary, Why};
use crate::state::Core;
use crate::store::entities::deliveries;
use crate::store::{NewDelivery, SummaryItem, Transaction, instant};

/// Listed by one summary; more are counted, and all are in the log.
const MAX_LISTED: usize = 1_000;

/// A summary that is about to be made.
pub(super) struct NewSummary<'a> {
    lane: LaneId,
    route: Route,
    rows: &'a [SummaryItem],
    content: Summary,
}

/// A summary that was made.
pub(super) struct Made {
    pub(super) id: DeliveryId,
    pub(super) event: Arc<AcceptedEvent>,
    /// For watchers.
    pub(super) changes: Vec<Change>,
}

// === impl NewSummary ===

impl<'a> NewSummary<'a> {
    /// One message for deliveries, of which there are some, to where a route of one of them leads.
    pub(super) fn new(lane: LaneId, route: &Route, rows: &'a [SummaryItem], why: &Why) -> Self {
        let content = content(rows, why);
        let reason = Reason::new("summary", content.explanation());
        Self {
            lane,
            route: Route::new(route.kind, route.target.clone(), reason),
            rows,
            content,
        }
    }

    /// Changes where it goes and why.
    pub(super) fn with_route(mut self, change: impl FnOnce(&mut Route)) -> Self {
        change(&mut self.route);
        self
    }

    /// Says in the last line of each alert that lives on how often it was seen by now.
    async fn count(
        &mut self,
        core: &Core,
        transaction: &Transaction,
        team: TeamId,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let then = alerts_then(self.rows).map(|(place, status)| (status.key.clone(), (place, status)));
        let last: BTreeMap<AlertKey, _> = then.collect();
        if last.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = last.keys().map(|key| (team, key)).collect();
        let alerts = core.db.alerts_of(transaction, &keys).await?;
        for (key, (place, then)) in last {
            let Some(alert) = alerts.get(&(team, key)) else {
                continue;
            };
            let status = alert.status_since(&then, now);
            if status.count > 1 && status.state != AlertState::Resolved {
                let times = seen(&AlertStatus {
                    opened: None,
                    ..status
                });
                let title = &mut self.content.items[place].title;
                *title = format!("{title} ({times})");
            }
        }
        Ok(())
    }

    /// Writes it and ties its deliveries to it.
    pub(super) async fn write(
        mut self,
        core: &Core,
        transaction: &Transaction,
        now: DateTime<Utc>,
    ) -> Result<Made, DbErr> {
        let rows = self.rows;
        let team = TeamId::from_uuid(rows[0].delivery.team_id);
        self.count(core, transaction, team, now).await?;
        let event =
            event(core, team, &self.content, now).map_err(|error| DbErr::Custom(error.to_string()))?;
        let planned = Planned::new(self.route, now)
            .ok_or_else(|| DbErr::Custom("a route does not serialise".to_owned()))?;
        let submission = Submission::new(event, vec![planned], false, oneshot::channel().0);
        let planned = &submission.routes[0];
        let id = planned.id;
        let is_inbox = planned.route.kind == ChannelKind::InApp;
        let delivery = NewDelivery {
            id,
            event: &submission.event,
            route: &planned.route,
            route_json: &planned.json,
            lane: self.lane,
            state: if is_inbox {
                State::Delivered
            } else {
                State::Pending
            },
            state_message: "",
            gathered: None,
            title: &submission.event.title,
            alert: None,
            created_at: submission.event.accepted_at,
            due_at: submission.event.accepted_at,
            replay_of: None,
        };
        let db = &core.db;
        db.insert_events(transaction, &[(&submission, None)]).await?;
        db.insert_deliveries(transaction, &[delivery]).await?;
        if !is_inbox {
            // What made a group full need not be among them.
            let first_due = rows.iter().filter_map(|row| row.delivery.due_at).min();
            db.put_first(transaction, team, id, first_due.map_or(now, instant).min(now))
                .await?;
        }
        let ids: Vec<Uuid> = rows.iter().map(|row| row.delivery.id).collect();
        let message = format!("folded into the summary {id}");
        let tied = db.fold_into(transaction, team, &ids, id, &message).await?;
        let mut changes = Vec::new();
        if core.feed.is_watched(team) {
            changes = encode::new_deliveries(&submission.event, &submission.routes, |_| None);
            changes.extend(tied.iter().filter_map(|row| encode::row_changed(row).ok()));
        }
        Ok(Made {
            id,
            event: submission.event,
            changes,
        })
    }
}

/// The alerts of the deliveries of a summary as they were then, by the places of the lines.
fn alerts_then(rows: &[SummaryItem]) -> impl Iterator<Item = (usize, AlertStatus)> {
    let statuses = rows.iter().take(MAX_LISTED).enumerate();
    statuses.filter_map(|(place, row)| Some((place, row.delivery.alert_status().ok()??)))
}

fn content(rows: &[SummaryItem], why: &Why) -> Summary {
    let times = || rows.iter().map(|row| instant(row.delivery.created_at));
    Summary {
        why: why.clone(),
        since: times().min().unwrap_or_default(),
        until: times().max().unwrap_or_default(),
        total: rows.len(),
        items: rows.iter().take(MAX_LISTED).map(item).collect(),
    }
}

fn item(row: &SummaryItem) -> Item {
    let delivery = &row.delivery;
    Item {
        event_type: delivery.event_type.clone(),
        severity: severity(delivery),
        title: delivery.title.clone(),
        url: row.url.clone(),
        subject: row.subject.clone(),
        occurred_at: row.occurred_at.unwrap_or_else(|| instant(delivery.created_at)),
    }
}

/// A stored severity.
pub(super) fn severity(row: &deliveries::Model) -> Severity {
    use watchbell_model::convert::FromWire;
    let severity = Severity::from_wire(i32::from(row.severity));
    severity.ok().flatten().unwrap_or(Severity::Info)
}

fn event(
    core: &Core,
    team_id: TeamId,
    summary: &Summary,
    now: DateTime<Utc>,
) -> Result<AcceptedEvent, serde_json::Error> {
    let now = now.trunc_subsecs(6);
    Ok(AcceptedEvent {
        team_id,
        id: EventId::generate(now),
        event_type: NOTIFICATIONS_SUMMARY.into(),
        severity: summary.severity(),
        category: Category::SystemNotification,
        source: core.brand.source(),
        occurred_at: now,
        accepted_at: now,
        title: summary.title(),
        url: String::new(),
        subject: String::new(),
        data: serde_json::to_string(summary)?,
        test: false,
        alert: None,
        traceparent: None,
        email: None,
        body: OnceLock::new(),
        alert_status: OnceLock::new(),
    })
}
