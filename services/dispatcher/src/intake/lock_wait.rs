//! Submissions whose team's inbox is locked by another transaction, for example of another replica. They are retried
//! per team, while the events of other teams proceed.

use std::collections::{BTreeMap, HashSet, VecDeque};

use watchbell_model::ChannelKind;
use watchbell_model::ids::TeamId;

use crate::job::Submission;

/// Submissions that wait, of each team in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct LockWaitQueue(BTreeMap<TeamId, VecDeque<Submission>>);

// === impl LockWaitQueue ===

impl LockWaitQueue {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps those that would go into an inbox of which something waits already; gives the others back.
    pub(crate) fn keep(&mut self, submissions: Vec<Submission>) -> Vec<Submission> {
        if self.is_empty() {
            return submissions;
        }
        let (kept, others): (Vec<_>, Vec<_>) = submissions
            .into_iter()
            .partition(|submission| self.0.contains_key(&submission.event.team_id) && is_notice(submission));
        for submission in kept {
            self.0
                .entry(submission.event.team_id)
                .or_default()
                .push_back(submission);
        }
        others
    }

    /// Puts the submissions of a batch for these inboxes back, before those that wait already; returns the others.
    pub(crate) fn put_back(
        &mut self,
        submissions: Vec<Submission>,
        busy: &HashSet<TeamId>,
    ) -> Vec<Submission> {
        let (kept, others): (Vec<_>, Vec<_>) = submissions
            .into_iter()
            .partition(|submission| busy.contains(&submission.event.team_id) && is_notice(submission));
        for submission in kept.into_iter().rev() {
            self.0
                .entry(submission.event.team_id)
                .or_default()
                .push_front(submission);
        }
        others
    }

    /// Takes one batch per team, of at most `max` submissions.
    pub(crate) fn take(&mut self, max: usize) -> Vec<Vec<Submission>> {
        let batches = self.0.values_mut().map(|waiting| {
            let some = waiting.len().min(max);
            waiting.drain(..some).collect()
        });
        let batches = batches.collect();
        self.0.retain(|_, waiting| !waiting.is_empty());
        batches
    }

    /// Takes everything.
    pub(crate) fn drain(&mut self) -> Vec<Submission> {
        std::mem::take(&mut self.0).into_values().flatten().collect()
    }
}

/// Whether it goes into its team's inbox.
pub(crate) fn is_notice(submission: &Submission) -> bool {
    let mut routes = submission.routes.iter();
    routes.any(|planned| planned.route.kind == ChannelKind::InApp)
}
