//! Following the change feed. The table is the truth; notices only say when to look, and a look every few seconds
//! makes up for a notice that was lost. So a follower sees every change once and in order, whichever replica made it
//! and whichever replica it asks.

use std::collections::VecDeque;
use std::time::Duration;

use futures::stream;
use tokio::time::timeout;
use tonic::Status;
use watchbell_contracts::api::BoxStream;
use watchbell_contracts::config::v1::WatchChangesResponse;
use watchbell_domain::ids::TeamId;
use watchbell_runtime::problem::Problem;
use watchbell_store::listen::Subscription;

use crate::error::Result;
use crate::service::Service;
use crate::store::changes;

/// How long to wait for a notice before looking all the same.
const POLL: Duration = Duration::from_secs(5);
const BATCH: u64 = 500;

/// One follower of the feed.
pub(crate) struct Follower {
    service: Service,
    notices: Subscription,
    cursor: i64,
    ready: VecDeque<WatchChangesResponse>,
}

// === impl Follower ===

impl Follower {
    /// Begins after `after`, or now when it is 0. The first answer only says where the feed stands, or that `after`
    /// is no longer (or not yet) part of it.
    pub(crate) async fn begin(service: Service, after: i64) -> Result<Self> {
        // Before the first look, so that nothing falls between the two.
        let notices = service.store().bus().subscribe(changes::NOTICES);
        let position = changes::position_all_teams(service.store().reader()).await?;
        let known = after == 0 || (position.pruned..=position.head).contains(&after);
        let cursor = if known && after != 0 { after } else { position.head };
        let first = WatchChangesResponse {
            cursor,
            reset: !known,
            ..WatchChangesResponse::default()
        };
        Ok(Self {
            service,
            notices,
            cursor,
            ready: VecDeque::from([first]),
        })
    }

    /// The next change, when there is one; `None` when the service closes.
    pub(crate) async fn next(&mut self) -> Result<Option<WatchChangesResponse>> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return Ok(Some(next));
            }
            if self.service.closing().is_cancelled() {
                return Ok(None);
            }
            let rows = changes::after_all_teams(self.service.store().reader(), self.cursor, BATCH).await?;
            for row in rows {
                self.cursor = row.cursor;
                self.ready.push_back(WatchChangesResponse {
                    cursor: row.cursor,
                    team_id: TeamId::from_uuid(row.team_id).to_string(),
                    revision: row.revision,
                    reset: false,
                });
            }
            if self.ready.is_empty() {
                tokio::select! {
                    () = self.service.closing().cancelled() => {}
                    // A notice, the store's end, or neither for a while: whatever it is, look.
                    _ = timeout(POLL, self.notices.recv()) => {}
                }
            }
        }
    }

    /// The follower as an answer. It ends with an error when the database is away; callers come back with their
    /// cursor.
    pub(crate) fn into_stream(self) -> BoxStream<WatchChangesResponse> {
        Box::pin(stream::unfold(Some(self), |follower| async move {
            let mut follower = follower?;
            match follower.next().await {
                Ok(next) => next.map(|next| (Ok(next), Some(follower))),
                Err(err) => Some((Err(Status::from(Problem::from(err))), None)),
            }
        }))
    }
}
