//! What changes, as it changes. Deliveries are news of this replica and may be missed (a watcher that is too slow is
//! told); notifications are read from their table from a cursor on, so none is missed and none comes twice.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tonic::{Request, Status};
use watchbell_contracts::api::{BoxStream, boxed};
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_domain::ids::{MemberId, TeamId};
use watchbell_domain::violation::{Violations, reason};

use super::{inbox::member, optional_channel, team};
use crate::core::Core;
use crate::encode;
use crate::error::Error;

/// Notifications read at once.
const GULP: i64 = 200;
/// A quiet stream says so, for whoever sits between; and looks whether a hint was lost.
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(super) fn deliveries(
    core: &Arc<Core>,
    request: &Request<wire::WatchDeliveriesRequest>,
) -> Result<BoxStream<wire::WatchDeliveriesResponse>, Error> {
    let team = team(request, &request.get_ref().team_id)?;
    let mut violations = Violations::new();
    let channel = optional_channel(&request.get_ref().channel_id, &mut violations);
    violations.into_result(())?;
    let changes = core.feed.deliveries();
    let watched = stream::unfold(changes, move |mut changes| async move {
        loop {
            let response = match changes.recv().await {
                Ok(change) if change.team_id != team => continue,
                Ok(change) if channel.is_some() && change.channel_id != channel => continue,
                Ok(change) => wire::WatchDeliveriesResponse {
                    delivery: Some((*change.delivery).clone()),
                    lagged: false,
                },
                Err(RecvError::Lagged(_)) => wire::WatchDeliveriesResponse {
                    delivery: None,
                    lagged: true,
                },
                Err(RecvError::Closed) => return None,
            };
            return Some((Ok(response), changes));
        }
    });
    Ok(boxed(watched))
}

/// A member's stream of notifications.
struct InboxStream {
    core: Arc<Core>,
    team: TeamId,
    member: MemberId,
    cursor: i64,
    hints: Receiver<Option<TeamId>>,
    ready: VecDeque<wire::Notification>,
}

pub(super) async fn inbox(
    core: &Arc<Core>,
    request: Request<wire::WatchRequest>,
) -> Result<BoxStream<wire::WatchResponse>, Error> {
    let (team, member) = member(&request, &request.get_ref().team_id, &request.get_ref().member_id)?;
    let after = request.into_inner().after_cursor;
    if after < 0 {
        return Err(Violations::one("after_cursor", reason::OUT_OF_RANGE, "must not be negative").into());
    }
    // Hints first, the table second: what comes in between is hinted at.
    let hints = core.feed.inboxes();
    let cursor = if after == 0 {
        core.db.newest_cursor(team).await?
    } else {
        after
    };
    let stream = InboxStream {
        core: Arc::clone(core),
        team,
        member,
        cursor,
        hints,
        ready: VecDeque::new(),
    };
    Ok(boxed(stream::unfold(Some(stream), |stream| async move {
        let mut stream = stream?;
        match stream.next().await {
            Ok(Some(response)) => Some((Ok(response), Some(stream))),
            Ok(None) => None,
            Err(error) => Some((Err(Status::from(error)), None)),
        }
    })))
}

// === impl InboxStream ===

impl InboxStream {
    async fn next(&mut self) -> Result<Option<wire::WatchResponse>, Error> {
        loop {
            if let Some(notification) = self.ready.pop_front() {
                return Ok(Some(wire::WatchResponse {
                    notification: Some(notification),
                }));
            }
            let rows = self
                .core
                .db
                .notifications_after(self.team, self.member, self.cursor, GULP)
                .await?;
            self.cursor = rows.last().map_or(self.cursor, |row| row.cursor);
            self.ready.extend(rows.into_iter().map(encode::notification));
            if self.ready.is_empty() {
                match tokio::time::timeout(HEARTBEAT, self.hint()).await {
                    Ok(true) => {}
                    Ok(false) => return Ok(None),
                    Err(_) => return Ok(Some(wire::WatchResponse { notification: None })),
                }
            }
        }
    }

    /// Waits for a hint that concerns this team; false when there will be none any more.
    async fn hint(&mut self) -> bool {
        loop {
            match self.hints.recv().await {
                Ok(Some(team)) if team != self.team => {}
                Ok(_) | Err(RecvError::Lagged(_)) => return true,
                Err(RecvError::Closed) => return false,
            }
        }
    }
}
