//! Following the change feed. The table is the truth; notices only say when to look, and a look every few seconds
//! makes up for a notice that was lost. So a follower sees every change once and in order, whichever replica made it
//! and whichever replica it asks. A database that was restored to an earlier state is noticed by the nonce of the change
//! that the follower stands at: the follower is then told to take everything as changed.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::timeout;
use tonic::Status;
use uuid::Uuid;
use watchbell_contracts::api::{BoxStream, boxed};
use watchbell_contracts::config::v1::{FollowChangesRequest, FollowChangesResponse, WatchChangesResponse};
use watchbell_model::violation::reason;
use watchbell_runtime::problem::Problem;
use watchbell_store::listen::Subscription;

use crate::error::{Error, Result};
use crate::followers::CHANGES;
use crate::service::Service;
use crate::store::changes::{self, Position};
use crate::store::entities::change;

/// Poll interval while no notice comes.
const POLL: Duration = Duration::from_secs(5);
/// How many changes one answer tells of. A follower that lacks more at its start takes everything as changed.
const BATCH: u64 = 500;

/// One follower of the feed.
struct Follower {
    service: Service,
    notices: Subscription,
    /// The position; `None` before the first look of a follower that begins at the feed's end.
    position: Option<Position>,
    looked: bool,
}

/// The result of one look.
struct Look {
    /// The follower's position.
    from: i64,
    position: Position,
    /// Anything may have changed.
    reset: bool,
    changes: Vec<change::Model>,
}

/// Answers changes as they come, to a follower that says what it has heeded.
pub(crate) async fn follow(
    service: &Service,
    mut requests: BoxStream<FollowChangesRequest>,
) -> Result<BoxStream<FollowChangesResponse>> {
    let Some(Ok(first)) = requests.next().await else {
        return Err(Problem::invalid("cursor", reason::REQUIRED, "must be given in a first message").into());
    };
    let position = (first.cursor != 0).then(|| Position {
        cursor: first.cursor,
        nonce: first.nonce.parse::<Uuid>().ok(),
    });
    // Before the first look, so that every change is either seen by it or waits for this follower.
    let ticket = service.followers().join(service.store()).await;
    let follower = Follower::new(service.clone(), position);
    let looks = stream::try_unfold(
        (follower, requests, ticket),
        |(mut follower, mut requests, ticket)| async move {
            loop {
                tokio::select! {
                    look = follower.look() => {
                        return Ok(look?.map(|look| (message(&look), (follower, requests, ticket))));
                    }
                    request = requests.next() => match request {
                        Some(Ok(request)) => ticket.acknowledge(request.cursor),
                        _ => return Ok(None),
                    },
                }
            }
        },
    );
    Ok(boxed(looks.map_err(into_status)))
}

/// Answers each change after a cursor, or from now on when it is 0. The first answer only says where the feed stands.
pub(crate) async fn watch(service: &Service, after: i64) -> Result<BoxStream<WatchChangesResponse>> {
    let position = match after {
        0 => None,
        _ => Some(changes::at_all_teams(service.store().reader(), after).await?),
    };
    let follower = Follower::new(service.clone(), position);
    let looks = stream::try_unfold(follower, move |mut follower| async move {
        let first = !follower.looked;
        let look = follower.look().await?;
        let rows = look.map(|look| stream::iter(one_by_one(&look, first, after != 0)));
        Ok::<_, Error>(rows.map(|rows| (rows, follower)))
    });
    Ok(boxed(looks.try_flatten().map_err(into_status)))
}

// === impl Follower ===

impl Follower {
    fn new(service: Service, position: Option<Position>) -> Self {
        // Before the first look, so that nothing falls between the two.
        let notices = service.store().bus().subscribe(CHANGES);
        Self {
            service,
            notices,
            position,
            looked: false,
        }
    }

    /// What has changed since the last look, as soon as anything has; at once the first time. `None` when the service
    /// closes. A look that is dropped is made again by the next.
    async fn look(&mut self) -> Result<Option<Look>> {
        while !self.service.closing().is_cancelled() {
            let reader = self.service.store().reader();
            let found = match self.position {
                Some(position) => changes::after_all_teams(reader, position, BATCH).await?,
                None => None,
            };
            let full = found.as_ref().is_some_and(|rows| rows.len() as u64 == BATCH);
            let look = match (self.position, found) {
                (Some(from), Some(changes)) if self.looked || !full => Look {
                    from: from.cursor,
                    position: changes.last().map_or(from, change::Model::position),
                    reset: false,
                    changes,
                },
                _ => {
                    let end = changes::end_all_teams(reader).await?;
                    Look {
                        from: end.cursor,
                        position: end,
                        reset: true,
                        changes: Vec::new(),
                    }
                }
            };
            if look.reset || !look.changes.is_empty() || !self.looked {
                self.position = Some(look.position);
                self.looked = true;
                return Ok(Some(look));
            }
            tokio::select! {
                () = self.service.closing().cancelled() => {}
                // A notice, the store's end, or neither for a while: whatever it is, look.
                _ = timeout(POLL, self.notices.recv()) => {}
            }
        }
        Ok(None)
    }
}

fn message(look: &Look) -> FollowChangesResponse {
    let mut teams: Vec<_> = look.changes.iter().map(change::Model::team).collect();
    teams.sort_unstable();
    teams.dedup();
    FollowChangesResponse {
        cursor: look.position.cursor,
        nonce: look
            .position
            .nonce
            .map_or_else(String::new, |nonce| nonce.to_string()),
        reset: look.reset,
        platform_keys_changed: teams.contains(&None),
        team_ids: teams.into_iter().flatten().map(|team| team.to_string()).collect(),
    }
}

fn one_by_one(look: &Look, first: bool, resumes: bool) -> Vec<Result<WatchChangesResponse>> {
    let position = (first || look.reset).then(|| WatchChangesResponse {
        cursor: look.from,
        reset: look.reset && (resumes || !first),
        ..WatchChangesResponse::default()
    });
    let changes = look.changes.iter().filter_map(|row| {
        Some(WatchChangesResponse {
            cursor: row.cursor,
            team_id: row.team()?.to_string(),
            revision: row.revision,
            reset: false,
        })
    });
    position.into_iter().chain(changes).map(Ok).collect()
}

fn into_status(error: Error) -> Status {
    Problem::from(error).into()
}
