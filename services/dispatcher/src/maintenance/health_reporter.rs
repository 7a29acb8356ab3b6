//! Which channels are unhealthy, and who knows of it. The row in the database is the truth that replicas share; this
//! is its image in memory, refreshed every second, and the loop that tells Config and the Owners until they know.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use tokio::sync::oneshot;
use tonic::Code;
use watchbell_contracts::config::v1 as config;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::brand::Brand;
use watchbell_model::convert::{FromWire, timestamp};
use watchbell_model::ids::{ChannelId, DeliveryId, EventId, TeamId};
use watchbell_model::route::{Reason, Route, Target};
use watchbell_model::{Category, ChannelKind, Role, Severity};
use watchbell_runtime::auth::internal_request;

use crate::channel::cache::Known;
use crate::channel::policy::Terms;
use crate::job::{Planned, Submission};
use crate::state::Core;
use crate::store::entities::channel_health;
use crate::store::{Noted, instant};

/// The type of the event that tells the Owners.
pub(crate) const UNHEALTHY: &str = "channel.unhealthy";

/// What this replica knows of channels.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// The epochs in which channels are unhealthy.
    unhealthy: Mutex<HashMap<ChannelId, i64>>,
    /// Results that are not in the database yet.
    results: Mutex<HashMap<ChannelId, Noted>>,
}

/// Tells Config and the Owners, notes results, and sees what was enabled again.
pub(crate) struct HealthKeeper {
    pub(crate) core: Arc<Core>,
}

// === impl Health ===

impl Health {
    /// Whether a channel in this epoch of its configuration is unhealthy.
    pub(crate) fn is_unhealthy(&self, id: ChannelId, epoch: i64) -> bool {
        self.unhealthy().get(&id).is_some_and(|broken| *broken >= epoch)
    }

    /// A channel turned unhealthy.
    pub(crate) fn broke(&self, id: ChannelId, epoch: i64) {
        let mut unhealthy = self.unhealthy();
        let known = unhealthy.entry(id).or_insert(epoch);
        *known = epoch.max(*known);
    }

    /// Something got through, or did not.
    pub(crate) fn note(&self, team: TeamId, id: ChannelId, at: DateTime<Utc>, error: Option<&str>) {
        let mut results = self.results();
        let noted = results.entry(id).or_insert_with(|| Noted::new(team, id));
        match error {
            None => noted.success = noted.success.max(Some(at)),
            Some(error) => noted.error = Some((error.to_owned(), at)),
        }
    }

    /// When something last got through to a channel, on any replica (a second or so ago at the latest).
    pub(crate) async fn last_success(
        &self,
        core: &Core,
        team: TeamId,
        id: ChannelId,
    ) -> Result<Option<DateTime<Utc>>, DbErr> {
        let here = self.results().get(&id).and_then(|noted| noted.success);
        Ok(core.db.last_success(team, id).await?.max(here))
    }

    fn unhealthy(&self) -> MutexGuard<'_, HashMap<ChannelId, i64>> {
        self.unhealthy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn results(&self) -> MutexGuard<'_, HashMap<ChannelId, Noted>> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl HealthKeeper ===

impl HealthKeeper {
    /// One round.
    pub(crate) async fn tick(&self) -> Result<(), DbErr> {
        let core = &self.core;
        self.write_results().await?;
        let rows = core.db.unhealthy_all_teams().await?;
        let mut unhealthy = HashMap::with_capacity(rows.len());
        for row in rows {
            let (team, id) = (
                TeamId::from_uuid(row.team_id),
                ChannelId::from_uuid(row.channel_id),
            );
            match core.channels.channel(team, id).await {
                Ok(Known::There(terms)) if terms.epoch > row.epoch => {
                    core.db.mark_healthy(team, id, terms.epoch).await?;
                    continue;
                }
                Ok(Known::There(terms)) => self.tell(team, id, &terms, &row).await?,
                // Nobody needs to hear of a channel that is gone; one we cannot ask about stays as it is.
                Ok(Known::Gone) | Err(_) => {}
            }
            unhealthy.insert(id, row.epoch);
        }
        *core.health.unhealthy() = unhealthy;
        Ok(())
    }

    async fn write_results(&self) -> Result<(), DbErr> {
        let mut results: Vec<Noted> = self.core.health.results().values().cloned().collect();
        if results.is_empty() {
            return Ok(());
        }
        // In one order everywhere, so that replicas do not lock one another out.
        results.sort_by_key(|noted| noted.channel_id);
        for results in results.chunks(500) {
            self.core.db.note_results(results).await?;
        }
        // What came in meanwhile differs and stays.
        let mut kept = self.core.health.results();
        for noted in &results {
            if kept.get(&noted.channel_id) == Some(noted) {
                kept.remove(&noted.channel_id);
            }
        }
        Ok(())
    }

    /// Tells those who do not know yet. What fails now is tried again in the next round.
    async fn tell(
        &self,
        team: TeamId,
        id: ChannelId,
        terms: &Terms,
        row: &channel_health::Model,
    ) -> Result<(), DbErr> {
        let reported = row.reported || self.report(team, id, row).await;
        let told = row.told || self.tell_owners(team, id, terms, row).await;
        if (reported, told) != (row.reported, row.told) {
            self.core
                .db
                .mark_known(team, id, row.epoch, (reported, told))
                .await?;
        }
        Ok(())
    }

    async fn report(&self, team: TeamId, id: ChannelId, row: &channel_health::Model) -> bool {
        let request = config::ReportChannelHealthRequest {
            team_id: team.to_string(),
            channel_id: id.to_string(),
            health: config::ChannelHealth::Unhealthy.into(),
            message: row.message.clone(),
            health_epoch: row.epoch,
            observe_time: row.since.map(|since| timestamp(instant(since))),
        };
        match self
            .core
            .channels
            .config()
            .report_channel_health(internal_request(request))
            .await
        {
            Ok(_) => true,
            Err(status) => {
                tracing::warn!(channel = %id, %status, "Config was not told that a channel is unhealthy");
                status.code() == Code::NotFound
            }
        }
    }

    /// One event for each channel and epoch: its id makes a second telling a duplicate.
    async fn tell_owners(
        &self,
        team: TeamId,
        id: ChannelId,
        terms: &Terms,
        row: &channel_health::Model,
    ) -> bool {
        let request = config::GetTeamSnapshotRequest {
            team_id: team.to_string(),
        };
        let owners = match self
            .core
            .channels
            .config()
            .get_team_snapshot(internal_request(request))
            .await
        {
            Ok(answer) => owners(answer.into_inner().snapshot.unwrap_or_default()),
            Err(status) => {
                tracing::warn!(channel = %id, %status, "the Owners were not told that a channel is unhealthy");
                return status.code() == Code::NotFound;
            }
        };
        let now = self.core.clock.now();
        let Some(event) = notice(&self.core.brand, team, id, terms, row, now) else {
            return true;
        };
        let (answer, committed) = oneshot::channel();
        let routes = owners
            .into_iter()
            .chain([inbox()])
            .filter_map(|route| plan(route, now))
            .collect();
        let submission = Submission::new(event, routes, false, answer);
        // Waiting for room or for the commit would stop this loop, and with it the image of what is unhealthy.
        self.core.intake.try_send(submission).is_ok()
            && matches!(
                tokio::time::timeout(std::time::Duration::from_secs(5), committed).await,
                Ok(Ok(Ok(_)))
            )
    }
}

fn notice(
    brand: &Brand,
    team_id: TeamId,
    id: ChannelId,
    terms: &Terms,
    row: &channel_health::Model,
    now: DateTime<Utc>,
) -> Option<AcceptedEvent> {
    let event_id: EventId = format!("{UNHEALTHY}:{id}:{}", row.epoch).parse().ok()?;
    let data = serde_json::json!({
        "channel_id": id.to_string(),
        "channel": terms.name,
        "reason": row.message,
        "since": row.since.map(|since| instant(since).to_rfc3339()),
        "to_enable_again": format!("watchbell channels reenable {id} --recover"),
    });
    let public = brand.public_url.as_str().trim_end_matches('/');
    Some(AcceptedEvent {
        team_id,
        id: event_id,
        event_type: UNHEALTHY.into(),
        severity: Severity::High,
        category: Category::SystemError,
        source: brand.source(),
        occurred_at: now,
        accepted_at: now,
        title: format!(
            "The channel {} is unhealthy: nothing gets through any more",
            terms.name
        ),
        url: format!("{public}/settings/notifications"),
        subject: terms.name.clone(),
        data: data.to_string(),
        test: false,
        traceparent: None,
        email: None,
        body: OnceLock::new(),
    })
}

fn owners(snapshot: config::TeamSnapshot) -> Vec<Route> {
    let members = snapshot.members.into_iter().filter_map(|member| member.member);
    members
        .filter(|member| member.role == Role::Owner.to_wire())
        .filter_map(|member| {
            Some(Route {
                kind: ChannelKind::Email,
                target: Target::Person {
                    member: member.id.parse().ok()?,
                    address: member.email,
                    topic: String::new(),
                    channel: None,
                },
                reason: told(),
                mentions: vec![],
            })
        })
        .collect()
}

fn inbox() -> Route {
    Route {
        kind: ChannelKind::InApp,
        target: Target::Inbox,
        reason: told(),
        mentions: vec![],
    }
}

fn told() -> Reason {
    Reason::new(
        "channel_unhealthy",
        "Owners are told when a channel turns unhealthy.",
    )
}

/// A route with the delivery that will carry it out.
pub(crate) fn plan(route: Route, now: DateTime<Utc>) -> Option<Planned> {
    let json = serde_json::to_string(&route).ok()?;
    Some(Planned {
        id: DeliveryId::generate(now),
        route: Arc::new(route),
        json,
    })
}
