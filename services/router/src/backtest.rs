//! Backtest: what a draft of a team's document would have made of the events of a period, beside what today's does. Nothing is
//! sent or stored. The events are read page by page from the Dispatcher, newest first, and decided in pieces on the team's pool.

mod tally;
#[cfg(test)]
mod tests;

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

use self::tally::Tally;
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
    tally: Tally,
}

// === impl Backtest ===

impl Backtest {
    /// Its progress, page by page, and then its result. It ends when the stream is dropped.
    pub(crate) fn run(self) -> impl Stream<Item = Result<BacktestResponse, Status>> + Send + 'static {
        let (what_if, filter) = (self.what_if.clone(), ListEventsRequest::default());
        let progress = Progress {
            events: StoredEvents::new(what_if, self.team, &self.period, filter),
            tally: Tally::default(),
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
        self.events.read_page().await?;
        while self.events.has_page() {
            let (today, draft) = (self.backtest.today.clone(), self.backtest.draft.clone());
            let decide = move |tally: &mut Tally, stored: StoredEvent| {
                tally.add([&today, &draft], &stored);
                ControlFlow::Continue(())
            };
            let tally = std::mem::take(&mut self.tally);
            self.tally = self.events.decide(tally, decide).await?;
        }
        Ok(())
    }

    fn into_result(self) -> BacktestResponse {
        let (elapsed, truncated) = (self.events.elapsed(), self.events.is_truncated());
        let Backtest {
            today,
            draft,
            drafted,
            ..
        } = self.backtest;
        let result = BacktestResult {
            truncated,
            changes: drafted.changes,
            warnings: drafted.warnings,
            ..self.tally.into_result([&today, &draft], elapsed)
        };
        BacktestResponse {
            step: Some(Step::Result(result)),
        }
    }
}
