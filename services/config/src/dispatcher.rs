//! Config's calls to the Dispatcher, which is attached after both are open, since each needs the other. Config works
//! without it: what the Dispatcher knows is then left out, and what is to be told waits in a row.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use tonic::Status;
use watchbell_contracts::api::{DispatcherApi, boxed};
use watchbell_contracts::dispatcher::v1::{
    AcceptedEvent, ChannelStats, GetChannelStatsRequest, ListEventsRequest, SubmitRequest,
};
use watchbell_model::convert::timestamp;
use watchbell_model::decision::{Decide, Decision};
use watchbell_model::ids::TeamId;
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::problem::{self, Problem};

/// The longest wait of an admin for the Dispatcher's answer.
const STATS_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest time of a commit.
const COMMIT: Duration = Duration::from_secs(10);

/// The Dispatcher, and who gets an operational event, once they are there.
#[derive(Default)]
pub(crate) struct Link(OnceLock<(Arc<dyn DispatcherApi>, Decide)>);

// === impl Link ===

impl Link {
    /// The first one stays.
    pub(crate) fn attach(&self, dispatcher: Arc<dyn DispatcherApi>, decide: Decide) {
        let _ = self.0.set((dispatcher, decide));
    }

    /// Who gets an operational event; nobody as long as no Dispatcher is attached.
    pub(crate) fn decide(&self) -> Decide {
        self.0
            .get()
            .map_or(|_, _| Decision::default(), |(_, decide)| *decide)
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.0.get().is_some()
    }

    /// Statistics of a team's channels; `None` when the Dispatcher does not answer.
    pub(crate) async fn stats(&self, team: TeamId) -> Option<Vec<ChannelStats>> {
        let request = GetChannelStatsRequest {
            team_id: team.to_string(),
        };
        let asked = self.0.get()?.0.get_channel_stats(internal_request(request));
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

    /// The newest of a team's events that were accepted since then, a page at most; `None` when the Dispatcher does not
    /// answer.
    pub(crate) async fn newest_events(
        &self,
        team: TeamId,
        since: DateTime<Utc>,
        most: i32,
    ) -> Option<Vec<AcceptedEvent>> {
        let request = ListEventsRequest {
            team_id: team.to_string(),
            page_size: most,
            accept_start_time: Some(timestamp(since)),
            ..ListEventsRequest::default()
        };
        let asked = self.0.get()?.0.list_events(internal_request(request));
        match tokio::time::timeout(STATS_TIMEOUT, asked).await {
            Ok(Ok(answer)) => Some(answer.into_inner().events),
            Ok(Err(status)) => {
                tracing::warn!(%team, %status, "the Dispatcher does not list events");
                None
            }
            Err(_) => {
                tracing::warn!(%team, "listing events timed out");
                None
            }
        }
    }

    /// Commits one event with its routes. One that is there already is as good.
    ///
    /// # Errors
    /// Why it was not committed, as far as anybody knows.
    pub(crate) async fn submit(&self, request: SubmitRequest) -> Result<(), Status> {
        let (dispatcher, _) = self
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
