//! A team's stored events of a period, for what decides them again: read page by page from the Dispatcher, newest first, and given to
//! a decision in pieces in the background, so that no `Emit` waits for them. Events and time are bounded.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use prost_types::Timestamp;
use tonic::Status;
use watchbell_contracts::dispatcher::v1::{AcceptedEvent as Listed, ListEventsRequest};
use watchbell_model::convert::{instant, timestamp};
use watchbell_model::ids::TeamId;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::problem::Problem;

use crate::stored::StoredEvent;
use crate::what_if::WhatIf;

/// The longest period.
const MAX_PERIOD: TimeDelta = TimeDelta::days(31);
/// The period when none is named.
const PERIOD: TimeDelta = TimeDelta::days(7);
/// The most events.
const MAX_EVENTS: i32 = 100_000;
/// Events of a page: few, since a page is read and decoded at a stretch, on a thread that serves.
const PAGE: i32 = 50;
/// The time for which events are decided at a stretch: other teams' questions wait no longer for their turn.
const PIECE: Duration = Duration::from_millis(20);
/// The time after which older events are left out.
const MAX_TIME: Duration = Duration::from_secs(120);
/// How long a call may take in all, with what it does after it has read.
const MAX_TIME_IN_ALL: Duration = Duration::from_secs(240);

/// Which events, checked.
pub(crate) struct Period {
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
    pub(crate) max_events: usize,
}

/// The events of a period that are still to be decided.
pub(crate) struct StoredEvents {
    what_if: WhatIf,
    team: TeamId,
    /// What the next page is asked with.
    request: ListEventsRequest,
    page: VecDeque<Listed>,
    begun: Duration,
    left: usize,
    /// Whether there is no further page, or it is not read.
    is_read: bool,
    /// Whether it took too long, and events were left out.
    is_cut: bool,
}

// === impl Period ===

impl Period {
    /// # Errors
    /// Every field that is wrong.
    pub(crate) fn read(
        start_time: Option<&Timestamp>,
        end_time: Option<&Timestamp>,
        max_events: i32,
        now: DateTime<Utc>,
    ) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let start = instant(start_time, "start_time", &mut violations);
        let end = instant(end_time, "end_time", &mut violations);
        let end = end.unwrap_or(now).min(now);
        let start = start.unwrap_or(end - PERIOD);
        if start >= end {
            violations.add(
                "start_time",
                reason::OUT_OF_RANGE,
                "must be before end_time, and in the past",
            );
        } else if end - start > MAX_PERIOD {
            violations.add(
                "start_time",
                reason::OUT_OF_RANGE,
                "must be at most 31 days before end_time",
            );
        }
        let max_events = match max_events {
            0 => MAX_EVENTS,
            count if (1..=MAX_EVENTS).contains(&count) => count,
            _ => {
                let why = format!("must be between 1 and {MAX_EVENTS}");
                violations.add("max_events", reason::OUT_OF_RANGE, why);
                MAX_EVENTS
            }
        };
        violations.into_result(Self {
            start,
            end,
            max_events: usize::try_from(max_events).unwrap_or_default(),
        })
    }
}

// === impl StoredEvents ===

impl StoredEvents {
    /// Of a period and a filter, whose own period does not count.
    pub(crate) fn new(what_if: WhatIf, team: TeamId, period: &Period, filter: ListEventsRequest) -> Self {
        Self {
            begun: what_if.clock.monotonic(),
            request: ListEventsRequest {
                team_id: team.to_string(),
                start_time: Some(timestamp(period.start)),
                end_time: Some(timestamp(period.end)),
                ..filter
            },
            what_if,
            team,
            page: VecDeque::new(),
            left: period.max_events,
            is_read: false,
            is_cut: false,
        }
    }

    /// Whether nothing is left to decide.
    pub(crate) fn is_over(&self) -> bool {
        self.is_read && self.page.is_empty()
    }

    /// Whether something of the last page is left to decide.
    pub(crate) fn has_page(&self) -> bool {
        !self.page.is_empty()
    }

    /// Whether older events of the period were left out.
    pub(crate) fn is_truncated(&self) -> bool {
        self.is_cut || !self.request.page_token.is_empty()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.what_if.clock.monotonic().saturating_sub(self.begun)
    }

    /// Reads the next page, which may be empty.
    pub(crate) async fn read_page(&mut self) -> Result<(), Status> {
        let page_token = std::mem::take(&mut self.request.page_token);
        let request = ListEventsRequest {
            page_size: PAGE.min(i32::try_from(self.left).unwrap_or(PAGE)),
            page_token,
            ..self.request.clone()
        };
        let answer = self.what_if.log.list_events(internal_request(request)).await?;
        let answer = answer.into_inner();
        self.left = self.left.saturating_sub(answer.events.len());
        self.request.page_token = answer.next_page_token;
        self.is_read = self.request.page_token.is_empty() || self.left == 0;
        self.page = answer.events.into();
        if self.page.is_empty() {
            self.end_in_time();
        }
        Ok(())
    }

    /// Decides events of the page for a while, or until `decide` breaks off; answers what it made of its state.
    pub(crate) async fn decide<S: Send + 'static>(
        &mut self,
        mut state: S,
        mut decide: impl FnMut(&mut S, StoredEvent) -> ControlFlow<()> + Send + 'static,
    ) -> Result<S, Status> {
        let (team, clock) = (self.team, self.what_if.clock.clone());
        let mut page = std::mem::take(&mut self.page);
        let piece = move || {
            let begun = clock.monotonic();
            while let Some(listed) = page.pop_front() {
                let stored = StoredEvent::read(team, listed);
                let flow = stored.map_or(ControlFlow::Continue(()), |stored| decide(&mut state, stored));
                if flow.is_break() || clock.monotonic().saturating_sub(begun) >= PIECE {
                    break;
                }
            }
            (state, page)
        };
        let (state, page) = self.what_if.background.run(piece).await?;
        self.page = page;
        self.end_in_time();
        Ok(state)
    }

    /// Goes on with something of these events for a while; whether that has ended with it.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` when the call has taken too long in all.
    pub(crate) async fn in_piece<S: Send + 'static>(
        &self,
        mut state: S,
        mut step: impl FnMut(&mut S) -> bool + Send + 'static,
    ) -> Result<(S, bool), Status> {
        if self.elapsed() >= MAX_TIME_IN_ALL {
            let message =
                "the events of the period take too long: ask for a shorter one, or for fewer events";
            let message = message.to_owned();
            return Err(Problem::TooLarge { message }.into());
        }
        let clock = self.what_if.clock.clone();
        let piece = move || {
            let begun = clock.monotonic();
            while step(&mut state) {
                if clock.monotonic().saturating_sub(begun) >= PIECE {
                    return (state, false);
                }
            }
            (state, true)
        };
        Ok(self.what_if.background.run(piece).await?)
    }

    /// Leaves the rest out.
    pub(crate) fn cut(&mut self) {
        self.is_cut |= !self.page.is_empty() || !self.request.page_token.is_empty();
        self.page.clear();
        self.is_read = true;
    }

    /// Leaves the rest out once it takes too long.
    fn end_in_time(&mut self) {
        if self.elapsed() >= MAX_TIME {
            self.cut();
        }
    }
}
