//! Cache of team snapshots: loaded from Config on first use, and again after the change feed reported a change of the
//! team, or after some minutes; used as they are while Config is unavailable.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tonic::{Code, Status};
use watchbell_contracts::api::SnapshotApi;
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::config::v1::GetTeamSnapshotRequest;
use watchbell_model::clock::SharedClock;
use watchbell_model::ids::TeamId;
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::config_feed::ConfigFeed;
use watchbell_runtime::stale_cache::{Answer, StaleCache, Unanswered};

use crate::error::Error;

/// How many teams are held; the least used go first.
const TEAMS: u64 = 10_000;
/// How long a snapshot is used although no change was reported.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// How long "there is no such team" is believed, so that a stranger's loop does not become Config's.
const UNKNOWN_TEAM: Duration = Duration::from_secs(5);

/// The snapshots held.
#[derive(Clone)]
pub(crate) struct Snapshots {
    config: Arc<dyn SnapshotApi>,
    /// An error is what Config answered of a team that it does not know.
    held: Arc<StaleCache<TeamId, Result<Arc<TeamSnapshot>, Status>, Error>>,
}

// === impl Snapshots ===

impl Snapshots {
    /// Nothing is held yet.
    pub(crate) fn new(config: Arc<dyn SnapshotApi>, feed: ConfigFeed, clock: SharedClock) -> Self {
        Self {
            config,
            held: Arc::new(StaleCache::new(feed, clock, TEAMS)),
        }
    }

    /// The team's snapshot, with every change that Config has answered before this call; an older one only while Config
    /// does not answer.
    pub(crate) async fn get(&self, team: TeamId) -> Result<Arc<TeamSnapshot>, Error> {
        let answer = self.held.get(team, || self.fetch(team)).await;
        answer
            .map_err(|unanswered| match unanswered {
                Unanswered::Failed(error) => error,
                Unanswered::TimedOut => Error::Snapshot(Status::deadline_exceeded("Config took too long")),
            })?
            .map_err(Error::Snapshot)
    }

    async fn fetch(&self, team: TeamId) -> Result<Answer<Result<Arc<TeamSnapshot>, Status>>, Error> {
        let request = internal_request(GetTeamSnapshotRequest {
            team_id: team.to_string(),
        });
        let value = match self.config.get_team_snapshot(request).await {
            Ok(response) => {
                let snapshot = response.into_inner().snapshot.unwrap_or_default();
                Ok(Arc::new(read(team, snapshot).await?))
            }
            Err(status) if status.code() == Code::NotFound => Err(status),
            Err(status) => return Err(Error::Snapshot(status)),
        };
        let (fresh, stale) = match value {
            Ok(_) => (FRESH, Duration::MAX),
            Err(_) => (UNKNOWN_TEAM, UNKNOWN_TEAM),
        };
        Ok(Answer {
            value,
            of: Some(team),
            fresh,
            stale,
        })
    }
}

/// A team's snapshot as Config gave it.
pub(crate) async fn read(team: TeamId, message: config::TeamSnapshot) -> Result<TeamSnapshot, Error> {
    let snapshot = compiled(message)
        .await
        .and_then(|snapshot| belongs_to(team, snapshot));
    snapshot.map_err(Error::SnapshotUnreadable)
}

/// The snapshot of a message. Compiling a team's event types takes time, so it runs on a blocking thread.
async fn compiled(message: config::TeamSnapshot) -> Result<TeamSnapshot, Violations> {
    if message.event_types.is_empty() {
        return TeamSnapshot::try_from(&message);
    }
    match tokio::task::spawn_blocking(move || TeamSnapshot::try_from(&message)).await {
        Ok(compiled) => compiled,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Violations::one(
                "",
                reason::NOT_ALLOWED,
                "the process is stopping",
            )),
        },
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
