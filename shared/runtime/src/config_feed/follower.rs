//! Loop that keeps the change feed open and acknowledges changes.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use watchbell_contracts::api::{BoxStream, SnapshotApi, boxed};
use watchbell_contracts::config::v1::{FollowChangesRequest, FollowChangesResponse};
use watchbell_model::clock::SharedClock;

use super::{ConfigFeed, Link};
use crate::principal::internal_request;
use crate::ready::{Condition, PROCESS, Readiness};
use crate::tasks::Loop;

/// How long opening the feed may take, its first answer included.
const OPENING: Duration = Duration::from_secs(2);
/// The wait before a feed that broke is opened again.
const REOPENING: Duration = Duration::from_millis(5);
/// The wait before the feed is opened again after it could not be; doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// Between two lines of the log about a token that is refused.
const COMPLAINT: Duration = Duration::from_secs(60);

/// Follows Config's change feed for a whole process.
pub struct Follower {
    feed: ConfigFeed,
    config: Arc<dyn SnapshotApi>,
    clock: SharedClock,
    reached: Condition,
    /// The last acknowledged answer, from where a broken feed continues.
    last: FollowChangesResponse,
    complained_at: Option<Duration>,
}

// === impl Follower ===

impl Follower {
    pub(super) fn new(
        feed: ConfigFeed,
        config: Arc<dyn SnapshotApi>,
        readiness: &Readiness,
        clock: SharedClock,
    ) -> Self {
        let reached = readiness.expected(PROCESS, "config", "Config has not been reached yet");
        Self {
            feed,
            config,
            clock,
            reached,
            last: FollowChangesResponse::default(),
            complained_at: None,
        }
    }

    /// Follows the feed, which may break and be opened again, until it cannot be opened. Why, and whether it was open.
    async fn follow(&mut self) -> (Status, bool) {
        let mut was_open = false;
        loop {
            let (heeded, requests) = mpsc::unbounded_channel();
            let requests = boxed(UnboundedReceiverStream::new(requests).map(Ok));
            let from = FollowChangesRequest {
                cursor: self.last.cursor,
                nonce: self.last.nonce.clone(),
            };
            // The receiver is right here.
            let _ = heeded.send(from);
            let opened = timeout(OPENING, self.open(requests))
                .await
                .unwrap_or_else(|_| Err(Status::deadline_exceeded("Config does not answer")));
            let (first, mut changes) = match opened {
                Ok(opened) => opened,
                Err(status) => return (status, was_open),
            };
            was_open = true;
            let mut next = Some(Ok(first));
            while let Some(Ok(change)) = next {
                self.heed(&change);
                self.feed.set(Link::Open);
                self.reached.up();
                let request = FollowChangesRequest {
                    cursor: change.cursor,
                    ..FollowChangesRequest::default()
                };
                self.last = change;
                // If the receiver is gone, the answers have ended, too.
                let _ = heeded.send(request);
                next = changes.next().await;
            }
            // Changes are missed until the feed is open again, so nothing counts as current.
            self.feed.set(Link::Opening);
            tokio::time::sleep(REOPENING).await;
        }
    }

    async fn open(
        &self,
        requests: BoxStream<FollowChangesRequest>,
    ) -> Result<(FollowChangesResponse, BoxStream<FollowChangesResponse>), Status> {
        let response = self.config.follow_changes(internal_request(requests)).await?;
        let mut changes = response.into_inner();
        match changes.next().await {
            Some(first) => Ok((first?, changes)),
            None => Err(Status::unavailable("Config ended the change feed")),
        }
    }

    fn heed(&self, change: &FollowChangesResponse) {
        if change.reset {
            return self.feed.tell_all();
        }
        for team in &change.team_ids {
            match team.parse() {
                Ok(team) => self.feed.record_change(Some(team)),
                Err(_) => self.feed.tell_all(),
            }
        }
        if change.platform_keys_changed {
            self.feed.record_change(None);
        }
    }

    /// Logs why the feed cannot be opened.
    fn log_failure(&mut self, status: &Status) {
        if !matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied) {
            tracing::debug!(code = ?status.code(), "Config's change feed cannot be opened");
            return;
        }
        self.reached
            .down("Config refuses the service token of this process");
        let now = self.clock.monotonic();
        if self
            .complained_at
            .is_none_or(|at| now.saturating_sub(at) >= COMPLAINT)
        {
            self.complained_at = Some(now);
            tracing::error!(
                code = ?status.code(),
                "Config refuses the service token of this process: keys cannot be checked and changes are not heard of. \
                 Set auth.service_token to a token that Config accepts",
            );
        }
    }
}

impl Loop for Follower {
    const NAME: &'static str = "process.config_feed";

    async fn run(mut self, shutdown: CancellationToken) {
        let mut wait = FIRST_WAIT;
        while let Some((status, was_open)) = shutdown.run_until_cancelled(self.follow()).await {
            self.feed.set(Link::Away);
            self.log_failure(&status);
            if was_open {
                tracing::warn!(code = ?status.code(), "Config is unavailable; cached configuration stays in use");
                wait = FIRST_WAIT;
            }
            if shutdown
                .run_until_cancelled(tokio::time::sleep(wait))
                .await
                .is_none()
            {
                return;
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}
