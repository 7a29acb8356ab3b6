//! Backtest: what a draft of a team's document would have made of the events of a period, beside what today's does. Nothing is
//! sent or stored. The events are read page by page from the Dispatcher, newest first, and decided in pieces in the background; then what
//! becomes of their messages is worked out in the order in which they were accepted.

mod example;
mod sequence;
mod side;
mod tally;
mod targets;
#[cfg(test)]
mod tests;
mod walk;

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::{Stream, stream};
use tonic::Status;
use watchbell_contracts::config::v1::DraftTeamSnapshotResponse;
use watchbell_contracts::dispatcher::v1::ListEventsRequest;
use watchbell_contracts::router::v1::backtest_response::Step;
use watchbell_contracts::router::v1::{BacktestProgress, BacktestResponse, BacktestResult};
use watchbell_model::ids::TeamId;
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_runtime::running::Turn;

use self::sequence::Sequence;
use self::tally::Tally;
use self::walk::Walk;
use crate::stored::StoredEvent;
use crate::stored_events::{Period, StoredEvents};
use crate::what_if::WhatIf;

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
    events: StoredEvents,
    decided: Decided,
}

/// What was decided so far.
#[derive(Default)]
struct Decided {
    tally: Tally,
    sequence: Sequence,
}

// === impl Backtest ===

impl Backtest {
    /// Its progress, page by page, and then its result. It ends when the stream is dropped.
    pub(crate) fn run(self) -> impl Stream<Item = Result<BacktestResponse, Status>> + Send + 'static {
        let (what_if, filter) = (self.what_if.clone(), ListEventsRequest::default());
        let progress = Progress {
            events: StoredEvents::new(what_if, self.team, &self.period, filter),
            decided: Decided::default(),
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
        if self.events.is_over() {
            return Ok((self.into_result().await?, None));
        }
        self.page().await?;
        let progress = BacktestProgress {
            event_count: self.decided.tally.events(),
        };
        let response = BacktestResponse {
            step: Some(Step::Progress(progress)),
        };
        Ok((response, Some(self)))
    }

    /// Decides the events of the next page.
    async fn page(&mut self) -> Result<(), Status> {
        self.events.read_page().await?;
        while self.events.has_page() {
            let (today, draft) = (self.backtest.today.clone(), self.backtest.draft.clone());
            let decide = move |Decided { tally, sequence }: &mut Decided, stored: StoredEvent| {
                tally.add([&today, &draft], &stored, sequence);
                match sequence.is_full() {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            };
            let decided = std::mem::take(&mut self.decided);
            self.decided = self.events.decide(decided, decide).await?;
            if self.decided.sequence.is_full() {
                self.events.cut();
            }
        }
        Ok(())
    }

    async fn into_result(self) -> Result<BacktestResponse, Status> {
        let Backtest {
            today,
            draft,
            drafted,
            period,
            ..
        } = self.backtest;
        let Decided { tally, sequence } = self.decided;
        let mut walk = Walk::new(sequence, tally, [&today, &draft], period.end);
        loop {
            let step = |walk: &mut Walk| walk.step();
            let (walked, is_over) = self.events.in_piece(walk, step).await?;
            walk = walked;
            if is_over {
                break;
            }
        }
        let (elapsed, truncated) = (self.events.elapsed(), self.events.is_truncated());
        let (tally, counts) = walk.into_counts();
        let result = BacktestResult {
            truncated,
            changes: drafted.changes,
            warnings: drafted.warnings,
            ..tally.into_result([&today, &draft], counts, elapsed)
        };
        Ok(BacktestResponse {
            step: Some(Step::Result(result)),
        })
    }
}
