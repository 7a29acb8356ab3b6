//! Fair queue of submissions per team, bounded by memory. Teams are served by deficit round robin (Shreedhar and
//! Varghese, 1996) by the weight of their events and routes, so that one team's flood delays no other team. Teams share a memory
//! budget.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use watchbell_model::budget::SharedBudget;
use watchbell_model::ids::TeamId;

use crate::job::Submission;

/// Units that a team may spend per round.
const TURN: usize = 4;

/// Sending end of the queue.
pub(crate) struct SubmissionQueue {
    queues: Mutex<Queues>,
    arrived: Notify,
    memory: SharedBudget,
}

/// The committer's end. When it goes, so does everything that waits.
pub(crate) struct SubmissionReceiver(Arc<SubmissionQueue>);

#[derive(Default)]
struct Queues {
    teams: HashMap<TeamId, Queue>,
    /// Teams of which something waits; the first is next.
    turns: VecDeque<TeamId>,
    closed: bool,
}

/// Queue of one team.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Submission>,
    /// Places that it may still take in its turn.
    credit: usize,
}

/// Why a submission was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too much waits, of this team or in all.
    Full,
    /// The process stops.
    Closed,
}

// === impl SubmissionQueue ===

impl SubmissionQueue {
    /// A queue for `units` of events that wait or are being committed.
    pub(crate) fn new(units: usize) -> (Arc<Self>, SubmissionReceiver) {
        let queue = Arc::new(Self {
            queues: Mutex::default(),
            arrived: Notify::new(),
            memory: SharedBudget::new(units.max(1)),
        });
        (Arc::clone(&queue), SubmissionReceiver(queue))
    }

    /// Queues a submission, which holds its part of the budget until it is dropped.
    pub(crate) fn try_send(&self, mut submission: Submission) -> Result<(), Refused> {
        let team = submission.event.team_id;
        let permit = self.memory.take(team, submission.weight());
        submission.permit = Some(permit.ok_or(Refused::Full)?);
        let mut queues = self.queues();
        if queues.closed {
            return Err(Refused::Closed);
        }
        queues.push(team, submission);
        drop(queues);
        self.arrived.notify_one();
        Ok(())
    }

    /// Number of queued submissions.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.queues()
            .teams
            .values()
            .map(|queue| queue.waiting.len())
            .sum()
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock()
    }
}

// === impl SubmissionReceiver ===

impl SubmissionReceiver {
    /// The next submission, if one waits.
    pub(crate) fn try_next(&mut self) -> Option<Submission> {
        self.0.queues().pop()
    }

    /// Waits for the next submission.
    pub(crate) async fn next(&mut self) -> Submission {
        loop {
            if let Some(submission) = self.try_next() {
                return submission;
            }
            self.0.arrived.notified().await;
        }
    }
}

impl Drop for SubmissionReceiver {
    fn drop(&mut self) {
        let waiting = {
            let mut queues = self.0.queues();
            queues.closed = true;
            queues.turns.clear();
            std::mem::take(&mut queues.teams)
        };
        // Callers waiting for an answer get an error.
        drop(waiting);
    }
}

// === impl Queues ===

impl Queues {
    fn push(&mut self, team: TeamId, submission: Submission) {
        let queue = self.teams.entry(team).or_default();
        if queue.waiting.is_empty() {
            self.turns.push_back(team);
        }
        queue.waiting.push_back(submission);
    }

    fn pop(&mut self) -> Option<Submission> {
        loop {
            let team = *self.turns.front()?;
            let queue = self.teams.get_mut(&team)?;
            let weight = queue.waiting.front()?.weight();
            if queue.credit < weight {
                // The team may spend more in the next round.
                queue.credit += TURN;
                self.turns.rotate_left(1);
                continue;
            }
            queue.credit -= weight;
            let submission = queue.waiting.pop_front();
            if queue.waiting.is_empty() {
                self.teams.remove(&team);
                self.turns.pop_front();
            }
            return submission;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::senders::fixtures;
    use chrono::DateTime;
    use tokio::sync::oneshot;
    use watchbell_model::accepted_event::AcceptedEvent;
    use watchbell_model::budget::UNIT_BYTES;

    fn team() -> TeamId {
        TeamId::generate(DateTime::UNIX_EPOCH)
    }

    fn submission(team_id: TeamId, id: &str) -> Submission {
        let event = AcceptedEvent {
            team_id,
            id: id.parse().unwrap(),
            ..fixtures::event("scan.failed")
        };
        Submission::new(event, Vec::new(), false, oneshot::channel().0)
    }

    fn large(team_id: TeamId, id: &str, units: usize) -> Submission {
        let mut submission = submission(team_id, id);
        Arc::get_mut(&mut submission.event).unwrap().data = "x".repeat((units - 1) * UNIT_BYTES);
        submission
    }

    fn order(receiver: &mut SubmissionReceiver) -> Vec<String> {
        let all = std::iter::from_fn(|| receiver.try_next());
        all.map(|submission| submission.event.id.to_string()).collect()
    }

    #[test]
    fn teams_take_turns_and_each_keeps_its_order() {
        let (queue, mut receiver) = SubmissionQueue::new(100);
        let (loud, other) = (team(), team());
        for number in 0..10 {
            queue.try_send(submission(loud, &format!("l{number}"))).unwrap();
        }
        for number in 0..6 {
            queue.try_send(submission(other, &format!("o{number}"))).unwrap();
        }
        assert_eq!(queue.waiting(), 16);
        let expected = "l0 l1 l2 l3 o0 o1 o2 o3 l4 l5 l6 l7 o4 o5 l8 l9";
        assert_eq!(order(&mut receiver).join(" "), expected);
        assert_eq!(queue.waiting(), 0);
    }

    #[test]
    fn whoever_sends_large_events_has_fewer_turns() {
        let (queue, mut receiver) = SubmissionQueue::new(1_000);
        let (heavy, other) = (team(), team());
        for number in 0..2 {
            queue.try_send(large(heavy, &format!("H{number}"), 12)).unwrap();
        }
        for number in 0..24 {
            queue.try_send(submission(other, &number.to_string())).unwrap();
        }
        let order = order(&mut receiver);
        let heavy: Vec<_> = (0..order.len())
            .filter(|at| order[*at].starts_with('H'))
            .collect();
        assert_eq!(
            heavy,
            [8, 21],
            "12 units of the one, then 12 of the other: {order:?}"
        );
    }

    #[test]
    fn a_flood_is_refused_while_others_still_get_in_and_what_is_taken_counts_until_it_is_settled() {
        let (queue, mut receiver) = SubmissionQueue::new(10);
        let (loud, other) = (team(), team());
        let granted = (0..10).filter(|n| queue.try_send(submission(loud, &n.to_string())).is_ok());
        assert_eq!(granted.count(), 5);
        let first = receiver.try_next().unwrap();
        assert_eq!(queue.try_send(submission(loud, "more")), Err(Refused::Full));
        assert_eq!(queue.try_send(submission(other, "other")), Ok(()));
        drop(first);
        drop(receiver.try_next());
        assert_eq!(queue.try_send(submission(loud, "later")), Ok(()));
    }

    #[test]
    fn a_large_event_takes_the_room_of_many() {
        let (queue, _receiver) = SubmissionQueue::new(10);
        queue.try_send(large(team(), "large", 9)).unwrap();
        let small = team();
        assert_eq!(queue.try_send(submission(small, "1")), Ok(()));
        assert_eq!(queue.try_send(submission(small, "2")), Err(Refused::Full));
    }

    #[tokio::test]
    async fn whoever_waits_when_the_process_stops_is_told() {
        let (queue, mut receiver) = SubmissionQueue::new(10);
        let (answer, answered) = oneshot::channel();
        let event = fixtures::event("scan.failed");
        queue
            .try_send(Submission::new(event, Vec::new(), false, answer))
            .unwrap();
        let waits = receiver.next().await;
        queue.try_send(waits).unwrap();
        drop(receiver);
        assert!(answered.await.is_err());
        assert_eq!(queue.waiting(), 0);
        assert_eq!(queue.try_send(submission(team(), "late")), Err(Refused::Closed));
    }
}
