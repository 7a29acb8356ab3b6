//! The team snapshots that the Router decides by. They are fetched from Config when first asked for, marked stale by
//! the change feed, and used as they are while Config is away. One caller fetches what has moved on while the others
//! go on with what they have, so that a slow Config never delays more than one event of a team.

mod feed;

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::future::Cache;
use tokio::{sync::Mutex, time::timeout};
use tonic::{Code, Status};
use watchbell_contracts::{
    api::SnapshotApi,
    config::v1::{GetTeamSnapshotRequest, WatchChangesResponse},
    convert,
};
use watchbell_domain::{
    clock::SharedClock,
    ids::TeamId,
    snapshot::TeamSnapshot,
    violation::{Violations, reason},
};
use watchbell_runtime::auth::internal_request;

pub(crate) use self::feed::ChangeLoop;
use crate::error::Error;

/// How many teams are held; the least used go first.
const TEAMS: u64 = 10_000;
/// How long "there is no such team" is believed, so that a stranger's loop does not become Config's.
const UNKNOWN_TEAM: Duration = Duration::from_secs(5);
/// How long a fetch may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an older snapshot is used without another try, after Config did not give the next.
const REST: Duration = Duration::from_secs(1);
/// How long the feed's word on a team is kept for a fetch that began before it; longer than any fetch takes.
const NEWS: Duration = Duration::from_secs(60);

/// The snapshots held.
#[derive(Clone)]
pub(crate) struct Snapshots {
    clock: SharedClock,
    config: Arc<dyn SnapshotApi>,
    held: Cache<TeamId, Arc<Held>>,
    /// What Config answered of teams it does not know, and until when that is believed.
    unknown: Cache<TeamId, (Status, Duration)>,
    /// The newest revisions that the feed has told of.
    news: Cache<TeamId, i64>,
    /// Grows when the feed cannot say what has changed: whatever was fetched before may have.
    epoch: Arc<AtomicU64>,
    /// Whether the change feed is open. While it is not, Config is away, and asking it would only cost time.
    following: Arc<AtomicBool>,
}

struct Held {
    snapshot: Arc<TeamSnapshot>,
    epoch: u64,
    stale: AtomicBool,
    /// Taken by the one caller who fetches the next snapshot. Holds when that may be tried again.
    turn: Mutex<Duration>,
}

// === impl Snapshots ===

impl Snapshots {
    /// Nothing is held yet.
    pub(crate) fn new(config: Arc<dyn SnapshotApi>, clock: SharedClock) -> Self {
        Self {
            clock,
            config,
            held: Cache::new(TEAMS),
            unknown: Cache::new(TEAMS),
            news: Cache::builder().time_to_live(NEWS).build(),
            epoch: Arc::default(),
            following: Arc::default(),
        }
    }

    /// The loop that must run for snapshots to follow their teams.
    pub(crate) fn change_loop(&self) -> ChangeLoop {
        ChangeLoop::new(self.clone())
    }

    /// The team's snapshot: as held, or fetched when it is not held or has moved on. When Config is away, a snapshot
    /// that has moved on is still used.
    pub(crate) async fn of(&self, team: TeamId) -> Result<Arc<TeamSnapshot>, Error> {
        match self.held.get(&team).await {
            Some(held) if self.is_current(&held) || !self.following.load(Ordering::Acquire) => {
                Ok(held.snapshot.clone())
            }
            Some(held) => self.refresh(team, &held).await,
            None => self.first(team).await,
        }
    }

    /// Callers that ask for the same team at the same time share one call.
    async fn first(&self, team: TeamId) -> Result<Arc<TeamSnapshot>, Error> {
        if let Some((status, until)) = self.unknown.get(&team).await
            && self.clock.monotonic() < until
        {
            return Err(Error::Snapshot(status));
        }
        match self.held.try_get_with(team, self.fetch(team)).await {
            Ok(held) => {
                self.heed_news(team, &held).await;
                Ok(held.snapshot.clone())
            }
            Err(error) => {
                if let Error::Snapshot(status) = &*error
                    && status.code() == Code::NotFound
                {
                    self.note_unknown(team, status).await;
                }
                Err(Arc::try_unwrap(error).unwrap_or_else(|shared| shared.copy()))
            }
        }
    }

    async fn refresh(&self, team: TeamId, old: &Arc<Held>) -> Result<Arc<TeamSnapshot>, Error> {
        let Ok(mut not_before) = old.turn.try_lock() else {
            return Ok(old.snapshot.clone());
        };
        if self.clock.monotonic() < *not_before {
            return Ok(old.snapshot.clone());
        }
        // The next one may have come between our look and our turn.
        if let Some(newer) = self
            .held
            .get(&team)
            .await
            .filter(|newer| !Arc::ptr_eq(newer, old))
        {
            return Ok(newer.snapshot.clone());
        }
        match self.fetch(team).await {
            Ok(held) => {
                self.held.insert(team, held.clone()).await;
                self.heed_news(team, &held).await;
                Ok(held.snapshot.clone())
            }
            Err(Error::Snapshot(status)) if status.code() == Code::NotFound => {
                self.note_unknown(team, &status).await;
                self.held.invalidate(&team).await;
                Err(Error::Snapshot(status))
            }
            Err(error) => {
                *not_before = self.clock.monotonic() + REST;
                tracing::warn!(%team, %error, "deciding by an older snapshot");
                Ok(old.snapshot.clone())
            }
        }
    }

    async fn fetch(&self, team: TeamId) -> Result<Arc<Held>, Error> {
        let epoch = self.epoch.load(Ordering::Acquire);
        let request = internal_request(GetTeamSnapshotRequest {
            team_id: team.to_string(),
        });
        let response = timeout(PATIENCE, self.config.get_team_snapshot(request))
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("Config took too long")))
            .map_err(Error::Snapshot)?;
        let snapshot = response.into_inner().snapshot.unwrap_or_default();
        let snapshot = convert::snapshot(&snapshot)
            .and_then(|snapshot| belongs_to(team, snapshot))
            .map_err(Error::SnapshotUnreadable)?;
        Ok(Arc::new(Held {
            snapshot: Arc::new(snapshot),
            epoch,
            stale: AtomicBool::new(false),
            turn: Mutex::default(),
        }))
    }

    fn is_current(&self, held: &Held) -> bool {
        held.epoch == self.epoch.load(Ordering::Acquire) && !held.stale.load(Ordering::Acquire)
    }

    /// What the feed tells while a fetch is under way finds nothing to mark. So it is kept, and asked for once the
    /// snapshot is where the feed finds it.
    async fn heed_news(&self, team: TeamId, held: &Held) {
        if self
            .news
            .get(&team)
            .await
            .is_some_and(|newest| held.snapshot.revision < newest)
        {
            held.stale.store(true, Ordering::Release);
        }
    }

    async fn note_unknown(&self, team: TeamId, status: &Status) {
        let until = self.clock.monotonic() + UNKNOWN_TEAM;
        self.unknown.insert(team, (status.clone(), until)).await;
    }

    /// What the feed says.
    async fn note(&self, change: &WatchChangesResponse) {
        if change.reset {
            self.doubt_all();
        } else if let Ok(team) = change.team_id.parse::<TeamId>() {
            self.news.insert(team, change.revision).await;
            self.unknown.invalidate(&team).await;
            if let Some(held) = self.held.get(&team).await
                && held.snapshot.revision < change.revision
            {
                held.stale.store(true, Ordering::Release);
            }
        }
    }

    /// Any team may have changed.
    fn doubt_all(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.unknown.invalidate_all();
    }
}

/// Nothing crosses a team, not even when Config errs.
fn belongs_to(team: TeamId, snapshot: TeamSnapshot) -> Result<TeamSnapshot, Violations> {
    let foreign = if snapshot.team_id != team {
        Some("team.id")
    } else if snapshot.members.values().any(|member| member.team_id != team) {
        Some("members")
    } else if snapshot.channels.values().any(|channel| channel.team_id != team) {
        Some("channels")
    } else {
        None
    };
    match foreign {
        Some(field) => Err(Violations::one(
            field,
            reason::NOT_ALLOWED,
            format!("must be of the team {team}"),
        )),
        None => Ok(snapshot),
    }
}
