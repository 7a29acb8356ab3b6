//! Loop that refreshes the health of channels from the database, where all replicas share it, and reports unhealthy
//! channels to Config and the Owners.

use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::DbErr;
use serde_json::{Map, Value, json};
use tonic::Code;
use watchbell_contracts::config::v1 as config;
use watchbell_model::brand::Brand;
use watchbell_model::catalog::notices::{CHANNEL_RECOVERED, CHANNEL_UNHEALTHY};
use watchbell_model::convert::{FromWire, timestamp};
use watchbell_model::event::EventDraft;
use watchbell_model::ids::{ChannelId, TeamId};
use watchbell_model::route::{Reason, Route, Target};
use watchbell_model::{ChannelKind, Data, Role};
use watchbell_runtime::auth::internal_request;

use super::operational::{emit, snapshot};
use crate::channel::cache::Lookup;
use crate::channel::policy::ChannelPolicy;
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
                    if core.owns(team) && self.tell_recovery(team, id, &policy, &row).await {
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
        // What is known of a team that moves is in the rows that go with it.
        let is_here = |sample: &HealthSample| self.core.ownership().absence(sample.team_id).is_none();
        self.core.health.results().retain(|_, sample| is_here(sample));
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
        let core = &self.core;
        match snapshot(core, team).await {
            Ok(Some(snapshot)) => {
                let notices = owners(&snapshot).into_iter().chain([inbox()]).collect();
                let event = unhealthy(&core.brand, id, policy, row);
                emit(core, team, snapshot, event, notices).await
            }
            Ok(None) => true,
            Err(status) => {
                tracing::warn!(channel = %id, %status, "notifying the Owners of an unhealthy channel failed");
                false
            }
        }
    }

    /// Tells, before that is noted, that a channel is enabled again: it ends the alert that its being unhealthy began.
    async fn tell_recovery(
        &self,
        team: TeamId,
        id: ChannelId,
        policy: &ChannelPolicy,
        row: &channel_health::Model,
    ) -> bool {
        let core = &self.core;
        match snapshot(core, team).await {
            Ok(Some(snapshot)) => {
                let event = recovered(&core.brand, id, policy, row);
                emit(core, team, snapshot, event, Vec::new()).await
            }
            Ok(None) => true,
            Err(status) => {
                tracing::warn!(channel = %id, %status, "telling that a channel is enabled again waits for Config");
                false
            }
        }
    }
}

fn unhealthy(
    brand: &Brand,
    id: ChannelId,
    policy: &ChannelPolicy,
    row: &channel_health::Model,
) -> EventDraft {
    let mut data = Map::from_iter([
        ("channel_id".to_owned(), json!(id.to_string())),
        (
            "to_enable_again".to_owned(),
            json!(format!("watchbell channels reenable {id} --recover")),
        ),
    ]);
    let since = row.since.map(|since| instant(since).to_rfc3339());
    for (name, text) in [
        ("channel", Some(policy.name.clone())),
        ("reason", Some(row.message.clone())),
        ("since", since),
    ] {
        let text = text.filter(|text| !text.is_empty());
        data.extend(text.map(|text| (name.to_owned(), text.into())));
    }
    let title = format!(
        "The channel {} is unhealthy: deliveries no longer get through",
        policy.name
    );
    draft(brand, (CHANNEL_UNHEALTHY, id, row.epoch), policy, title, data)
}

fn recovered(
    brand: &Brand,
    id: ChannelId,
    policy: &ChannelPolicy,
    row: &channel_health::Model,
) -> EventDraft {
    let mut data = Map::from_iter([("channel_id".to_owned(), json!(id.to_string()))]);
    if !policy.name.is_empty() {
        data.insert("channel".to_owned(), json!(policy.name));
    }
    let title = format!("The channel {} is enabled again", policy.name);
    draft(brand, (CHANNEL_RECOVERED, id, row.epoch), policy, title, data)
}

fn draft(
    brand: &Brand,
    (event_type, id, epoch): (&str, ChannelId, i64),
    policy: &ChannelPolicy,
    title: String,
    data: Map<String, Value>,
) -> EventDraft {
    let public = brand.public_url.as_str().trim_end_matches('/');
    EventDraft {
        id: format!("{event_type}:{id}:{epoch}"),
        event_type: event_type.to_owned(),
        source: brand.source(),
        title,
        url: format!("{public}/settings/notifications"),
        subject: policy.name.clone(),
        data: Data::of(data).unwrap_or_default(),
        ..EventDraft::default()
    }
}

fn owners(snapshot: &config::TeamSnapshot) -> Vec<Route> {
    let members = snapshot
        .members
        .iter()
        .filter_map(|member| member.member.as_ref());
    members
        .filter(|member| member.role == Role::Owner.to_wire())
        .filter_map(|member| {
            let target = Target::Person {
                member: member.id.parse().ok()?,
                address: member.email.clone(),
                topic: String::new(),
                channel: None,
            };
            Some(notice(ChannelKind::Email, target))
        })
        .collect()
}

fn inbox() -> Route {
    notice(ChannelKind::InApp, Target::Inbox)
}

/// Told each time, even if the end of the last time was not.
fn notice(kind: ChannelKind, target: Target) -> Route {
    let reason = Reason::new(
        "channel_unhealthy",
        "Owners are notified when a channel becomes unhealthy.",
    );
    Route {
        tells_repeats: true,
        ..Route::new(kind, target, reason)
    }
}
