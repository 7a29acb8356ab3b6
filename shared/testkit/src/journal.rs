//! What arrived, in order, and how to wait for it without sleeping.

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tokio::time::timeout;

/// How long `wait_for` waits before it says what is missing.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(10);

/// What was awaited did not arrive in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("waited for {wanted} {what}, got {got} in {within:?}")]
pub struct NotArrived {
    /// What was awaited.
    pub what: &'static str,
    /// How many were awaited.
    pub wanted: usize,
    /// How many there were.
    pub got: usize,
    /// For how long.
    pub within: Duration,
}

/// An append-only record that can be awaited.
#[derive(Debug)]
pub(crate) struct Journal<T> {
    what: &'static str,
    entries: Mutex<Vec<T>>,
    count: watch::Sender<usize>,
}

impl<T: Clone> Journal<T> {
    pub(crate) fn new(what: &'static str) -> Self {
        Self {
            what,
            entries: Mutex::default(),
            count: watch::Sender::new(0),
        }
    }

    pub(crate) fn push(&self, entry: T) {
        self.lock().push(entry);
        self.count.send_modify(|count| *count += 1);
    }

    pub(crate) fn extend(&self, entries: Vec<T>) {
        let added = entries.len();
        self.lock().extend(entries);
        self.count.send_modify(|count| *count += added);
    }

    /// Counts something without keeping it.
    pub(crate) fn tick(&self) {
        self.count.send_modify(|count| *count += 1);
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.lock().clone()
    }

    pub(crate) fn count(&self) -> usize {
        *self.count.borrow()
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
        self.count.send_modify(|count| *count = 0);
    }

    /// Waits until at least `wanted` have been counted.
    pub(crate) async fn wait_for(&self, wanted: usize, within: Duration) -> Result<Vec<T>, NotArrived> {
        let mut count = self.count.subscribe();
        let arrived = timeout(within, count.wait_for(|count| *count >= wanted)).await;
        match arrived {
            Ok(Ok(_)) => Ok(self.all()),
            _ => Err(NotArrived {
                what: self.what,
                wanted,
                got: self.count(),
                within,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.entries.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_wakes_when_enough_has_arrived() {
        let journal = std::sync::Arc::new(Journal::new("letters"));
        let waiting = tokio::spawn({
            let journal = std::sync::Arc::clone(&journal);
            async move { journal.wait_for(2, WAIT_TIMEOUT).await }
        });
        journal.push('a');
        journal.push('b');
        assert_eq!(waiting.await.unwrap(), Ok(vec!['a', 'b']));
    }

    #[tokio::test]
    async fn waiting_in_vain_says_what_is_missing() {
        let journal = Journal::new("letters");
        journal.push('a');
        let error = journal.wait_for(2, Duration::from_millis(5)).await.unwrap_err();
        assert_eq!(error.to_string(), "waited for 2 letters, got 1 in 5ms");
    }
}
