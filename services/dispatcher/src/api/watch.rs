//! Streams of changes, at the owner of the team's shard. Changes of deliveries may be missed (a slow watcher is notified); notifications are read from their table from a position on, so that none is missed or repeated.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use tokio::sync::broadcast::error::RecvError;
use tonic::{Request, Status};
use watchbell_contracts::api::{BoxStream, boxed};
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::ids::{MemberId, NotificationId, TeamId};
use watchbell_model::violation::{Violations, reason};

use super::inbox::{is_member, member};
use super::{optional_channel, team};
use crate::encode;
use crate::error::Error;
use crate::state::Core;
use crate::state::feed::Hints;

/// Notifications read at once.
const MAX_TAKE: i64 = 200;
/// Interval of messages on a quiet stream, for proxies, and of checks for lost hints.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Between the cursor and the id of a position.
const SEPARATOR: char = '.';

pub(super) fn deliveries(
    core: &Arc<Core>,
    request: &Request<wire::WatchDeliveriesRequest>,
) -> Result<BoxStream<wire::WatchDeliveriesResponse>, Error> {
    let team = team(request, &request.get_ref().team_id)?;
    let mut violations = Violations::new();
    let channel = optional_channel(&request.get_ref().channel_id, &mut violations);
    violations.into_result(())?;
    let changes = core.feed.deliveries(team);
    let watched = stream::unfold(changes, move |mut changes| async move {
        loop {
            let response = match changes.next().await {
                Ok(change) if channel.is_some() && change.channel_id != channel => continue,
                Ok(change) => wire::WatchDeliveriesResponse {
                    delivery: Some((*change.delivery).clone()),
                    lagged: false,
                },
                Err(RecvError::Lagged(_)) => wire::WatchDeliveriesResponse {
                    delivery: None,
                    lagged: true,
                },
                // The shard has another owner.
                Err(RecvError::Closed) => return None,
            };
            return Some((Ok(response), changes));
        }
    });
    Ok(boxed(watched))
}

pub(super) fn alerts(
    core: &Arc<Core>,
    request: &Request<wire::WatchAlertsRequest>,
) -> Result<BoxStream<wire::WatchAlertsResponse>, Error> {
    let team = team(request, &request.get_ref().team_id)?;
    let changes = core.feed.alerts(team);
    let watched = stream::unfold(changes, |mut changes| async move {
        let response = match changes.next().await {
            Ok(alert) => wire::WatchAlertsResponse {
                alert: Some((*alert).clone()),
                lagged: false,
            },
            Err(RecvError::Lagged(_)) => wire::WatchAlertsResponse {
                alert: None,
                lagged: true,
            },
            // The shard has another owner.
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(response), changes))
    });
    Ok(boxed(watched))
}

/// A position in a team's inbox: after a notification, or before all. A cursor alone is not enough, because a
/// database restored from a backup assigns the same cursors again.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Position {
    cursor: i64,
    /// Absent before all, and where only a cursor is known.
    id: Option<NotificationId>,
}

/// A member's stream of notifications.
struct InboxStream {
    core: Arc<Core>,
    team: TeamId,
    member: MemberId,
    position: Position,
    hints: Hints,
    ready: VecDeque<wire::WatchResponse>,
}

pub(super) async fn inbox(
    core: &Arc<Core>,
    request: Request<wire::WatchRequest>,
) -> Result<BoxStream<wire::WatchResponse>, Error> {
    let (team, member) = member(core, &request).await?;
    let after = Position::asked(request.get_ref())?;
    // Subscribe to hints before reading the table, so that a notification in between causes a hint.
    let hints = core.feed.inbox(team);
    let known = match &after {
        Some(after) => after.is_known(core, team).await?,
        None => false,
    };
    let reset = after.is_some() && !known;
    let position = match after {
        Some(after) if known => after,
        _ => Position::newest(core, team).await?,
    };
    let first = wire::WatchResponse {
        notification: None,
        position: position.to_string(),
        reset,
    };
    let stream = InboxStream {
        core: Arc::clone(core),
        team,
        member,
        position,
        hints,
        ready: VecDeque::from([first]),
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

// === impl Position ===

impl Position {
    /// The position after which a request continues; `None`: from now on.
    fn asked(request: &wire::WatchRequest) -> Result<Option<Self>, Violations> {
        if !request.after.is_empty() {
            let malformed = |_| {
                Violations::one(
                    "after",
                    reason::MALFORMED,
                    "must be a position from an earlier response",
                )
            };
            return request.after.parse().map(Some).map_err(malformed);
        }
        match request.after_cursor {
            0 => Ok(None),
            cursor if cursor > 0 => Ok(Some(Self { cursor, id: None })),
            _ => Err(Violations::one(
                "after_cursor",
                reason::OUT_OF_RANGE,
                "must not be negative",
            )),
        }
    }

    /// Whether the position is part of this inbox.
    async fn is_known(&self, core: &Core, team: TeamId) -> Result<bool, Error> {
        if self.cursor == 0 {
            return Ok(true);
        }
        let there = core.db.notification_at(team, self.cursor).await?;
        Ok(there.is_some() && (self.id.is_none() || self.id == there))
    }

    /// The position after the newest notification.
    async fn newest(core: &Core, team: TeamId) -> Result<Self, Error> {
        let newest = core.db.newest_notification(team).await?;
        let (cursor, id) = newest.map_or((0, None), |(cursor, id)| (cursor, Some(id)));
        Ok(Self { cursor, id })
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (cursor, id) = match text.split_once(SEPARATOR) {
            Some((cursor, id)) => (cursor, Some(id.parse().map_err(drop)?)),
            None => (text, None),
        };
        match cursor.parse() {
            Ok(cursor) if cursor >= 0 => Ok(Self { cursor, id }),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cursor)?;
        self.id.map_or(Ok(()), |id| write!(f, "{SEPARATOR}{id}"))
    }
}

// === impl InboxStream ===

impl InboxStream {
    async fn next(&mut self) -> Result<Option<wire::WatchResponse>, Error> {
        loop {
            if let Some(response) = self.ready.pop_front() {
                return Ok(Some(response));
            }
            // Checked in every round, so that a stream ends with the membership.
            is_member(&self.core, self.team, self.member).await?;
            let rows = self
                .core
                .db
                .notifications_after(self.team, self.member, self.position.cursor, MAX_TAKE)
                .await?;
            for row in rows {
                self.position = Position {
                    cursor: row.cursor,
                    id: Some(NotificationId::from_uuid(row.id)),
                };
                self.ready.push_back(wire::WatchResponse {
                    notification: Some(encode::notification(row)),
                    position: self.position.to_string(),
                    reset: false,
                });
            }
            if self.ready.is_empty() {
                match tokio::time::timeout(HEARTBEAT, self.hint()).await {
                    Ok(true) => {}
                    Ok(false) => return Ok(None),
                    Err(_) => {
                        return Ok(Some(wire::WatchResponse {
                            notification: None,
                            position: self.position.to_string(),
                            reset: false,
                        }));
                    }
                }
            }
        }
    }

    /// Waits for a hint; false when there will be none any more.
    async fn hint(&mut self) -> bool {
        !matches!(self.hints.next().await, Err(RecvError::Closed))
    }
}
