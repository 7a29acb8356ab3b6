//! Sweeper: loads due deliveries from the database into memory: retries, ended holds, deliveries that found no memory, and
//! those that a former owner of their shard left. It knows which lanes have any (`state/due_lanes.rs`) and asks the database for
//! those alone; all lanes are looked at when a shard was taken, and now and then.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DbErr;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;

use crate::delivery::summaries::collect_due;
use crate::job::Job;
use crate::job::live_jobs::Read;
use crate::lanes::{LaneId, Room};
use crate::maintenance::shared_events::{Held, SharedEvents};
use crate::ownership::{Epochs, Phase};
use crate::state::Core;
use crate::store::entities::deliveries;
use crate::store::{EventKey, instant, micros};

/// Units of memory for deliveries of one lane that are loaded at once.
const MAX_PER_LANE: usize = 1_000;
/// Minimum units for one lane when many lanes wait. A large event may take more; then not all lanes are served in one
/// round.
const MIN_PER_LANE: usize = 16;
/// Units of memory for deliveries that are loaded at once.
const MAX_UNITS: usize = 5_000;
/// Between two rounds when nothing wakes the sweeper.
pub(crate) const POLL: Duration = Duration::from_secs(5);
/// Until the next round after one that could not read the database.
const AFTER_ERROR: Duration = Duration::from_secs(1);
/// Between two looks at all lanes, besides those after a take-over. The owner of a shard writes nearly all that becomes due
/// in it and knows it; the look finds the rest, for example an outcome whose commit a fail-over has lost.
const RESCAN: Duration = Duration::from_secs(30);
/// Lanes that were idle for longer are dropped.
const IDLE: Duration = Duration::from_secs(600);

/// Loop that loads due deliveries.
pub(crate) struct Sweeper {
    core: Arc<Core>,
    /// The last lane that was served; the next round starts after it.
    served: LaneId,
    events: SharedEvents,
    /// When all lanes are looked at again.
    rescan_at: Duration,
}

/// Result of a round.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sweep {
    /// Deliveries now in memory.
    pub(crate) loaded: usize,
    /// There may be more due deliveries, and memory for them.
    pub(crate) more: bool,
    /// When the next delivery is due.
    pub(crate) next_due: Option<DateTime<Utc>>,
}

/// What a round read of one lane.
#[derive(Debug, Default)]
struct Load {
    jobs: Vec<Job>,
    /// There may be more that is due, from then on.
    rest: Option<DateTime<Utc>>,
    /// When something that is not due yet will be.
    next: Option<DateTime<Utc>>,
}

/// A delivery whose event or route cannot be read.
struct Unreadable;

// === impl Sweep ===

impl Sweep {
    /// Until the next round, unless the sweeper is woken.
    pub(crate) fn pause(&self, now: DateTime<Utc>) -> Duration {
        if self.more {
            return Duration::ZERO;
        }
        let until = self.next_due.map(|due| (due - now).to_std().unwrap_or_default());
        until.unwrap_or(POLL).min(POLL).max(Duration::from_millis(2))
    }
}

// === impl Sweeper ===

impl Sweeper {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            served: LaneId(Uuid::nil()),
            events: SharedEvents::default(),
            rescan_at: Duration::ZERO,
        }
    }

    /// Sweeps until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let core = Arc::clone(&self.core);
        while !stop.is_cancelled() {
            let pause = match self.tick().instrument(tracing::debug_span!("sweep")).await {
                Ok(sweep) => sweep.pause(core.clock.now()),
                Err(error) => {
                    tracing::warn!(%error, "the sweeper cannot read the database");
                    AFTER_ERROR
                }
            };
            let next = core.clock.now() + TimeDelta::from_std(pause).unwrap_or_default();
            core.next_sweep.store(micros(next), Ordering::Relaxed);
            tokio::select! {
                () = stop.cancelled() => return,
                () = core.sweep.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Runs one round.
    pub(crate) async fn tick(&mut self) -> Result<Sweep, DbErr> {
        let core = Arc::clone(&self.core);
        // Whatever is noted during this round wakes the next one.
        core.next_sweep.store(i64::MAX, Ordering::Relaxed);
        self.scan().await?;
        // One instant for both, so that deliveries of one summary are not loaded separately.
        let now = core.clock.now();
        collect_due(&core, now).await?;
        let mut due = core.due().due(now);
        due.retain(|(_, team)| core.ownership().may_load(*team));
        let oldest = core.due().first();
        core.metrics.overdue(
            oldest
                .and_then(|due| (now - due).to_std().ok())
                .unwrap_or_default(),
        );
        let rooms = self.begin_loads(&due);
        let loaded = match rooms.is_empty() {
            true => 0,
            false => self.load(&rooms, &due, now).await?,
        };
        let monotonic = core.clock.monotonic();
        core.storms.forget_idle(monotonic);
        core.lanes()
            .forget_idle(monotonic.saturating_sub(IDLE), monotonic);
        let next = [core.due().next(now), core.gathering().next(now)];
        Ok(Sweep {
            loaded,
            // A lane without memory wakes the sweeper when it has some.
            more: !rooms.is_empty() && core.due().first().is_some_and(|due| due <= now),
            next_due: next.into_iter().flatten().min(),
        })
    }

    /// Looks at all lanes after a take-over, and now and then. New deliveries of a shard that was just taken queue up behind
    /// those that wait in the database, now or from the end of their quiet hours on.
    pub(crate) async fn scan(&mut self) -> Result<(), DbErr> {
        let core = &self.core;
        let taken = core.ownership().in_phase(Phase::Taken);
        let begun = core.clock.monotonic();
        if taken.is_empty() && begun < self.rescan_at {
            return Ok(());
        }
        let waiting = core.db.waiting_lanes_all_teams().await?;
        let gathering = core.db.summary_lanes_all_teams().await?;
        let is_here = |team| core.ownership().absence(team).is_none();
        let (now, monotonic) = (core.clock.now(), core.clock.monotonic());
        let held = gathering
            .iter()
            .filter(|lane| is_here(lane.team_id))
            .flat_map(|lane| [lane.held_due, lane.folded_due].map(|due| (lane.team_id, lane.lane, due)))
            .filter_map(|(team, lane, due)| Some((team, lane, due?)));
        let held: Vec<_> = held.collect();
        let waiting: Vec<_> = waiting
            .iter()
            .filter(|lane| is_here(lane.team_id))
            .map(|lane| (lane.team_id, lane.lane, lane.due_at))
            .collect();
        for (team, lane, at) in &held {
            core.gathering().note(*team, *lane, *at);
        }
        for (team, lane, at) in &waiting {
            core.due().note(*team, *lane, *at);
        }
        let mut lanes = core.lanes();
        let due = waiting.into_iter().filter(|(.., at)| *at <= now);
        for (team, lane, at) in held.into_iter().chain(due) {
            if taken.contains(&ShardId::of(team)) {
                let wait = (at - now).to_std().unwrap_or_default();
                lanes.expect_backlog(lane, monotonic + wait, monotonic);
            }
        }
        drop(lanes);
        core.ownership().ready(&taken);
        self.rescan_at = begun + RESCAN;
        Ok(())
    }

    /// Reserves memory in the lanes for due deliveries: an equal share per lane, up to the limit of one statement. Lanes
    /// without memory are left out.
    fn begin_loads(&mut self, due: &[(LaneId, TeamId)]) -> Vec<Room> {
        let now = self.core.clock.monotonic();
        let share = (MAX_UNITS / due.len().max(1)).clamp(MIN_PER_LANE, MAX_PER_LANE);
        let mut due: Vec<LaneId> = due.iter().map(|(lane, _)| *lane).collect();
        due.sort_unstable();
        let behind = due.partition_point(|lane| *lane <= self.served);
        due.rotate_left(behind);
        let mut lanes = self.core.lanes();
        let mut left = MAX_UNITS;
        let mut rooms = Vec::new();
        for lane in due {
            if left == 0 {
                break;
            }
            let room = lanes.begin_load(lane, share.min(left), now);
            left -= room.units;
            self.served = lane;
            if room.units > 0 {
                rooms.push(room);
            }
        }
        rooms
    }

    /// Loads due deliveries into their lanes; returns how many.
    async fn load(
        &mut self,
        rooms: &[Room],
        due: &[(LaneId, TeamId)],
        now: DateTime<Utc>,
    ) -> Result<usize, DbErr> {
        let core = Arc::clone(&self.core);
        let teams: HashMap<LaneId, TeamId> = due.iter().copied().collect();
        let asked = core.lanes().ask(core.clock.monotonic());
        // What is noted from here on may be newer than what is read.
        let known: Vec<_> = rooms
            .iter()
            .filter_map(|room| core.due().take(room.lane))
            .collect();
        match self.read(rooms, &teams, now).await {
            Ok(mut loads) => {
                let mut loaded = 0;
                let monotonic = core.clock.monotonic();
                for room in rooms {
                    let load = loads.remove(&room.lane).unwrap_or_default();
                    loaded += load.jobs.len();
                    let mut lanes = core.lanes();
                    lanes.finish_load(room, load.jobs, load.rest.is_some(), monotonic);
                    if load.rest.is_none() {
                        lanes.nothing_waits(room.lane, asked);
                    }
                    drop(lanes);
                    if let Some(at) = load.rest.or(load.next) {
                        core.due().note(teams[&room.lane], room.lane, at);
                    }
                }
                core.pump.notify_one();
                Ok(loaded)
            }
            Err(error) => {
                for (room, (team, at)) in rooms.iter().zip(known) {
                    core.lanes().abandon_load(room);
                    core.due().note(team, room.lane, at);
                }
                Err(error)
            }
        }
    }

    async fn read(
        &mut self,
        rooms: &[Room],
        teams: &HashMap<LaneId, TeamId>,
        now: DateTime<Utc>,
    ) -> Result<HashMap<LaneId, Load>, DbErr> {
        let core = Arc::clone(&self.core);
        let shards = teams.values().map(|team| ShardId::of(*team));
        let epochs = core.ownership().epochs(shards);
        let units: HashMap<LaneId, usize> = rooms.iter().map(|room| (room.lane, room.units)).collect();
        let read = core.live_jobs.begin_read();
        let live = core.live_jobs.of_lanes(|lane| units.contains_key(&lane));
        let rows = core.db.due_deliveries(&units, &live, now).await?;
        let mut loads: HashMap<LaneId, Load> = HashMap::new();
        for row in &rows {
            let lane = LaneId(row.delivery.lane_id);
            if units.get(&lane).is_some_and(|units| row.filled >= *units) {
                let due = row.delivery.due_at.map_or(now, instant);
                loads.entry(lane).or_default().rest.get_or_insert(due);
            }
        }
        let has_rest = |lane| loads.get(&lane).is_some_and(|load| load.rest.is_some());
        let exhausted: Vec<LaneId> = units.keys().copied().filter(|lane| !has_rest(*lane)).collect();
        for (lane, at) in core.db.next_due(&exhausted, now).await? {
            loads.entry(lane).or_default().next = Some(at);
        }
        let mut events = self.events.load(&core.db, &rows).await?;
        let mut lost = Vec::new();
        for row in &rows {
            match job(&row.delivery, &mut events, &epochs, &read) {
                Ok(Some(job)) => loads.entry(job.lane).or_default().jobs.push(job),
                Ok(None) => {}
                Err(Unreadable) => lost.push((TeamId::from_uuid(row.delivery.team_id), row.delivery.id)),
            }
        }
        drop(read);
        self.give_up(&lost, now).await?;
        Ok(loads)
    }

    async fn give_up(&self, unreadable: &[(TeamId, Uuid)], now: DateTime<Utc>) -> Result<(), DbErr> {
        let core = &self.core;
        for (team, id) in unreadable {
            let Some(transaction) = core.begin_fenced(*team).await? else {
                continue;
            };
            let why = "the event was deleted by retention";
            core.db.give_up(&transaction, *team, *id, why, now).await?;
            core.db.commit(transaction).await?;
        }
        Ok(())
    }
}

/// The job of a delivery; `None` when it has one already.
fn job(
    row: &deliveries::Model,
    events: &mut HashMap<EventKey, Held>,
    epochs: &Epochs,
    read: &Read<'_>,
) -> Result<Option<Job>, Unreadable> {
    let team = TeamId::from_uuid(row.team_id);
    let Some(epoch) = epochs.get(&ShardId::of(team)) else {
        return Ok(None);
    };
    let Some(guard) = read.register(row.id, LaneId(row.lane_id), team) else {
        return Ok(None);
    };
    let event = events.get_mut(&(row.team_id, row.event_id.clone()));
    let event = event.ok_or(Unreadable)?;
    let weight = event.weight_of_next();
    let job = row.job(&event.event, weight, *epoch, guard);
    job.map(Some).map_err(|error| {
        tracing::error!(%error, "a delivery cannot be read");
        Unreadable
    })
}
