//! Which cell a team lives in, as Config says. An answer is kept until Config changes something of the team.

use std::sync::Arc;
use std::time::Duration;

use tonic::Code;
use watchbell_contracts::api::SnapshotApi;
use watchbell_contracts::config::v1::LocateTeamRequest;
use watchbell_model::cell::TeamCell;
use watchbell_model::clock::SharedClock;
use watchbell_model::ids::TeamId;

use crate::auth::internal_request;
use crate::config_feed::ConfigFeed;
use crate::stale_cache::{Answer, StaleCache};

/// How many teams are held; the least used go first.
const TEAMS: u64 = 100_000;
/// How long an answer is used although no change was reported.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// Cells of teams.
pub struct CellDirectory {
    config: Arc<dyn SnapshotApi>,
    held: StaleCache<TeamId, Option<Arc<TeamCell>>, String>,
}

// === impl CellDirectory ===

impl CellDirectory {
    /// Nothing is held yet.
    #[must_use]
    pub fn new(config: Arc<dyn SnapshotApi>, feed: ConfigFeed, clock: SharedClock) -> Self {
        Self {
            config,
            held: StaleCache::new(feed, clock, TEAMS),
        }
    }

    /// The cell that a team lives in. `None` while there is one cell, for a team that is unknown, and while Config does not answer and
    /// has never said it.
    pub async fn locate(&self, team: TeamId) -> Option<Arc<TeamCell>> {
        let located = self.held.get(team, || self.ask(team)).await;
        located
            .inspect_err(
                |error| tracing::warn!(%error, %team, "Config does not say which cell a team lives in"),
            )
            .unwrap_or_default()
    }

    async fn ask(&self, team: TeamId) -> Result<Answer<Option<Arc<TeamCell>>>, String> {
        let request = internal_request(LocateTeamRequest {
            team_id: team.to_string(),
        });
        let value = match self.config.locate_team(request).await {
            Ok(answer) => {
                let cell = answer.into_inner().cell;
                let cell = cell.as_ref().map(TeamCell::try_from).transpose();
                cell.map_err(|violations| violations.to_string())?.map(Arc::new)
            }
            // A Config of the release before has one cell.
            Err(status) if matches!(status.code(), Code::NotFound | Code::Unimplemented) => None,
            Err(status) => return Err(status.message().to_owned()),
        };
        Ok(Answer {
            value,
            of: Some(team),
            fresh: FRESH,
            stale: Duration::MAX,
        })
    }
}
