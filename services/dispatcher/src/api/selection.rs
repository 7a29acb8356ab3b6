//! Deliveries that are sent again by a filter: which they are, how many of each channel, and which channels do not carry them now.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::ChannelKind;
use watchbell_model::catalog::RECEIPT;
use watchbell_model::catalog::notices::NOTIFICATIONS_SUMMARY;
use watchbell_model::convert::{instant, timestamp};
use watchbell_model::ids::{ChannelId, DeliveryId, TeamId};
use watchbell_model::violation::Violations;
use watchbell_runtime::problem::Problem;

use crate::channel::cache::Lookup;
use crate::delivery::precheck::DELETED;
use crate::error::Error;
use crate::lanes::LaneId;
use crate::resend::Resend;
use crate::state::Core;
use crate::store::DeliveryFilter;
use crate::store::entities::deliveries;

/// Deliveries of one call, at most.
const MAX_SELECTED: usize = 100_000;
/// How long one call looks for them, at most: a page that has begun is finished.
pub(super) const MAX_TIME: Duration = Duration::from_secs(60);
/// Deliveries that are read at a time.
const PAGE: u64 = 1_000;

/// A delivery that is sent again.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    pub(super) id: Uuid,
    pub(super) lane: LaneId,
    is_receipt: bool,
}

/// Those that a filter takes, receipts first and then the oldest.
#[derive(Debug, Default)]
pub(super) struct Selection {
    pub(super) deliveries: Vec<Selected>,
    /// Where more are found.
    rest: Vec<DeliveryFilter>,
    /// By channel, those that are not carried now included.
    counts: BTreeMap<(Option<ChannelId>, i16), i64>,
    refusals: HashMap<ChannelId, String>,
}

/// What came of sending them.
#[derive(Debug, Default)]
pub(super) struct Resent {
    pub(super) count: u64,
    last_due: Option<DateTime<Utc>>,
}

/// Since when, which has to be said, and until when.
pub(super) fn period(
    start: Option<prost_types::Timestamp>,
    end: Option<prost_types::Timestamp>,
    violations: &mut Violations,
) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    if start.is_none() {
        violations.required("start_time");
    }
    let start = instant(start.as_ref(), "start_time", violations);
    (start, instant(end.as_ref(), "end_time", violations))
}

/// When so many are due at a pace, behind what was asked for before, also of a former process.
pub(super) async fn pace(
    core: &Core,
    team: TeamId,
    per_second: u32,
    count: usize,
    now: DateTime<Utc>,
) -> Result<Vec<DateTime<Utc>>, Error> {
    if core.resends.is_unknown(team)
        && let Some(last) = core.db.last_turn(team, now).await?
    {
        core.resends.go_behind(team, last, per_second);
    }
    Ok(core.resends.pace(team, per_second, count, now))
}

/// Why a channel does not carry what is sent again, if it does not.
pub(super) async fn refusal(core: &Core, team: TeamId, id: ChannelId) -> Result<Option<Problem>, Problem> {
    let policy = match core.channels.channel(team, id).await {
        Ok(Lookup::Found(policy)) => policy,
        Ok(Lookup::Deleted) => return Ok(Some(Problem::not_found("channel", id))),
        Err(_) => {
            return Err(Problem::unavailable(
                "the channel's configuration is unavailable at the moment",
            ));
        }
    };
    if core.health.is_unhealthy(id, policy.epoch) {
        return Ok(Some(Problem::Precondition {
            reason: "CHANNEL_UNHEALTHY",
            message: "the channel is unhealthy; re-enable it first".to_owned(),
        }));
    }
    Ok(policy.paused.then(|| Problem::Precondition {
        reason: "CHANNEL_PAUSED",
        message: "the channel is paused; activate it first".to_owned(),
    }))
}

// === impl Selection ===

impl Selection {
    /// Looks for them, newest first, up to a bound on their number, and for so long.
    pub(super) async fn find(
        core: &Core,
        team: TeamId,
        what: Resend,
        filters: Vec<DeliveryFilter>,
        max_time: Duration,
    ) -> Result<Self, Error> {
        let mut selection = Self {
            rest: filters,
            ..Self::default()
        };
        selection.go_on(core, team, what, max_time).await?;
        Ok(selection)
    }

    /// Looks for the next ones, which are older. The counts go on.
    pub(super) async fn go_on(
        &mut self,
        core: &Core,
        team: TeamId,
        what: Resend,
        max_time: Duration,
    ) -> Result<(), Error> {
        self.deliveries.clear();
        for filter in std::mem::take(&mut self.rest) {
            self.add(core, team, what, filter, max_time).await?;
        }
        self.deliveries
            .sort_by_key(|delivery| (!delivery.is_receipt, delivery.id));
        Ok(())
    }

    /// There are more.
    pub(super) fn is_truncated(&self) -> bool {
        !self.rest.is_empty()
    }

    async fn add(
        &mut self,
        core: &Core,
        team: TeamId,
        what: Resend,
        mut filter: DeliveryFilter,
        max_time: Duration,
    ) -> Result<(), Error> {
        let begun = core.clock.monotonic();
        loop {
            let found = core.db.deliveries(team, &filter, PAGE, filter.bound()).await?;
            let is_full = found.rows.len() as u64 >= PAGE;
            let last = found.rows.last().map(|row| row.id).filter(|_| is_full);
            let last = found.stopped_at.or(last);
            let rows = match what {
                Resend::Replay => never_replayed(core, team, &filter, found.rows).await?,
                Resend::Recover | Resend::Reroute => {
                    let may_recover = |row: &deliveries::Model| !row.test && row.folded_into.is_none();
                    found.rows.into_iter().filter(may_recover).collect()
                }
                Resend::CancelDeliveries => found.rows,
            };
            for row in rows {
                self.take(core, team, what, row).await?;
            }
            let Some(last) = last else { break };
            filter.before = Some(last);
            let elapsed = core.clock.monotonic().saturating_sub(begun);
            if self.deliveries.len() >= MAX_SELECTED || elapsed >= max_time {
                self.rest.push(filter);
                break;
            }
        }
        Ok(())
    }

    async fn take(
        &mut self,
        core: &Core,
        team: TeamId,
        what: Resend,
        row: deliveries::Model,
    ) -> Result<(), Error> {
        let channel = row.channel_id.map(ChannelId::from_uuid);
        let of_channel = (channel, row.kind);
        // What is called off needs no channel.
        if what != Resend::CancelDeliveries
            && !self.counts.contains_key(&of_channel)
            && let Some(id) = channel
            && let Some(problem) = refusal(core, team, id).await?
        {
            let why = match problem {
                Problem::NotFound { .. } => DELETED.to_owned(),
                other => other.to_string(),
            };
            self.refusals.insert(id, why);
        }
        *self.counts.entry(of_channel).or_default() += 1;
        if channel.is_none_or(|id| !self.refusals.contains_key(&id)) {
            self.deliveries.push(Selected {
                id: row.id,
                lane: LaneId(row.lane_id),
                is_receipt: row.event_type == RECEIPT,
            });
        }
        Ok(())
    }

    /// How many of each channel, those with the most first.
    pub(super) fn channels(&self) -> Vec<wire::ResendCount> {
        let mut channels: Vec<_> = self
            .counts
            .iter()
            .map(|((channel, kind), count)| wire::ResendCount {
                channel_id: channel.map(|id| id.to_string()).unwrap_or_default(),
                kind: i32::from(*kind),
                count: *count,
                refusal: channel
                    .and_then(|id| self.refusals.get(&id).cloned())
                    .unwrap_or_default(),
            })
            .collect();
        channels.sort_by_key(|channel| std::cmp::Reverse(channel.count));
        channels
    }
}

/// Those of a page that may be replayed: what has ended, and is neither a test, a summary nor a mail that asks to confirm; replays, what was rerouted excepted,
/// and the inbox only when they are asked for; and none that has a replay.
async fn never_replayed(
    core: &Core,
    team: TeamId,
    filter: &DeliveryFilter,
    mut rows: Vec<deliveries::Model>,
) -> Result<Vec<deliveries::Model>, Error> {
    let inbox = ChannelKind::InApp;
    rows.retain(|row| {
        !row.test
            // What is folded may still be told.
            && row.ended_at.is_some()
            && row.event_type != NOTIFICATIONS_SUMMARY
            && (filter.replays_only || row.replay_of.is_none_or(|of| of == row.id))
            && (filter.kind == Some(inbox) || row.kind != crate::store::number(inbox))
    });
    let ids: Vec<&str> = rows.iter().map(|row| row.event_id.as_str()).collect();
    let replayed = core.db.replayed(team, &ids).await?;
    rows.retain(|row| !replayed.contains(&row.id));
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows {
        if !row.parsed_route()?.is_confirmation() {
            kept.push(row);
        }
    }
    Ok(kept)
}

// === impl Resent ===

impl Resent {
    pub(super) fn add(&mut self, count: u64, last_due: Option<DateTime<Utc>>) {
        self.count += count;
        self.last_due = self.last_due.max(last_due);
    }

    pub(super) fn count(&self) -> i64 {
        i64::try_from(self.count).unwrap_or(i64::MAX)
    }

    pub(super) fn last_due_time(&self) -> Option<prost_types::Timestamp> {
        self.last_due.map(timestamp)
    }
}

impl Selected {
    /// When a chunk of them is due.
    pub(super) async fn due(
        core: &Core,
        team: TeamId,
        chunk: &[Self],
        per_second: Option<u32>,
        now: DateTime<Utc>,
    ) -> Result<Vec<DateTime<Utc>>, Error> {
        Ok(match per_second {
            Some(per_second) => pace(core, team, per_second, chunk.len(), now).await?,
            // Receipts go first.
            None => chunk
                .iter()
                .map(|delivery| now - chrono::TimeDelta::microseconds(i64::from(delivery.is_receipt)))
                .collect(),
        })
    }

    pub(super) fn delivery(&self) -> DeliveryId {
        DeliveryId::from_uuid(self.id)
    }
}
