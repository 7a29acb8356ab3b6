//! Callers that emit all the time, whatever happens to the services.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use watchbell_model::clock::{Clock as _, SystemClock};

use super::{Client, WAIT_TIMEOUT, eventually, finding, is_told_to_come_again};

const CALLERS: usize = 16;
/// After which a caller gives a call up and makes it again.
const DEADLINE: Duration = Duration::from_secs(3);
/// Between a refusal and the same call again: shorter than what callers are told, so that there is load all the time.
const PAUSE: Duration = Duration::from_millis(25);

/// Callers under way. Each emits one event after the other, and repeats a call until it is answered.
pub(crate) struct Load {
    callers: JoinSet<()>,
    stop: CancellationToken,
    answers: Arc<Mutex<Answers>>,
}

/// What callers were told.
#[derive(Default)]
pub(crate) struct Answers {
    /// The ids of accepted events.
    pub(crate) accepted: Vec<String>,
    /// Of these, answered as accepted before: the first answer was lost.
    pub(crate) known: usize,
    /// Refusals that ask to come again.
    pub(crate) refused: usize,
    /// Calls that broke, or were not answered in time.
    pub(crate) broken: usize,
    /// The longest that a call took which was accepted.
    pub(crate) slowest: Duration,
    /// The longest time in which none was accepted, since the first.
    pub(crate) gap: Duration,
    last: Option<Duration>,
    /// Answers that no caller should get.
    pub(crate) wrong: BTreeMap<String, usize>,
}

impl Load {
    /// Callers of the same team who take turns with these clients, each with one event in such a time, or as fast as it is answered.
    pub(crate) fn start(clients: &[Client], team: &str, pace: Duration) -> Self {
        let stop = CancellationToken::new();
        let answers: Arc<Mutex<Answers>> = Arc::default();
        let mut callers = JoinSet::new();
        let clock = SystemClock::new();
        for caller in 0..CALLERS {
            let (stop, answers, team) = (stop.clone(), answers.clone(), team.to_owned());
            let mut clients: Vec<_> = clients.to_vec();
            let turn = caller % clients.len();
            clients.rotate_left(turn);
            callers.spawn(async move {
                let mut clients = clients.iter().cycle();
                let mut number = 0;
                while !stop.is_cancelled() {
                    let next = tokio::time::sleep(pace);
                    let id = format!("{caller}-{number}");
                    number += 1;
                    for client in clients.by_ref() {
                        let begun = clock.monotonic();
                        let answer = timeout(DEADLINE, client.emit(&team, finding(&id))).await;
                        let now = clock.monotonic();
                        let answer = answer.unwrap_or_else(|late| Err(Status::from_error(Box::new(late))));
                        let answer = answer.map(|answer| answer.duplicate);
                        if answers.lock().note(&id, answer, now - begun, now) {
                            break;
                        }
                        tokio::time::sleep(PAUSE).await;
                    }
                    next.await;
                }
            });
        }
        Self {
            callers,
            stop,
            answers,
        }
    }

    /// Events accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.answers.lock().accepted.len()
    }

    /// Refusals so far.
    pub(crate) fn refused(&self) -> usize {
        self.answers.lock().refused
    }

    /// The longest that a call took which was accepted at once.
    pub(crate) fn slowest(&self) -> Duration {
        self.answers.lock().slowest
    }

    /// The longest time so far in which none was accepted.
    pub(crate) fn gap(&self) -> Duration {
        self.answers.lock().gap
    }

    /// Waits until so many more are accepted.
    pub(crate) async fn proceeds(&self, by: usize) {
        let before = self.accepted();
        eventually("events are accepted", || async {
            (self.accepted() >= before + by).then_some(())
        })
        .await;
    }

    /// Lets each caller finish; what they answers.
    pub(crate) async fn end(&mut self) -> Answers {
        self.stop.cancel();
        let ended = async {
            while let Some(ended) = self.callers.join_next().await {
                ended.expect("no caller panics");
            }
        };
        let ended = timeout(WAIT_TIMEOUT, ended).await;
        assert!(
            ended.is_ok(),
            "within {WAIT_TIMEOUT:?}: every call is answered in the end"
        );
        std::mem::take(&mut *self.answers.lock())
    }
}

impl Answers {
    /// Whether the event is accepted.
    fn note(&mut self, id: &str, answer: Result<bool, Status>, took: Duration, now: Duration) -> bool {
        match answer {
            Ok(duplicate) => {
                self.accepted.push(id.to_owned());
                self.known += usize::from(duplicate);
                self.slowest = self.slowest.max(took);
                let last = self.last.replace(now).unwrap_or(now);
                self.gap = self.gap.max(now.saturating_sub(last));
                return true;
            }
            // It did not come from a service.
            Err(status) if status.source().is_some() => self.broken += 1,
            Err(status) if is_told_to_come_again(&status) => self.refused += 1,
            Err(status) => {
                let said = format!("{:?}: {}", status.code(), status.message());
                *self.wrong.entry(said).or_default() += 1;
            }
        }
        false
    }
}
