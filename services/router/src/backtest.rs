//! Backtest: what a draft of a team's document would have made of the events of a period, beside what today's does. Nothing is
//! sent or stored. The events are read page by page from the Dispatcher, newest first, and decided in pieces on the team's pool.

mod tally;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{Stream, stream};
use tonic::Status;
use watchbell_contracts::config::v1::DraftTeamSnapshotResponse;
use watchbell_contracts::dispatcher::v1::{AcceptedEvent as Listed, ListEventsRequest};
use watchbell_contracts::router::v1::backtest_response::Step;
use watchbell_contracts::router::v1::{BacktestProgress, BacktestRequest, BacktestResponse, BacktestResult};
use watchbell_model::convert::{instant, timestamp};
use watchbell_model::ids::TeamId;
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::problem::Problem;
use watchbell_runtime::running::Turn;

use self::tally::Tally;
use crate::stored::StoredEvent;
use crate::what_if::WhatIf;

/// The longest period.
const MAX_PERIOD: TimeDelta = TimeDelta::days(31);
/// The period when none is named.
const PERIOD: TimeDelta = TimeDelta::days(7);
/// The most events.
const MAX_EVENTS: i32 = 100_000;
/// Events of a page.
const PAGE: i32 = 1_000;
/// The time for which events are decided at a stretch, so that the team's own `Emit`s wait for no more.
const PIECE: Duration = Duration::from_millis(20);
/// The time after which older events are left out.
const MAX_TIME: Duration = Duration::from_secs(120);

/// What is asked, checked.
pub(crate) struct Period {
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
    pub(crate) max_events: usize,
}

// === impl Period ===

impl Period {
    /// # Errors
    /// Every field that is wrong.
    pub(crate) fn read(request: &BacktestRequest, now: DateTime<Utc>) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let start = instant(request.start_time.as_ref(), "start_time", &mut violations);
        let end = instant(request.end_time.as_ref(), "end_time", &mut violations);
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
        let max_events = match request.max_events {
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

/// A backtest under way.
pub(crate) struct Backtest {
    pub(crate) what_if: WhatIf,
    pub(crate) team: TeamId,
    pub(crate) period: Period,
    pub(crate) today: Arc<TeamSnapshot>,
    pub(crate) draft: Arc<TeamSnapshot>,
    /// What the draft changes.
    pub(crate) drafted: DraftTeamSnapshotResponse,
    /// Held until it ends.
    pub(crate) _turn: Turn,
}

/// Where a backtest stands.
struct Progress {
    backtest: Backtest,
    begun: Duration,
    tally: Tally,
    page_token: String,
    left: usize,
    /// Whether the last page was decided.
    is_read: bool,
    /// Whether it took too long, and events were left out.
    is_cut: bool,
}

// === impl Backtest ===

impl Backtest {
    /// Its progress, page by page, and then its result. It ends when the stream is dropped.
    pub(crate) fn run(self) -> impl Stream<Item = Result<BacktestResponse, Status>> + Send + 'static {
        let progress = Progress {
            begun: self.what_if.clock.monotonic(),
            tally: Tally::default(),
            page_token: String::new(),
            left: self.period.max_events,
            is_read: false,
            is_cut: false,
            backtest: self,
        };
        stream::try_unfold(Some(progress), |progress: Option<Progress>| async move {
            match progress {
                Some(progress) => progress.step().await.map(Some),
                None => Ok(None),
            }
        })
    }
}

// === impl Progress ===

impl Progress {
    async fn step(mut self) -> Result<(BacktestResponse, Option<Self>), Status> {
        if self.is_read {
            return Ok((self.into_result(), None));
        }
        self.page().await?;
        let progress = BacktestProgress {
            event_count: self.tally.events(),
        };
        let response = BacktestResponse {
            step: Some(Step::Progress(progress)),
        };
        Ok((response, Some(self)))
    }

    /// Decides the events of the next page.
    async fn page(&mut self) -> Result<(), Status> {
        let Backtest {
            what_if,
            team,
            period,
            ..
        } = &self.backtest;
        let request = ListEventsRequest {
            team_id: team.to_string(),
            page_size: PAGE.min(i32::try_from(self.left).unwrap_or(PAGE)),
            page_token: std::mem::take(&mut self.page_token),
            start_time: Some(timestamp(period.start)),
            end_time: Some(timestamp(period.end)),
            ..ListEventsRequest::default()
        };
        let answer = what_if
            .log
            .list_events(internal_request(request))
            .await?
            .into_inner();
        self.left = self.left.saturating_sub(answer.events.len());
        self.page_token = answer.next_page_token;
        self.is_read = self.page_token.is_empty() || self.left == 0;
        let mut events = VecDeque::from(answer.events);
        while !events.is_empty() {
            let tally = std::mem::take(&mut self.tally);
            let (tally, left) = self.piece(tally, events).await?;
            (self.tally, events) = (tally, left);
            if self.elapsed() >= MAX_TIME {
                break;
            }
        }
        // After empty pages, too.
        if self.elapsed() >= MAX_TIME {
            self.is_cut |= !events.is_empty() || !self.page_token.is_empty();
            self.is_read = true;
        }
        Ok(())
    }

    /// Decides some events; answers those that are left.
    async fn piece(
        &self,
        mut tally: Tally,
        mut events: VecDeque<Listed>,
    ) -> Result<(Tally, VecDeque<Listed>), Status> {
        let Backtest { what_if, team, .. } = &self.backtest;
        let (team, clock) = (*team, what_if.clock.clone());
        let (today, draft) = (self.backtest.today.clone(), self.backtest.draft.clone());
        let decide = move || {
            let begun = clock.monotonic();
            while let Some(listed) = events.pop_front() {
                if let Some(stored) = StoredEvent::read(team, listed) {
                    tally.add([&today, &draft], &stored);
                }
                if clock.monotonic().saturating_sub(begun) >= PIECE {
                    break;
                }
            }
            (tally, events)
        };
        Ok(what_if
            .tenant_pool
            .run(team, decide)
            .await
            .map_err(Problem::from)?)
    }

    fn elapsed(&self) -> Duration {
        self.backtest.what_if.clock.monotonic().saturating_sub(self.begun)
    }

    fn into_result(self) -> BacktestResponse {
        let elapsed = self.elapsed();
        let Backtest {
            today,
            draft,
            drafted,
            ..
        } = self.backtest;
        let result = BacktestResult {
            truncated: self.is_cut || !self.page_token.is_empty(),
            changes: drafted.changes,
            warnings: drafted.warnings,
            ..self.tally.into_result([&today, &draft], elapsed)
        };
        BacktestResponse {
            step: Some(Step::Result(result)),
        }
    }
}
