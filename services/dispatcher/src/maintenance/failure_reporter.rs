//! Loop that emits `delivery.failed`: at once when a lane's first delivery is given up, then for each lane once an hour with how
//! many were given up since. The counts are written with the outcomes. A process that dies between the event's commit and
//! the note of it loses what was counted in between, and no more.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::DbErr;
use serde_json::{Map, Value, json};
use uuid::Uuid;
use watchbell_contracts::config::v1 as config;
use watchbell_model::Data;
use watchbell_model::catalog::notices::DELIVERY_FAILED;
use watchbell_model::event::EventDraft;
use watchbell_model::ids::{ChannelId, DeliveryId, TeamId};

use super::operational::{emit, snapshot};
use crate::state::Core;
use crate::store::{FailedLane, instant};

/// Between two events of one lane.
const PAUSE: TimeDelta = TimeDelta::hours(1);
/// Lanes that are read at once.
const PAGE: usize = 1_000;
/// The longest error that is told, in characters.
const MAX_ERROR: usize = 1_000;

/// Loop that emits the events.
pub(crate) struct FailureReporter {
    pub(crate) core: Arc<Core>,
}

// === impl FailureReporter ===

impl FailureReporter {
    /// Between two rounds.
    pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

    /// Runs once. All that is due is looked at, page by page: what another Dispatcher tells of, or cannot be told now, keeps
    /// nothing else waiting.
    pub(crate) async fn tick(&self) -> Result<(), DbErr> {
        let core = &self.core;
        let now = core.clock.now();
        let mut after = (Uuid::nil(), Uuid::nil());
        loop {
            let page = core.db.failed_lanes_all_teams(now, after, PAGE as i64).await?;
            let is_last = page.len() < PAGE;
            if let Some(last) = page.last() {
                after = (last.team_id, last.lane_id);
            }
            let ours = page.into_iter();
            let ours = ours.filter(|lane| core.owns(TeamId::from_uuid(lane.team_id)));
            let (lanes, quiet): (Vec<_>, Vec<_>) = ours.partition(|lane| lane.count > 0);
            if !quiet.is_empty() {
                core.db.forget_failed_lanes(&quiet).await?;
            }
            for lanes in lanes.chunk_by(|one, next| one.team_id == next.team_id) {
                self.tell(TeamId::from_uuid(lanes[0].team_id), lanes).await?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Tells of a team's lanes, until one cannot be told now: the rest is told in the next round.
    async fn tell(&self, team: TeamId, lanes: &[FailedLane]) -> Result<(), DbErr> {
        let core = &self.core;
        let snapshot = match snapshot(core, team).await {
            Ok(snapshot) => snapshot,
            Err(status) => {
                tracing::warn!(%team, %status, "telling of failed deliveries waits for Config");
                return Ok(());
            }
        };
        for lane in lanes {
            let told = match &snapshot {
                Some(snapshot) => {
                    let event = self.event(lane, channel_name(snapshot, lane.channel_id()));
                    emit(core, team, snapshot.clone(), event, Vec::new()).await
                }
                None => true,
            };
            if !told {
                return Ok(());
            }
            core.db.note_told_failures(lane, core.clock.now() + PAUSE).await?;
        }
        Ok(())
    }

    fn event(&self, lane: &FailedLane, channel: &str) -> EventDraft {
        let brand = &self.core.brand;
        let public = brand.public_url.as_str().trim_end_matches('/');
        let count = lane.count;
        let mut data = Map::from_iter([
            ("kind".to_owned(), json!(lane.kind.to_string())),
            ("count".to_owned(), json!(count)),
            (
                "first_failed_at".to_owned(),
                json!(instant(lane.since).to_rfc3339()),
            ),
            (
                "last_failed_at".to_owned(),
                json!(instant(lane.last_at).to_rfc3339()),
            ),
            (
                "delivery_id".to_owned(),
                json!(DeliveryId::from_uuid(lane.delivery_id).to_string()),
            ),
            ("event_id".to_owned(), json!(lane.event_id)),
        ]);
        let error: String = lane.error.chars().take(MAX_ERROR).collect();
        if !error.is_empty() {
            data.insert("error".to_owned(), Value::from(error));
        }
        if let Some(id) = lane.channel_id() {
            data.insert("channel_id".to_owned(), json!(id.to_string()));
        }
        let to = match channel {
            "" => "people by email",
            name => {
                data.insert("channel".to_owned(), json!(name));
                name
            }
        };
        let title = match count {
            1 => format!("A delivery to {to} was given up"),
            count => format!("{count} deliveries to {to} were given up"),
        };
        EventDraft {
            id: format!("{DELIVERY_FAILED}:{}:{}", lane.lane_id.simple(), lane.due_at),
            event_type: DELIVERY_FAILED.to_owned(),
            source: brand.source(),
            occurred_at: Some(instant(lane.last_at)),
            title,
            url: format!("{public}/settings/notifications"),
            subject: channel.to_owned(),
            data: Data::of(data).unwrap_or_default(),
            ..EventDraft::default()
        }
    }
}

/// The name of a channel; empty for mail to people and for one that is gone.
fn channel_name(snapshot: &config::TeamSnapshot, id: Option<ChannelId>) -> &str {
    let id = id.map(|id| id.to_string()).unwrap_or_default();
    let channel = snapshot.channels.iter().find(|channel| channel.id == id);
    channel.map_or("", |channel| channel.display_name.as_str())
}
