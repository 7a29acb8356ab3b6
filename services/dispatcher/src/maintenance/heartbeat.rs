//! Heartbeats of replicas, the take-over of dead replicas' shards, and the hand-over of shards between living ones. Time is
//! the database's, so that skew between machines takes nothing away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use sea_orm::DbErr;
use uuid::Uuid;
use watchbell_model::shard::{SHARDS, ShardId};
use watchbell_runtime::ready::Condition;
use watchbell_store::Backend;

use crate::ownership::{LEASE, ShardTable};
use crate::state::Core;

/// Between two heartbeats.
pub(crate) const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(500);
/// Between two heartbeats on SQLite, where no other replica waits for them and each costs an fsync.
const SQLITE_HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// A replica without a heartbeat for this long is dead; this includes a predecessor on the same machine. A replica
/// that was wrongly taken for dead continues under a new id; its running attempts may be repeated, and nothing is
/// lost.
const HEARTBEAT_TIMEOUT: Duration = LEASE;
/// How long a replica that has not reached Config takes no shards.
const CONFIG_TIMEOUT: Duration = Duration::from_secs(3);
/// How long attempts under way keep their shard from being handed over. Those that take longer are made again by its next
/// owner.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(15);
/// Added to the time at which another replica's lease ends, before that is looked at.
const SILENCE_MARGIN: Duration = Duration::from_millis(5);
/// Without a heartbeat for this long, the database counts as unavailable: longer than a lost connection or a planned
/// fail-over takes.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);

/// Loop of the heartbeat.
pub(crate) struct Heartbeat {
    core: Arc<Core>,
    begun: Duration,
    history: Mutex<HeartbeatHistory>,
    /// The identity under which others know the address.
    announced: Mutex<Option<Uuid>>,
    /// Since when shards are about to be handed over.
    leaving: Mutex<BTreeMap<ShardId, Duration>>,
    /// It hands everything over, before it stops.
    retires: AtomicBool,
    /// When the lease of another replica ends, unless a heartbeat renews it.
    next_silence: Mutex<Option<Duration>>,
    /// Held by whoever changes owners.
    turn: tokio::sync::Mutex<()>,
}

/// Readiness condition of the database. Heartbeats are its measure, not commits: they write as well, and go on when
/// no events come in. It has its own loop, because a heartbeat may hang on a dead connection.
pub(crate) struct HeartbeatMonitor {
    pub(crate) heartbeat: Arc<Heartbeat>,
    pub(crate) database: Condition,
}

/// When this replica's heartbeats succeeded. A replica that was silent itself cannot tell which others are dead:
/// after an outage of the database all look dead to the first that is back.
#[derive(Debug, Default)]
struct HeartbeatHistory {
    last: Option<Duration>,
    /// The others have had time for a heartbeat by then.
    reaps_from: Duration,
}

// === impl Heartbeat ===

impl Heartbeat {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            begun: core.clock.monotonic(),
            core,
            history: Mutex::default(),
            announced: Mutex::default(),
            leaving: Mutex::default(),
            retires: AtomicBool::default(),
            next_silence: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Registers this replica before it takes anything. On SQLite only one process opens the database, so all shards are
    /// this one's for as long as it lives.
    pub(crate) async fn enter(core: &Core) -> Result<(), DbErr> {
        let me = core.owner();
        if core.db.store().backend() == Backend::Postgres {
            return core.db.enter_replica(me).await;
        }
        core.db.forget_replicas().await?;
        core.db.release_former_leases_all_teams().await?;
        core.db.enter_replica(me).await?;
        core.db.take_shards(me, SHARDS).await?;
        let until = core.ownership().is_exclusive();
        core.lanes().set_sends_until(until);
        core.refresh_shards().await.map(|_| ())
    }

    /// Lets this replica take its share of the shards from the next beat on: it can be called at this address.
    pub(crate) fn join(&self, address: &str) {
        *self.core.address.lock() = Some(address.into());
        self.core.refresh.notify_one();
    }

    /// Its process.
    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// Announces this replica, under its present identity. One that has not reached Config lets others go first: it
    /// could keep events and not deliver them.
    async fn announce(&self) -> Result<(), DbErr> {
        let core = &self.core;
        let me = core.owner();
        let Some(address) = core.address.lock().clone() else {
            return Ok(());
        };
        let waits = !core.channels.know_config() && core.clock.monotonic() < self.begun + CONFIG_TIMEOUT;
        if waits || *self.announced.lock() == Some(me) {
            return Ok(());
        }
        core.db.announce_replica(me, &address).await?;
        *self.announced.lock() = Some(me);
        Ok(())
    }

    /// Until the next beat.
    pub(crate) fn pause(&self) -> Duration {
        let interval = match self.core.db.store().backend() {
            Backend::Postgres => HEARTBEAT_INTERVAL,
            Backend::Sqlite => SQLITE_HEARTBEAT_INTERVAL,
        };
        let silence = self.next_silence.lock().map(|silence| silence + SILENCE_MARGIN);
        silence.map_or(interval, |silence| silence.min(interval))
    }

    /// One beat.
    pub(crate) async fn tick(&self) -> Result<(), DbErr> {
        let core = &self.core;
        let _turn = self.turn.lock().await;
        // First, so that the table that is read says so.
        self.announce().await?;
        if core.ownership().has_frozen() && core.db.thaw_overdue_teams().await? > 0 {
            tracing::warn!("a team was frozen for too long, and is served on");
        }
        let table = match self.beat().await? {
            Some(table) if self.may_reap() && table.has_silent() => {
                let timeout = i64::try_from(HEARTBEAT_TIMEOUT.as_micros()).unwrap_or(i64::MAX);
                let dead = core.db.reap_dead_replicas(timeout, core.owner()).await?;
                if dead > 0 {
                    let shards = table.shards_of_silent();
                    tracing::warn!(
                        replicas = dead,
                        shards,
                        "other replicas are dead; their shards are taken over"
                    );
                    core.metrics.takeover(shards as u64);
                }
                core.refresh_shards().await?
            }
            Some(table) => table,
            None => {
                self.announce().await?;
                core.refresh_shards().await?
            }
        };
        *self.next_silence.lock() = table.next_silence(core.owner());
        self.share(&table).await
    }

    /// Renews the lease; returns the table as it was read with it, unless others took this replica for dead.
    async fn beat(&self) -> Result<Option<ShardTable>, DbErr> {
        let core = &self.core;
        let refreshing = core.refreshing.lock().await;
        let begun = core.clock.monotonic();
        let known = core.ownership().move_counts();
        let table = core.db.heartbeat(core.owner(), &known).await?;
        if let Some(table) = &table {
            core.observe(table.clone(), begun);
        } else {
            self.reincarnate().await?;
        }
        drop(refreshing);
        let until = core.ownership().renewed(begun);
        core.lanes().set_sends_until(until);
        core.pump.notify_one();
        Ok(table)
    }

    async fn reincarnate(&self) -> Result<(), DbErr> {
        let core = &self.core;
        let (before, after) = (core.owner(), Uuid::now_v7());
        core.db.enter_replica(after).await?;
        core.begin_new_epoch(after);
        tracing::warn!(%before, %after, "other replicas took this one for dead; it continues under a new id");
        Ok(())
    }

    /// Takes or hands over shards, towards fair shares.
    async fn share(&self, table: &ShardTable) -> Result<(), DbErr> {
        let core = &self.core;
        let me = core.owner();
        let plan = table.plan(me);
        let give = if table.has_former_release() {
            // It would send as well.
            BTreeMap::from([(None, core.ownership().owned())])
        } else {
            let successors = match self.retires.load(Ordering::Relaxed) {
                true => table.successors(me),
                false => plan.give,
            };
            successors
                .into_iter()
                .map(|(id, shards)| (Some(id), shards))
                .collect()
        };
        self.hand_over(give).await?;
        if plan.take > 0 {
            core.db.release_former_leases_all_teams().await?;
            let taken = core.db.take_shards(me, plan.take).await?;
            if taken > 0 {
                tracing::info!(shards = taken, "took shards");
                // What their former owners committed meanwhile is there now.
                core.refresh_shards().await?;
            }
        }
        Ok(())
    }

    /// Hands shards over, each as soon as no attempt of it is under way; until then nothing new is started, while
    /// submissions are still committed here. Those that are still busy after a moment are looked at again with the next
    /// beat.
    async fn hand_over(&self, give: BTreeMap<Option<Uuid>, BTreeSet<ShardId>>) -> Result<(), DbErr> {
        let core = &self.core;
        let all: BTreeSet<ShardId> = give.values().flatten().copied().collect();
        let now = core.clock.monotonic();
        let stays: BTreeSet<ShardId> = {
            let mut leaving = self.leaving.lock();
            let stays = leaving.keys().copied().filter(|shard| !all.contains(shard));
            let stays = stays.collect();
            leaving.retain(|shard, _| all.contains(shard));
            for shard in &all {
                leaving.entry(*shard).or_insert(now);
            }
            stays
        };
        if !stays.is_empty() {
            core.ownership().stay(&stays);
            core.sweep.notify_one();
        }
        if all.is_empty() {
            return Ok(());
        }
        core.ownership().leave(&all);
        core.drop_jobs(&all);
        let ended = core.live_jobs.none_of(&all);
        let _ = tokio::time::timeout(core.settings.hand_over_wait, ended).await;
        let now = core.clock.monotonic();
        let busy = core.live_jobs.busy(&all);
        let goes = |shard: &ShardId| {
            let since = self.leaving.lock().get(shard).copied().unwrap_or(now);
            !busy.contains(shard) || since + HAND_OVER_TIMEOUT <= now
        };
        for (successor, shards) in give {
            let shards: BTreeSet<ShardId> = shards.into_iter().filter(goes).collect();
            if !shards.is_empty() {
                core.db.hand_over(core.owner(), &shards, successor).await?;
                tracing::info!(shards = shards.len(), "handed shards over");
            }
        }
        core.refresh_shards().await.map(|_| ())
    }

    /// Hands all shards over to the other replicas, before this one stops. It takes none any more.
    pub(crate) async fn retire(&self) -> Result<(), DbErr> {
        let core = &self.core;
        if core.db.is_sqlite() {
            return Ok(());
        }
        {
            let _turn = self.turn.lock().await;
            *core.address.lock() = None;
            core.db.announce_replica(core.owner(), "").await?;
            *self.announced.lock() = None;
        }
        self.retires.store(true, Ordering::Relaxed);
        loop {
            let others = core.ownership().table().successors(core.owner());
            if core.ownership().owned().is_empty() || others.is_empty() {
                return Ok(());
            }
            self.tick().await?;
        }
    }

    fn may_reap(&self) -> bool {
        self.history().record(self.core.clock.monotonic())
    }

    /// Since when none got through.
    fn since_last(&self) -> Duration {
        let last = self.history().last.unwrap_or(self.begun);
        self.core.clock.monotonic().saturating_sub(last)
    }

    fn history(&self) -> MutexGuard<'_, HeartbeatHistory> {
        self.history.lock()
    }

    /// Gives everything back and leaves: others need not wait for the elapsed.
    pub(crate) async fn leave(&self) {
        let core = &self.core;
        let left = async {
            let owned = core.ownership().owned();
            if !owned.is_empty() {
                core.db.hand_over(core.owner(), &owned, None).await?;
            }
            core.db.leave_replica(core.owner()).await
        };
        if let Err(error) = left.await {
            tracing::warn!(%error, "shards were not handed over; other replicas take them over soon");
        }
    }
}

// === impl HeartbeatMonitor ===

impl HeartbeatMonitor {
    /// Runs once.
    pub(crate) fn tick(&self) {
        let elapsed = self.heartbeat.since_last();
        if elapsed < DATABASE_TIMEOUT {
            self.database.up();
        } else {
            let seconds = elapsed.as_secs();
            self.database
                .down(format!("no heartbeat has succeeded for {seconds} s"));
        }
    }
}

// === impl HeartbeatHistory ===

impl HeartbeatHistory {
    /// Notes a heartbeat of our own; whether others may be judged by theirs.
    fn record(&mut self, now: Duration) -> bool {
        // The last of another may be a beat older than ours.
        let gap = self.last.replace(now).map(|last| now.saturating_sub(last));
        if gap.is_some_and(|gap| gap > HEARTBEAT_TIMEOUT - HEARTBEAT_INTERVAL) {
            self.reaps_from = now + HEARTBEAT_TIMEOUT;
        }
        now >= self.reaps_from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_silent_itself_judges_nobody_until_others_had_time_to_beat() {
        let mut history = HeartbeatHistory::default();
        let mut record = |seconds| history.record(Duration::from_secs(seconds));
        assert!(record(100), "a new replica may judge its predecessor");
        assert!(record(101));
        assert!(record(103), "some beats were missed");
        assert!(!record(106));
        assert!(!record(107));
        assert!(!record(108));
        assert!(record(109));
        assert!(!record(120), "and again");
    }
}
