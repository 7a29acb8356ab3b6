//! Broadcast channels, one for each team that has subscribers. A channel is created for the first subscriber and removed
//! with the last, so that teams without subscribers cost nothing.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};
use watchbell_model::ids::TeamId;

/// The channels of all teams.
#[derive(Debug)]
pub(super) struct Topics<T> {
    /// Messages that a subscriber may lag behind.
    backlog: usize,
    open: Open<T>,
}

type Open<T> = Arc<Mutex<HashMap<TeamId, Sender<T>>>>;

/// Subscription to one team's channel.
#[derive(Debug)]
pub(crate) struct Subscription<T> {
    team: TeamId,
    receiver: Option<Receiver<T>>,
    open: Open<T>,
}

// === impl Topics ===

impl<T: Clone> Topics<T> {
    pub(super) fn new(backlog: usize) -> Self {
        Self {
            backlog,
            open: Open::default(),
        }
    }

    /// Subscribes to a team's channel.
    pub(super) fn subscribe(&self, team: TeamId) -> Subscription<T> {
        let mut open = self.open.lock();
        let sender = open
            .entry(team)
            .or_insert_with(|| broadcast::channel(self.backlog).0);
        Subscription {
            team,
            receiver: Some(sender.subscribe()),
            open: Arc::clone(&self.open),
        }
    }

    /// The channel of a team, if it has subscribers.
    pub(super) fn topic(&self, team: TeamId) -> Option<Sender<T>> {
        self.open.lock().get(&team).cloned()
    }

    /// The channels of all teams that have subscribers.
    pub(super) fn topics_all_teams(&self) -> Vec<Sender<T>> {
        self.open.lock().values().cloned().collect()
    }
}

// === impl Subscription ===

impl<T: Clone> Subscription<T> {
    /// The next message.
    ///
    /// # Errors
    /// `Lagged` when messages were missed.
    pub(crate) async fn next(&mut self) -> Result<T, RecvError> {
        match &mut self.receiver {
            Some(receiver) => receiver.recv().await,
            None => Err(RecvError::Closed),
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
            .is_some_and(|sender| sender.receiver_count() == 0)
        {
            open.remove(&self.team);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    use chrono::DateTime;
    use futures::FutureExt as _;

    use super::*;

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

    #[test]
    fn a_message_wakes_the_subscribers_of_its_team_and_no_others() {
        let topics = Topics::new(4);
        let (loud, quiet) = (team(), team());
        let (mut listener, mut other) = (topics.subscribe(loud), topics.subscribe(quiet));
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut waiting = pin!(other.next());
        assert!(
            waiting
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        topics.topic(loud).unwrap().send(7).unwrap();
        assert_eq!(listener.next().now_or_never(), Some(Ok(7)));
        assert!(!woken.0.load(Ordering::SeqCst));
        topics.topic(quiet).unwrap().send(8).unwrap();
        assert!(woken.0.load(Ordering::SeqCst));
        assert_eq!(waiting.poll(&mut Context::from_waker(&waker)), Poll::Ready(Ok(8)));
    }

    #[test]
    fn a_channel_exists_while_it_has_subscribers() {
        let topics = Topics::<u8>::new(4);
        let team = team();
        assert!(topics.topic(team).is_none());
        let first = topics.subscribe(team);
        let second = topics.subscribe(team);
        drop(first);
        assert!(topics.topic(team).is_some());
        drop(second);
        assert!(topics.topic(team).is_none() && topics.topics_all_teams().is_empty());
    }
}
