//! Loop that refreshes the health of channels from the database, where all replicas share it, and reports unhealthy
//! channels to Config and the Owners.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use tokio::sync::oneshot;
use tonic::Code;
use watchbell_contracts::config::v1 as config;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::brand::Brand;
use watchbell_model::catalog::notices::CHANNEL_UNHEALTHY;
use watchbell_model::convert::{FromWire, timestamp};
use watchbell_model::ids::{ChannelId, EventId, TeamId};
use watchbell_model::route::{Reason, Route, Target};
use watchbell_model::{Category, ChannelKind, Role, Severity};
use watchbell_runtime::auth::internal_request;

use crate::channel::cache::Lookup;
use crate::channel::policy::ChannelPolicy;
use crate::job::{Planned, Submission};
use crate::state::Core;
use crate::store::entities::channel_health;
use crate::store::{HealthSample, instant};

/// Loop that reports health, stores results, and detects re-enabled channels.
pub(crate) struct HealthReporter {
    pub(crate) core: Arc<Core>,
}

// === impl HealthReporter ===

impl HealthReporter {
    /// Runs once.
    pub(crate) async fn tick(&self) -> Result<(), DbErr> {
        let core = &self.core;
        self.write_results().await?;
        if !core.health.begin_read(core.clock.monotonic()) {
            return Ok(());
        }
        let rows = core.db.unhealthy_all_teams().await?;
        let mut unhealthy = HashMap::with_capacity(rows.len());
        for row in rows {
            let (team, id) = (
                TeamId::from_uuid(row.team_id),
                ChannelId::from_uuid(row.channel_id),
            );
            match core.channels.channel(team, id).await {
                Ok(Lookup::Found(policy)) if policy.epoch > row.epoch => {
                    if core.owns(team) {
                        core.db.mark_healthy(team, id, policy.epoch).await?;
                        tracing::info!(%team, channel = %id, "a channel is enabled again");
                    }
                    continue;
                }
                Ok(Lookup::Found(policy)) if core.owns(team) => {
                    self.report_pending(team, id, &policy, &row).await?;
                }
                // The owner of the team's shard reports. A deleted channel needs no report; the health of an unresolved one stays as it is.
                Ok(_) | Err(_) => {}
            }
            unhealthy.insert(id, row.epoch);
        }
        *core.health.unhealthy() = unhealthy;
        Ok(())
    }

    async fn write_results(&self) -> Result<(), DbErr> {
        let mut results: Vec<HealthSample> = self.core.health.results().values().cloned().collect();
        if results.is_empty() {
            return Ok(());
        }
        // In one order everywhere, so that replicas do not lock one another out.
        results.sort_by_key(|sample| sample.channel_id);
        for results in results.chunks(500) {
            self.core.db.note_results(results).await?;
        }
        // Results recorded meanwhile differ and stay.
        let mut kept = self.core.health.results();
        for sample in &results {
            if kept.get(&sample.channel_id) == Some(sample) {
                kept.remove(&sample.channel_id);
            }
        }
        Ok(())
    }

    /// Reports a channel to Config and the Owners, if not done yet. A failure is retried in the next round.
    async fn report_pending(
        &self,
        team: TeamId,
        id: ChannelId,
        policy: &ChannelPolicy,
        row: &channel_health::Model,
    ) -> Result<(), DbErr> {
        let reported = row.reported || self.report(team, id, row).await;
        let told = row.told || self.tell_owners(team, id, policy, row).await;
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
                tracing::warn!(channel = %id, %status, "reporting an unhealthy channel to Config failed");
                status.code() == Code::NotFound
            }
        }
    }

    /// One event for each channel and epoch: its id makes a second telling a duplicate.
    async fn tell_owners(
        &self,
        team: TeamId,
        id: ChannelId,
        policy: &ChannelPolicy,
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
                tracing::warn!(channel = %id, %status, "notifying the Owners of an unhealthy channel failed");
                return status.code() == Code::NotFound;
            }
        };
        let now = self.core.clock.now();
        let Some(event) = notice(&self.core.brand, team, id, policy, row, now) else {
            return true;
        };
        let (answer, committed) = oneshot::channel();
        let routes = owners
            .into_iter()
            .chain([inbox()])
            .filter_map(|route| Planned::new(route, now))
            .collect();
        let submission = Submission::new(event, routes, false, answer);
        // `try_send`, because waiting for memory or for the commit would stop this loop and the refresh of channels'
        // health.
        self.core.submissions.try_send(submission).is_ok()
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
    policy: &ChannelPolicy,
    row: &channel_health::Model,
    now: DateTime<Utc>,
) -> Option<AcceptedEvent> {
    let event_id: EventId = format!("{CHANNEL_UNHEALTHY}:{id}:{}", row.epoch).parse().ok()?;
    let data = serde_json::json!({
        "channel_id": id.to_string(),
        "channel": policy.name,
        "reason": row.message,
        "since": row.since.map(|since| instant(since).to_rfc3339()),
        "to_enable_again": format!("watchbell channels reenable {id} --recover"),
    });
    let public = brand.public_url.as_str().trim_end_matches('/');
    Some(AcceptedEvent {
        team_id,
        id: event_id,
        event_type: CHANNEL_UNHEALTHY.into(),
        severity: Severity::High,
        category: Category::SystemError,
        source: brand.source(),
        occurred_at: now,
        accepted_at: now,
        title: format!(
            "The channel {} is unhealthy: deliveries no longer get through",
            policy.name
        ),
        url: format!("{public}/settings/notifications"),
        subject: policy.name.clone(),
        data: data.to_string(),
        test: false,
        alert: None,
        traceparent: None,
        email: None,
        body: OnceLock::new(),
        alert_status: OnceLock::new(),
    })
}

fn owners(snapshot: config::TeamSnapshot) -> Vec<Route> {
    let members = snapshot.members.into_iter().filter_map(|member| member.member);
    members
        .filter(|member| member.role == Role::Owner.to_wire())
        .filter_map(|member| {
            let target = Target::Person {
                member: member.id.parse().ok()?,
                address: member.email,
                topic: String::new(),
                channel: None,
            };
            Some(Route::new(ChannelKind::Email, target, owner_reason()))
        })
        .collect()
}

fn inbox() -> Route {
    Route::new(ChannelKind::InApp, Target::Inbox, owner_reason())
}

fn owner_reason() -> Reason {
    Reason::new(
        "channel_unhealthy",
        "Owners are notified when a channel becomes unhealthy.",
    )
}
