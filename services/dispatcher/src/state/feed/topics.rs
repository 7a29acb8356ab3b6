//! Broadcast channels, one for each team that has subscribers. A channel is created for the first subscriber and removed
//! with the last, so that teams without subscribers cost nothing. The subscribers of one team are woken a few at a time, so
//! that thousands of them do not stand before the tasks of other teams.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::broadcast::{self, Receiver, Sender, WeakSender};
use tokio_util::sync::{CancellationToken, DropGuard};
use watchbell_model::ids::TeamId;

/// Subscribers that are woken before other tasks run.
const AT_ONCE: usize = 32;

/// The channels of all teams.
#[derive(Debug)]
pub(super) struct Topics<T> {
    /// Messages that a subscriber may lag behind.
    backlog: usize,
    open: Open<T>,
}

type Open<T> = Arc<Mutex<HashMap<TeamId, Topic<T>>>>;

/// One team's channel.
#[derive(Debug)]
pub(super) struct Topic<T> {
    sender: Sender<T>,
    wakes: Arc<Wakes>,
    /// Dropped after the last sender, so that who is woken then finds the channel closed.
    _end: Arc<DropGuard>,
}

/// Subscription to one team's channel.
#[derive(Debug)]
pub(crate) struct Subscription<T> {
    team: TeamId,
    receiver: Option<Receiver<T>>,
    wakes: Arc<Wakes>,
    open: Open<T>,
}

/// What wakes subscribers. They never wait for the broadcast channel itself, which wakes all of them at once.
#[derive(Debug, Default)]
struct Wakes {
    /// Something was sent.
    sent: Notify,
    /// Each subscriber waits here, in turn.
    waiting: Notify,
}

// === impl Topics ===

impl<T: Clone + Send + 'static> Topics<T> {
    pub(super) fn new(backlog: usize) -> Self {
        Self {
            backlog,
            open: Open::default(),
        }
    }

    /// Subscribes to a team's channel.
    pub(super) fn subscribe(&self, team: TeamId) -> Subscription<T> {
        let mut open = self.open.lock();
        let topic = open.entry(team).or_insert_with(|| Topic::new(self.backlog));
        Subscription {
            team,
            receiver: Some(topic.sender.subscribe()),
            wakes: Arc::clone(&topic.wakes),
            open: Arc::clone(&self.open),
        }
    }

    /// The channel of a team, if it has subscribers.
    pub(super) fn topic(&self, team: TeamId) -> Option<Topic<T>> {
        self.open.lock().get(&team).cloned()
    }

    /// Closes the channels of the teams for which `ends` is true.
    pub(super) fn close(&self, ends: impl Fn(TeamId) -> bool) {
        self.open.lock().retain(|team, _| !ends(*team));
    }
}

// === impl Topic ===

impl<T: Clone + Send + 'static> Topic<T> {
    fn new(backlog: usize) -> Self {
        let (sender, wakes, end) = (
            broadcast::channel(backlog).0,
            Arc::<Wakes>::default(),
            CancellationToken::new(),
        );
        tokio::spawn(wake(sender.downgrade(), Arc::clone(&wakes), end.clone()));
        Self {
            sender,
            wakes,
            _end: Arc::new(end.drop_guard()),
        }
    }

    /// Sends to all subscribers; when the last one has just left, to nobody.
    pub(super) fn send(&self, message: T) {
        let _ = self.sender.send(message);
        self.wakes.sent.notify_one();
    }
}

impl<T> Clone for Topic<T> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            wakes: Arc::clone(&self.wakes),
            _end: Arc::clone(&self._end),
        }
    }
}

/// Wakes all subscribers whenever something was sent, a few at a time, and all at once at the end.
async fn wake<T>(sender: WeakSender<T>, wakes: Arc<Wakes>, end: CancellationToken) {
    while end.run_until_cancelled(wakes.sent.notified()).await.is_some() {
        let subscribers = sender.upgrade().map_or(0, |sender| sender.receiver_count());
        for woken in 1..=subscribers {
            wakes.waiting.notify_one();
            if woken % AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
    wakes.waiting.notify_waiters();
}

// === impl Subscription ===

impl<T: Clone> Subscription<T> {
    /// The next message.
    ///
    /// # Errors
    /// `Lagged` when messages were missed.
    pub(crate) async fn next(&mut self) -> Result<T, RecvError> {
        let Some(receiver) = &mut self.receiver else {
            return Err(RecvError::Closed);
        };
        loop {
            let mut woken = pin!(self.wakes.waiting.notified());
            // Registered before the look, so that what is sent in between wakes it.
            woken.as_mut().enable();
            match receiver.try_recv() {
                Ok(message) => return Ok(message),
                Err(TryRecvError::Empty) => woken.await,
                Err(TryRecvError::Lagged(missed)) => return Err(RecvError::Lagged(missed)),
                Err(TryRecvError::Closed) => return Err(RecvError::Closed),
            }
        }
    }
}

impl<T> Drop for Subscription<T> {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        // Under the lock, so that of two that end at once the second one finds no receiver left.
        self.receiver = None;
        if open
            .get(&self.team)
            .is_some_and(|topic| topic.sender.receiver_count() == 0)
        {
            open.remove(&self.team);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    use super::*;
    use chrono::DateTime;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    fn team() -> TeamId {
        TeamId::generate(DateTime::UNIX_EPOCH)
    }

    /// Polls once.
    fn poll<F: Future>(future: Pin<&mut F>, woken: &Arc<Woken>) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(woken));
        future.poll(&mut Context::from_waker(&waker))
    }

    #[tokio::test]
    async fn a_message_wakes_the_subscribers_of_its_team_and_no_others() {
        let topics = Topics::new(4);
        let (loud, quiet) = (team(), team());
        let (mut listener, mut other) = (topics.subscribe(loud), topics.subscribe(quiet));
        let woken = Arc::new(Woken::default());
        let mut waiting = pin!(other.next());
        assert!(poll(waiting.as_mut(), &woken).is_pending());
        topics.topic(loud).unwrap().send(7);
        assert_eq!(listener.next().await, Ok(7));
        assert!(!woken.0.load(Ordering::SeqCst));
        topics.topic(quiet).unwrap().send(8);
        assert_eq!(waiting.await, Ok(8));
    }

    #[tokio::test]
    async fn subscribers_of_one_team_are_woken_a_few_at_a_time() {
        let (topics, loud) = (Topics::new(4), team());
        let mut subscribers: Vec<_> = (0..100).map(|_| topics.subscribe(loud)).collect();
        let mut waiting: Vec<_> = subscribers
            .iter_mut()
            .map(|subscriber| (Box::pin(subscriber.next()), Arc::new(Woken::default())))
            .collect();
        for (next, woken) in &mut waiting {
            assert!(poll(next.as_mut(), woken).is_pending());
        }
        topics.topic(loud).unwrap().send(7);
        let count = |waiting: &[(_, Arc<Woken>)]| {
            let woken = waiting.iter().filter(|(_, woken)| woken.0.load(Ordering::SeqCst));
            woken.count()
        };
        let mut turns = Vec::new();
        while turns.last() != Some(&100) {
            tokio::task::yield_now().await;
            turns.push(count(&waiting));
        }
        assert_eq!(turns, [32, 64, 96, 100]);
        for (next, woken) in &mut waiting {
            assert_eq!(poll(next.as_mut(), woken), Poll::Ready(Ok(7)));
        }
    }

    #[tokio::test]
    async fn a_channel_exists_while_it_has_subscribers() {
        let topics = Topics::<u8>::new(4);
        let team = team();
        assert!(topics.topic(team).is_none());
        let first = topics.subscribe(team);
        let second = topics.subscribe(team);
        drop(first);
        assert!(topics.topic(team).is_some());
        drop(second);
        assert!(topics.topic(team).is_none() && topics.open.lock().is_empty());
    }
}
