//! Operational events of this service: decided by the team's configuration, and committed like any other submission.

use std::time::Duration;

use tokio::sync::oneshot;
use tonic::{Code, Status};
use watchbell_contracts::config::v1 as config;
use watchbell_model::event::EventDraft;
use watchbell_model::ids::TeamId;
use watchbell_model::operational::settle;
use watchbell_model::route::Route;
use watchbell_runtime::auth::internal_request;

use crate::job::{Planned, Submission};
use crate::state::Core;

/// The longest wait for a commit.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest wait for Config where somebody waits for the answer.
const CONFIG_TIMEOUT: Duration = Duration::from_secs(2);

/// A team's configuration; `None` when the team is gone.
///
/// # Errors
/// Config's.
pub(crate) async fn snapshot(core: &Core, team: TeamId) -> Result<Option<config::TeamSnapshot>, Status> {
    let request = config::GetTeamSnapshotRequest {
        team_id: team.to_string(),
    };
    let asked = core
        .channels
        .config()
        .get_team_snapshot(internal_request(request));
    match asked.await {
        Ok(answer) => Ok(Some(answer.into_inner().snapshot.unwrap_or_default())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status),
    }
}

/// Whom a team's configuration names for an event that is committed otherwise. Nobody, when it cannot be asked.
pub(crate) async fn routes(core: &Core, team: TeamId, draft: EventDraft) -> Vec<Route> {
    let asked = tokio::time::timeout(CONFIG_TIMEOUT, snapshot(core, team));
    let Ok(Ok(Some(snapshot))) = asked.await else {
        tracing::warn!(%team, event = %draft.event_type, "Config is away: an operational event goes to those who follow alone");
        return Vec::new();
    };
    let (decide, now) = (core.decide, core.clock.now());
    let settle = move || settle(team, &snapshot, decide, draft, Vec::new(), now);
    match core.tenant_pool.run(team, settle).await {
        Ok(Ok((_, routes))) => routes,
        Ok(Err(violations)) => {
            tracing::error!(%team, %violations, "an operational event is not what its type promises");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}

/// Commits an event of a team, to the routes of `notices` and to whoever its configuration names; returns whether it is done with.
/// Its id makes a second one a duplicate.
pub(super) async fn emit(
    core: &Core,
    team: TeamId,
    snapshot: config::TeamSnapshot,
    draft: EventDraft,
    notices: Vec<Route>,
) -> bool {
    let (decide, now) = (core.decide, core.clock.now());
    let settle = move || settle(team, &snapshot, decide, draft, notices, now);
    let settled = core.tenant_pool.run(team, settle);
    let (event, routes) = match settled.await {
        Ok(Ok(settled)) => settled,
        Ok(Err(violations)) => {
            tracing::error!(%team, %violations, "an operational event is not what its type promises");
            return true;
        }
        // The next round tries again.
        Err(_) => return false,
    };
    let routes = routes.into_iter();
    let routes = routes.filter_map(|route| Planned::new(route, now)).collect();
    let (answer, committed) = oneshot::channel();
    let submission = Submission::new(event, routes, false, answer);
    // `try_send`, because waiting for memory would stop the caller's loop.
    core.submissions.try_send(submission).is_ok()
        && matches!(
            tokio::time::timeout(COMMIT_TIMEOUT, committed).await,
            Ok(Ok(Ok(_)))
        )
}
