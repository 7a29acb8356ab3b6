//! What waits for the group commit. Teams take turns, so that no event waits for another team's flood; what waits is
//! bounded by the memory that it takes, which teams share.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use watchbell_domain::ids::TeamId;
use watchbell_runtime::shares::Shares;

use crate::job::Submission;

/// The way in.
pub(crate) struct Intake {
    queues: Mutex<Queues>,
    arrived: Notify,
    shares: Shares,
}

/// The committer's end. When it goes, so does everything that waits.
pub(crate) struct Turns(Arc<Intake>);

#[derive(Default)]
struct Queues {
    teams: HashMap<TeamId, VecDeque<Submission>>,
    /// Teams of which something waits; the first is next.
    turns: VecDeque<TeamId>,
    waiting: usize,
    closed: bool,
}

/// Why a submission was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too much waits, of this team or in all.
    Full,
    /// The process stops.
    Closed,
}

// === impl Intake ===

impl Intake {
    /// Room for so many places of events that wait or are being committed.
    pub(crate) fn new(places: usize) -> (Arc<Self>, Turns) {
        let intake = Arc::new(Self {
            queues: Mutex::default(),
            arrived: Notify::new(),
            shares: Shares::new(places),
        });
        (Arc::clone(&intake), Turns(intake))
    }

    /// Queues a submission, which keeps its share of the room until it is dropped.
    pub(crate) fn try_send(&self, mut submission: Submission) -> Result<(), Refused> {
        let team = submission.event.team_id;
        let share = self.shares.take(team, submission.event.places());
        submission.share = Some(share.ok_or(Refused::Full)?);
        let mut queues = self.queues();
        if queues.closed {
            return Err(Refused::Closed);
        }
        queues.push(team, submission);
        drop(queues);
        self.arrived.notify_one();
        Ok(())
    }

    /// Submissions that nobody has taken.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.queues().waiting
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Turns ===

impl Turns {
    /// The next submission, if one waits.
    pub(crate) fn try_next(&mut self) -> Option<Submission> {
        self.0.queues().pop()
    }

    /// The next submission.
    pub(crate) async fn next(&mut self) -> Submission {
        loop {
            if let Some(submission) = self.try_next() {
                return submission;
            }
            self.0.arrived.notified().await;
        }
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        let waiting = {
            let mut queues = self.0.queues();
            queues.closed = true;
            queues.waiting = 0;
            queues.turns.clear();
            std::mem::take(&mut queues.teams)
        };
        // Whoever waits for an answer learns of it now.
        drop(waiting);
    }
}

// === impl Queues ===

impl Queues {
    fn push(&mut self, team: TeamId, submission: Submission) {
        let queue = self.teams.entry(team).or_default();
        if queue.is_empty() {
            self.turns.push_back(team);
        }
        queue.push_back(submission);
        self.waiting += 1;
    }

    fn pop(&mut self) -> Option<Submission> {
        let team = self.turns.pop_front()?;
        let queue = self.teams.get_mut(&team)?;
        let submission = queue.pop_front();
        if queue.is_empty() {
            self.teams.remove(&team);
        } else {
            self.turns.push_back(team);
        }
        self.waiting -= usize::from(submission.is_some());
        submission
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{PLACE, StoredEvent};
    use crate::senders::samples;
    use chrono::DateTime;
    use tokio::sync::oneshot;

    fn team() -> TeamId {
        TeamId::generate(DateTime::UNIX_EPOCH)
    }

    fn submission(team_id: TeamId, id: &str) -> Submission {
        let event = StoredEvent {
            team_id,
            id: id.parse().unwrap(),
            ..samples::event("scan.failed")
        };
        Submission::new(event, Vec::new(), false, oneshot::channel().0)
    }

    fn id(submission: &Submission) -> &str {
        submission.event.id.as_str()
    }

    #[test]
    fn teams_take_turns_and_each_keeps_its_order() {
        let (intake, mut turns) = Intake::new(100);
        let (loud, other) = (team(), team());
        for number in 0..4 {
            intake
                .try_send(submission(loud, &format!("loud-{number}")))
                .unwrap();
        }
        intake.try_send(submission(other, "other-0")).unwrap();
        intake.try_send(submission(other, "other-1")).unwrap();
        assert_eq!(intake.waiting(), 6);
        let order: Vec<_> = std::iter::from_fn(|| turns.try_next()).collect();
        let order: Vec<_> = order.iter().map(id).collect();
        assert_eq!(
            order,
            ["loud-0", "other-0", "loud-1", "other-1", "loud-2", "loud-3"]
        );
        assert_eq!(intake.waiting(), 0);
    }

    #[test]
    fn a_flood_is_refused_while_others_still_get_in_and_what_is_taken_counts_until_it_is_settled() {
        let (intake, mut turns) = Intake::new(10);
        let (loud, other) = (team(), team());
        let granted = (0..10).filter(|n| intake.try_send(submission(loud, &n.to_string())).is_ok());
        assert_eq!(granted.count(), 5);
        let first = turns.try_next().unwrap();
        assert_eq!(intake.try_send(submission(loud, "more")), Err(Refused::Full));
        assert_eq!(intake.try_send(submission(other, "other")), Ok(()));
        drop(first);
        drop(turns.try_next());
        assert_eq!(intake.try_send(submission(loud, "later")), Ok(()));
    }

    #[test]
    fn a_large_event_takes_the_room_of_many() {
        let (intake, _turns) = Intake::new(10);
        let mut large = submission(team(), "large");
        Arc::get_mut(&mut large.event).unwrap().data = "x".repeat(8 * PLACE);
        intake.try_send(large).unwrap();
        let small = team();
        assert_eq!(intake.try_send(submission(small, "1")), Ok(()));
        assert_eq!(intake.try_send(submission(small, "2")), Err(Refused::Full));
    }

    #[tokio::test]
    async fn whoever_waits_when_the_process_stops_is_told() {
        let (intake, mut turns) = Intake::new(10);
        let (answer, answered) = oneshot::channel();
        let event = samples::event("scan.failed");
        intake
            .try_send(Submission::new(event, Vec::new(), false, answer))
            .unwrap();
        let waits = turns.next().await;
        intake.try_send(waits).unwrap();
        drop(turns);
        assert!(answered.await.is_err());
        assert_eq!(intake.waiting(), 0);
        assert_eq!(intake.try_send(submission(team(), "late")), Err(Refused::Closed));
    }
}
