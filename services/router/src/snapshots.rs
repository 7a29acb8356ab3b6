//! The team snapshots that the Router decides by. They are fetched from Config when first asked for, marked stale by
//! the change feed, and used as they are while Config is away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use futures::StreamExt as _;
use moka::future::Cache;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use watchbell_contracts::{
    api::SnapshotApi,
    config::v1::{GetTeamSnapshotRequest, WatchChangesRequest, WatchChangesResponse},
    convert,
};
use watchbell_domain::{ids::TeamId, snapshot::TeamSnapshot};
use watchbell_runtime::auth::internal_request;

use crate::error::Error;

/// How many teams are held; the least used go first.
const TEAMS: u64 = 10_000;
/// How long "there is no such team" is believed, so that a stranger's loop does not become Config's.
const UNKNOWN_TEAM: Duration = Duration::from_secs(5);
const UNKNOWN_TEAMS: u64 = 10_000;
/// The wait before a broken change feed is opened again.
const WAIT: Duration = Duration::from_millis(500);

/// The snapshots held.
#[derive(Clone)]
pub(crate) struct Snapshots {
    config: Arc<dyn SnapshotApi>,
    held: Cache<TeamId, Arc<Held>>,
    unknown: Cache<TeamId, Status>,
    /// Whether the change feed is open. While it is not, Config is away, and asking it would only cost time.
    following: Arc<AtomicBool>,
}

struct Held {
    snapshot: Arc<TeamSnapshot>,
    stale: AtomicBool,
    /// Taken by the one caller who fetches the next snapshot while others wait for it.
    refreshing: Mutex<()>,
}

/// Follows the change feed of Config.
pub(crate) struct ChangeLoop {
    snapshots: Snapshots,
    cursor: AtomicI64,
}

// === impl Snapshots ===

impl Snapshots {
    /// Nothing is held yet.
    pub(crate) fn new(config: Arc<dyn SnapshotApi>) -> Self {
        Self {
            config,
            held: Cache::new(TEAMS),
            unknown: Cache::builder()
                .max_capacity(UNKNOWN_TEAMS)
                .time_to_live(UNKNOWN_TEAM)
                .build(),
            following: Arc::default(),
        }
    }

    /// The loop that must run for snapshots to follow their teams.
    pub(crate) fn change_loop(&self) -> ChangeLoop {
        ChangeLoop {
            snapshots: self.clone(),
            cursor: AtomicI64::new(0),
        }
    }

    /// The team's snapshot: as held, or fetched when it is not held or has moved on. When Config is away, a snapshot
    /// that has moved on is still used.
    pub(crate) async fn of(&self, team: TeamId) -> Result<Arc<TeamSnapshot>, Error> {
        match self.held.get(&team).await {
            Some(held) if held.is_current() || !self.following.load(Ordering::Acquire) => {
                Ok(held.snapshot.clone())
            }
            Some(held) => self.refresh(team, &held).await,
            None => self.first(team).await,
        }
    }

    /// Callers that ask for the same team at the same time share one call.
    async fn first(&self, team: TeamId) -> Result<Arc<TeamSnapshot>, Error> {
        if let Some(status) = self.unknown.get(&team).await {
            return Err(Error::Snapshot(status));
        }
        match self.held.try_get_with(team, self.fetch(team)).await {
            Ok(held) => Ok(held.snapshot.clone()),
            Err(error) => {
                if let Error::Snapshot(status) = &*error
                    && status.code() == Code::NotFound
                {
                    self.unknown.insert(team, status.clone()).await;
                }
                Err(Arc::try_unwrap(error).unwrap_or_else(|shared| shared.copy()))
            }
        }
    }

    async fn refresh(&self, team: TeamId, old: &Held) -> Result<Arc<TeamSnapshot>, Error> {
        let _turn = old.refreshing.lock().await;
        if let Some(newer) = self.held.get(&team).await.filter(|held| held.is_current()) {
            return Ok(newer.snapshot.clone());
        }
        match self.fetch(team).await {
            Ok(held) => {
                self.held.insert(team, held.clone()).await;
                Ok(held.snapshot.clone())
            }
            Err(Error::Snapshot(status)) if status.code() == Code::NotFound => {
                self.held.invalidate(&team).await;
                Err(Error::Snapshot(status))
            }
            Err(error) => {
                tracing::warn!(%team, %error, "deciding by an older snapshot");
                Ok(old.snapshot.clone())
            }
        }
    }

    async fn fetch(&self, team: TeamId) -> Result<Arc<Held>, Error> {
        let request = internal_request(GetTeamSnapshotRequest {
            team_id: team.to_string(),
        });
        let response = self
            .config
            .get_team_snapshot(request)
            .await
            .map_err(Error::Snapshot)?;
        let snapshot = response.into_inner().snapshot.unwrap_or_default();
        let snapshot = convert::snapshot(&snapshot).map_err(Error::SnapshotUnreadable)?;
        Ok(Arc::new(Held {
            snapshot: Arc::new(snapshot),
            stale: AtomicBool::new(false),
            refreshing: Mutex::default(),
        }))
    }

    async fn note(&self, change: &WatchChangesResponse) {
        if change.reset {
            for (_, held) in &self.held {
                held.stale.store(true, Ordering::Release);
            }
            self.unknown.invalidate_all();
        } else if let Ok(team) = change.team_id.parse::<TeamId>() {
            self.unknown.invalidate(&team).await;
            if let Some(held) = self.held.get(&team).await
                && held.snapshot.revision < change.revision
            {
                held.stale.store(true, Ordering::Release);
            }
        }
    }
}

// === impl Held ===

impl Held {
    fn is_current(&self) -> bool {
        !self.stale.load(Ordering::Acquire)
    }
}

// === impl ChangeLoop ===

impl ChangeLoop {
    /// Follows the feed until shutdown, from where it left off whenever it breaks.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.follow() => self.snapshots.following.store(false, Ordering::Release),
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(WAIT) => {}
            }
        }
    }

    async fn follow(&self) {
        let after_cursor = self.cursor.load(Ordering::Relaxed);
        let changes = match self
            .snapshots
            .config
            .watch_changes(internal_request(WatchChangesRequest { after_cursor }))
            .await
        {
            Ok(response) => response.into_inner(),
            Err(status) => {
                tracing::debug!(code = ?status.code(), "Config's change feed cannot be had");
                return;
            }
        };
        let mut changes = std::pin::pin!(changes);
        while let Some(Ok(change)) = changes.next().await {
            self.snapshots.following.store(true, Ordering::Release);
            self.snapshots.note(&change).await;
            self.cursor.store(change.cursor, Ordering::Relaxed);
        }
    }
}
