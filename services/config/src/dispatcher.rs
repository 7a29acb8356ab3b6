//! What Config asks of the Dispatcher, which is attached after both are open, since each needs the other. Config works
//! without it: what the Dispatcher knows is then left out, and what is to be told waits in a row.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::{StreamExt, stream};
use tonic::Status;
use watchbell_contracts::api::{DispatcherApi, boxed};
use watchbell_contracts::dispatcher::v1::{ChannelStats, GetChannelStatsRequest, SubmitRequest};
use watchbell_model::ids::TeamId;
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::problem::{self, Problem};

/// How long an admin waits for what only the Dispatcher knows.
const STATS_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a commit may take.
const COMMIT: Duration = Duration::from_secs(10);

/// The Dispatcher, once it is there.
#[derive(Default)]
pub(crate) struct Link(OnceLock<Arc<dyn DispatcherApi>>);

// === impl Link ===

impl Link {
    /// The first one stays.
    pub(crate) fn attach(&self, dispatcher: Arc<dyn DispatcherApi>) {
        let _ = self.0.set(dispatcher);
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.0.get().is_some()
    }

    /// How a team's channels fare; `None` when nobody can say.
    pub(crate) async fn stats(&self, team: TeamId) -> Option<Vec<ChannelStats>> {
        let request = GetChannelStatsRequest {
            team_id: team.to_string(),
        };
        let asked = self.0.get()?.get_channel_stats(internal_request(request));
        match tokio::time::timeout(STATS_TIMEOUT, asked).await {
            Ok(Ok(answer)) => Some(answer.into_inner().channels),
            Ok(Err(status)) => {
                tracing::warn!(%team, %status, "the Dispatcher does not say how channels fare");
                None
            }
            Err(_) => {
                tracing::warn!(%team, "channel stats timed out");
                None
            }
        }
    }

    /// Commits one event with its routes. One that is there already is as good.
    ///
    /// # Errors
    /// Why it was not committed, as far as anybody knows.
    pub(crate) async fn submit(&self, request: SubmitRequest) -> Result<(), Status> {
        let dispatcher = self
            .0
            .get()
            .ok_or_else(|| Problem::unavailable("no Dispatcher is attached"))?;
        let committed = async {
            let requests = boxed(stream::iter([Ok(request)]));
            let mut answers = dispatcher.submit(internal_request(requests)).await?.into_inner();
            let answer = answers
                .next()
                .await
                .unwrap_or_else(|| Err(Problem::unavailable("the Dispatcher did not answer").into()))?;
            match answer.error {
                None => Ok(()),
                Some(error) => Err(problem::from_message(&error)),
            }
        };
        tokio::time::timeout(COMMIT, committed)
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("the Dispatcher did not answer in time")))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Link").field(&self.is_attached()).finish()
    }
}
