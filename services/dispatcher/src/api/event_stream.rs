//! A team's events as they are accepted, at the owner of the team's shard: read from their table, in the order of their commits, from
//! a cursor on, so that none is missed or repeated. A stream reads ahead one chunk and no more until its caller has read it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tonic::{Request, Status};
use watchbell_contracts::api::{BoxStream, boxed};
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::budget::{self, BudgetPermit};
use watchbell_model::convert::optional;
use watchbell_model::filter::MAX_TYPES;
use watchbell_model::ids::TeamId;
use watchbell_model::violation::{Violations, reason};
use watchbell_model::{EventPattern, EventType, Severity};
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::{FiltersHash, read_token, token};

use super::exists;
use crate::encode;
use crate::error::Error;
use crate::state::Core;
use crate::state::feed::EventHints;
use crate::store::entities::events;
use crate::store::{FeedEntry, micros, number};

/// Keys of events that are read at once.
const MAX_KEYS: i64 = 500;
/// Bytes of events that are read at once; one more event may exceed it.
const MAX_BYTES: i64 = 64 * 1024;
/// When a stream may be opened again that ended since its team's others had too much unread.
const SLOW_READERS: Duration = Duration::from_secs(5);
/// Interval of messages on a quiet stream, for proxies, and of checks for lost hints.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long an event that was accepted may wait for its commit.
const IN_FLIGHT: TimeDelta = TimeDelta::minutes(1);
/// How long a stream from the beginning has for its first read before what it begins with may be purged.
const LEEWAY: TimeDelta = TimeDelta::minutes(1);
/// The reason's word for a cursor whose next events may be purged.
const CURSOR_EXPIRED: &str = "CURSOR_EXPIRED";

/// Where a stream stands: after an event, or before all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    position: i64,
    id: String,
    /// Up to when nothing was accepted after it.
    #[serde(rename = "until")]
    quiet_until: i64,
}

/// Which events.
struct Filter {
    types: Vec<EventPattern>,
    min_severity: Option<Severity>,
    include_tests: bool,
}

struct EventStream {
    core: Arc<Core>,
    team: TeamId,
    filter: Filter,
    cursor: Cursor,
    hints: EventHints,
    /// Read ahead: an event, absent at the beginning, and where the stream stands after it.
    ready: VecDeque<(Option<events::Model>, Cursor)>,
    /// The memory of those and of the last one that was handed out.
    unread: Option<BudgetPermit>,
}

pub(super) async fn open(
    core: &Arc<Core>,
    request: Request<wire::StreamEventsRequest>,
) -> Result<BoxStream<wire::StreamEventsResponse>, Error> {
    let principal = Principal::from_request(&request)?;
    let team = principal.team(&request.get_ref().team_id)?;
    let request = request.into_inner();
    let mut violations = Violations::new();
    let after = Cursor::asked(&request.cursor, team, &mut violations);
    if after.is_some() && request.from_beginning {
        violations.add("from_beginning", reason::NOT_ALLOWED, "does not go with `cursor`");
    }
    let filter = Filter {
        types: violations.parse_list("types", &request.types, MAX_TYPES),
        min_severity: optional(request.min_severity, "min_severity", &mut violations),
        include_tests: request.include_tests,
    };
    violations.into_result(())?;
    // Subscribed before the table is read, so that an event in between causes a hint.
    let hints = core.feed.events(team);
    let now = core.clock.now();
    let cursor = match after {
        Some(after) => after,
        None if request.from_beginning => Cursor::at(horizon(core, now + LEEWAY)),
        None => {
            let newest = core.db.newest_event(team).await?;
            if newest.is_none() {
                exists(core, principal, team).await?;
            }
            let (position, id) = newest.unwrap_or((0, String::new()));
            let quiet_until = micros(now - IN_FLIGHT);
            Cursor {
                position,
                id,
                quiet_until,
            }
        }
    };
    cursor.check(horizon(core, now))?;
    let stream = EventStream {
        ready: VecDeque::from([(None, cursor.clone())]),
        unread: None,
        core: Arc::clone(core),
        team,
        filter,
        cursor,
        hints,
    };
    Ok(boxed(stream::unfold(Some(stream), |stream| async move {
        let mut stream = stream?;
        match stream.next().await {
            Ok(response) => Some((Ok(response), Some(stream))),
            Err(error) => Some((Err(Status::from(error)), None)),
        }
    })))
}

/// Before then events may be purged.
fn horizon(core: &Core, now: DateTime<Utc>) -> i64 {
    micros(now - TimeDelta::days(i64::from(core.settings.keep_days)))
}

// === impl Cursor ===

impl Cursor {
    /// Before all that was accepted at a time or later.
    const fn at(position: i64) -> Self {
        Self {
            position,
            id: String::new(),
            quiet_until: position,
        }
    }

    /// Moves it behind an event, where it is the same for every stream.
    fn pass(&mut self, key: &FeedEntry) {
        self.position = key.position;
        self.id.clone_from(&key.id);
        self.quiet_until = key.position;
    }

    fn asked(text: &str, team: TeamId, violations: &mut Violations) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let cursor = read_token(text, &of_team(team));
        if cursor.is_none() {
            let why = "must be a cursor that a stream of the same team has given";
            violations.add("cursor", reason::MALFORMED, why);
        }
        cursor
    }

    /// Whether everything after it is still there.
    fn check(&self, horizon: i64) -> Result<(), Problem> {
        match self.position.max(self.quiet_until) >= horizon {
            true => Ok(()),
            false => Err(Problem::OutOfRange {
                reason: CURSOR_EXPIRED,
                message: "events after this cursor are not kept any more: begin anew with `from_beginning`, or from now on".to_owned(),
            }),
        }
    }

    /// A response that only says where the stream stands.
    fn response(&self, team: TeamId) -> Result<wire::StreamEventsResponse, Problem> {
        Ok(wire::StreamEventsResponse {
            event: None,
            cursor: token(self, &of_team(team)).map_err(Problem::internal)?,
        })
    }
}

fn of_team(team: TeamId) -> FiltersHash {
    FiltersHash::for_method("StreamEvents").with(team)
}

// === impl Filter ===

impl Filter {
    fn chooses(&self, key: &FeedEntry) -> bool {
        let has_type = || {
            let event_type = key.event_type.parse::<EventType>();
            event_type.is_ok_and(|known| self.types.iter().any(|pattern| pattern.matches(&known)))
        };
        (self.include_tests || !key.test)
            && self
                .min_severity
                .is_none_or(|least| key.severity >= number(least))
            && (self.types.is_empty() || has_type())
    }
}

// === impl EventStream ===

impl EventStream {
    async fn next(&mut self) -> Result<wire::StreamEventsResponse, Error> {
        loop {
            if let Some((row, cursor)) = self.ready.pop_front() {
                // An event may take milliseconds to write, and a caller that reads fast asks for the next at once.
                tokio::task::yield_now().await;
                let event = row.map(encode::listed_event).transpose()?;
                return Ok(wire::StreamEventsResponse {
                    event,
                    ..cursor.response(self.team)?
                });
            }
            // Whoever asks for more has taken what there was.
            self.unread = None;
            let now = self.core.clock.now();
            self.cursor.check(horizon(&self.core, now))?;
            let after = (self.cursor.position, self.cursor.id.as_str());
            let keys = self.core.db.events_after(self.team, after, MAX_KEYS).await?;
            if keys.is_empty() {
                self.cursor.quiet_until = self.cursor.quiet_until.max(micros(now - IN_FLIGHT));
                match tokio::time::timeout(HEARTBEAT, self.hints.next()).await {
                    Ok(Ok(()) | Err(RecvError::Lagged(_))) => continue,
                    Ok(Err(RecvError::Closed)) => {
                        let why = "another Dispatcher serves this team now: go on from the last cursor";
                        return Err(Problem::unavailable(why).into());
                    }
                    Err(_) => return Ok(self.cursor.response(self.team)?),
                }
            }
            self.read(keys).await?;
            if self.ready.is_empty() {
                return Ok(self.cursor.response(self.team)?);
            }
        }
    }

    /// Reads the events that the filter chooses of these, as many as fit.
    async fn read(&mut self, keys: Vec<FeedEntry>) -> Result<(), Error> {
        let (mut left, mut passed) = (MAX_BYTES, 0);
        let mut chosen = Vec::new();
        for key in &keys {
            if left <= 0 {
                break;
            }
            passed += 1;
            if self.filter.chooses(key) {
                left -= key.bytes;
                chosen.push(key);
            }
        }
        let rows = match chosen.is_empty() {
            true => Vec::new(),
            false => {
                let bytes: i64 = chosen.iter().map(|key| key.bytes).sum();
                let units = budget::units(usize::try_from(bytes).unwrap_or_default());
                let unread = self.core.unread_events.take(self.team, units);
                self.unread = Some(unread.ok_or(Problem::Overloaded {
                    retry_after: SLOW_READERS,
                })?);
                let ids = chosen.iter().map(|key| key.id.as_str());
                self.core.db.events_with_ids(self.team, ids).await?
            }
        };
        let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id.clone(), row)).collect();
        for key in chosen {
            // Unless it was purged since its key was read, which the next check finds.
            if let Some(row) = rows.remove(&key.id) {
                self.cursor.pass(key);
                self.ready.push_back((Some(row), self.cursor.clone()));
            }
        }
        if let Some(last) = keys.get(passed - 1) {
            self.cursor.pass(last);
        }
        Ok(())
    }
}
