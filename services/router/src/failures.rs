//! Expressions that fail at evaluation, counted for each channel and rule until Config has been told, which shows them
//! and tells Owners. What is not told before the process dies is lost; what fails once mostly fails again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use watchbell_contracts::api::SnapshotApi;
use watchbell_contracts::config::v1::expression_failure::Owner;
use watchbell_contracts::config::v1::{ExpressionFailure, ReportExpressionFailuresRequest};
use watchbell_model::convert::timestamp;
use watchbell_model::decision::{FailedExpression, FilterOwner};
use watchbell_model::ids::TeamId;
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::tasks::Loop;

/// Pause between two reports.
const PAUSE: Duration = Duration::from_secs(5);
/// How many channels and rules are counted at once, of some 500 bytes each. Failures of more are not counted until the next
/// report.
const CAPACITY: usize = 20_000;

/// Failures that Config has not been told of.
#[derive(Clone, Default)]
pub(crate) struct Failures(Arc<Mutex<HashMap<(TeamId, FilterOwner), Failed>>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Failed {
    count: u64,
    error: String,
    last: DateTime<Utc>,
}

/// Loop that tells Config.
pub(crate) struct Reporter {
    failures: Failures,
    config: Arc<dyn SnapshotApi>,
}

// === impl Failures ===

impl Failures {
    /// Counts what has failed for an event of this team.
    pub(crate) fn note(&self, team: TeamId, failed: &[FailedExpression], now: DateTime<Utc>) {
        if failed.is_empty() {
            return;
        }
        let mut failures = self.0.lock();
        for one in failed {
            let failed = Failed {
                count: 1,
                error: one.error.clone(),
                last: now,
            };
            add(&mut failures, (team, one.owner), failed);
        }
    }

    fn take(&self) -> HashMap<TeamId, Vec<(FilterOwner, Failed)>> {
        let mut by_team: HashMap<_, Vec<_>> = HashMap::new();
        for ((team, owner), failed) in std::mem::take(&mut *self.0.lock()) {
            by_team.entry(team).or_default().push((owner, failed));
        }
        by_team
    }

    fn put_back(&self, team: TeamId, failed: Vec<(FilterOwner, Failed)>) {
        let mut failures = self.0.lock();
        for (owner, failed) in failed {
            add(&mut failures, (team, owner), failed);
        }
    }
}

fn add(failures: &mut HashMap<(TeamId, FilterOwner), Failed>, key: (TeamId, FilterOwner), new: Failed) {
    if let Some(known) = failures.get_mut(&key) {
        known.count = known.count.saturating_add(new.count);
        if new.last >= known.last {
            known.error = new.error;
            known.last = new.last;
        }
    } else if failures.len() < CAPACITY {
        failures.insert(key, new);
    }
}

// === impl Reporter ===

impl Reporter {
    pub(crate) fn new(failures: Failures, config: Arc<dyn SnapshotApi>) -> Self {
        Self { failures, config }
    }

    /// Tells what has failed since the last report. What Config does not take now is told the next time.
    async fn tick(&self) {
        for (team, failed) in self.failures.take() {
            let request = ReportExpressionFailuresRequest {
                team_id: team.to_string(),
                failures: failed
                    .iter()
                    .map(|(owner, failed)| message(*owner, failed))
                    .collect(),
            };
            match self
                .config
                .report_expression_failures(internal_request(request))
                .await
            {
                Ok(_) => {}
                // The team is gone.
                Err(status) if status.code() == Code::NotFound => {}
                Err(status) => {
                    tracing::debug!(%team, %status, "Config was not told of expressions that fail");
                    self.failures.put_back(team, failed);
                }
            }
        }
    }
}

impl Loop for Reporter {
    const NAME: &'static str = "router.failures";

    async fn run(self, shutdown: CancellationToken) {
        while shutdown
            .run_until_cancelled(tokio::time::sleep(PAUSE))
            .await
            .is_some()
        {
            self.tick().await;
        }
        self.tick().await;
    }
}

fn message(owner: FilterOwner, failed: &Failed) -> ExpressionFailure {
    let owner = match owner {
        FilterOwner::Channel(id) => Owner::ChannelId(id.to_string()),
        FilterOwner::Rule(id) => Owner::RuleId(id.to_string()),
    };
    ExpressionFailure {
        owner: Some(owner),
        count: i64::try_from(failed.count).unwrap_or(i64::MAX),
        error: failed.error.clone(),
        last_time: Some(timestamp(failed.last)),
        ..ExpressionFailure::default()
    }
}

#[cfg(test)]
mod tests;
