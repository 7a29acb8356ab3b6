//! Registry of the deliveries with a job in this process, wherever the job is: waiting for the commit of its delivery, in
//! a lane, running, or waiting for the commit of its outcome. A delivery is loaded from the database only while it has
//! none, so nothing is sent twice.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use uuid::Uuid;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;

use crate::lanes::LaneId;

/// Deliveries with a job in this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct LiveJobs(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    registry: Mutex<Registry>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct Registry {
    jobs: HashMap<Uuid, Place>,
    /// Deliveries whose job has ended since the present read of the database began.
    ended: Option<HashSet<Uuid>>,
}

/// Where a job belongs.
#[derive(Debug, Clone, Copy)]
struct Place {
    lane: LaneId,
    team: TeamId,
}

/// Part of a job, which makes its delivery known for as long as the job exists.
#[derive(Debug)]
pub(crate) struct JobGuard {
    id: Uuid,
    live_jobs: LiveJobs,
}

/// A read of the database for deliveries without a job. What it finds may be older than what this process has done
/// since: a delivery whose job ended meanwhile is passed over. There is one at a time.
#[derive(Debug)]
pub(crate) struct Read<'l>(&'l LiveJobs);

// === impl LiveJobs ===

impl LiveJobs {
    /// Registers the job of a delivery; `None` when it has one.
    pub(crate) fn register(&self, id: Uuid, lane: LaneId, team: TeamId) -> Option<JobGuard> {
        let mut registry = self.lock();
        if registry.jobs.contains_key(&id) {
            return None;
        }
        registry.jobs.insert(id, Place { lane, team });
        Some(JobGuard {
            id,
            live_jobs: self.clone(),
        })
    }

    /// Whether a delivery has a job.
    pub(crate) fn has(&self, id: Uuid) -> bool {
        self.lock().jobs.contains_key(&id)
    }

    /// The deliveries of lanes that have a job.
    pub(crate) fn of_lanes(&self, among: impl Fn(LaneId) -> bool) -> Vec<Uuid> {
        let registry = self.lock();
        let jobs = registry.jobs.iter().filter(|(_, place)| among(place.lane));
        jobs.map(|(id, _)| *id).collect()
    }

    /// Begins to read the database.
    pub(crate) fn begin_read(&self) -> Read<'_> {
        self.lock().ended = Some(HashSet::new());
        Read(self)
    }

    /// Those of these shards of which a delivery has a job.
    pub(crate) fn busy(&self, shards: &BTreeSet<ShardId>) -> BTreeSet<ShardId> {
        let registry = self.lock();
        let busy = registry.jobs.values().map(|place| ShardId::of(place.team));
        busy.filter(|shard| shards.contains(shard)).collect()
    }

    /// Waits until no delivery of these shards has a job.
    pub(crate) async fn none_of(&self, shards: &BTreeSet<ShardId>) {
        self.until(|| self.busy(shards).is_empty()).await;
    }

    /// Waits until no delivery of this team has a job.
    pub(crate) async fn none_of_team(&self, team: TeamId) {
        self.until(|| self.lock().jobs.values().all(|place| place.team != team))
            .await;
    }

    async fn until(&self, ended_all: impl Fn() -> bool) {
        loop {
            let mut ended = pin!(self.0.ended.notified());
            // From here on an end is not missed.
            ended.as_mut().enable();
            if ended_all() {
                return;
            }
            ended.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.0.registry.lock()
    }
}

// === impl Read ===

impl Read<'_> {
    /// Registers the job of a delivery that was read; `None` when it has one, or had one since the read began.
    pub(crate) fn register(&self, id: Uuid, lane: LaneId, team: TeamId) -> Option<JobGuard> {
        let ended = self
            .0
            .lock()
            .ended
            .as_ref()
            .is_some_and(|ended| ended.contains(&id));
        (!ended).then(|| self.0.register(id, lane, team)).flatten()
    }
}

impl Drop for Read<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = None;
    }
}

// === impl JobGuard ===

impl Drop for JobGuard {
    fn drop(&mut self) {
        let mut registry = self.live_jobs.lock();
        registry.jobs.remove(&self.id);
        if let Some(ended) = &mut registry.ended {
            ended.insert(self.id);
        }
        drop(registry);
        self.live_jobs.0.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_has_one_job_and_is_not_loaded_by_a_read_that_began_before_its_job_ended() {
        let (jobs, id) = (LiveJobs::default(), Uuid::from_u128(7));
        let lane = LaneId(Uuid::from_u128(1));
        let team = TeamId::from_uuid(Uuid::from_u128(3));
        let shard = ShardId::of(team);
        let job = jobs.register(id, lane, team).unwrap();
        assert!(jobs.register(id, lane, team).is_none());
        assert_eq!(jobs.of_lanes(|of| of == lane), [id]);
        assert_eq!(jobs.busy(&BTreeSet::from([shard])), BTreeSet::from([shard]));
        let read = jobs.begin_read();
        assert!(read.register(id, lane, team).is_none());
        drop(job);
        assert!(read.register(id, lane, team).is_none(), "the row may be older");
        drop(read);
        assert!(jobs.begin_read().register(id, lane, team).is_some());
    }
}
