//! Replicas that others take for dead. It also happens to one that lives, on a machine that is too busy to let it beat; what
//! it had under way may arrive twice then.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use uuid::Uuid;
use watchbell_model::clock::{Clock as _, SystemClock};

use super::rows::Rows;

/// Between two looks.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// From and until.
type Span = (DateTime<Utc>, DateTime<Utc>);

/// Notes them while it exists.
pub(crate) struct Takeovers {
    /// From when a replica may have been taken for dead until all were there again.
    seen: Arc<Mutex<Vec<Span>>>,
    looking: JoinHandle<()>,
}

impl Takeovers {
    /// From now on, with so many replicas.
    pub(crate) fn watch(rows: Rows, replicas: usize) -> Self {
        let seen: Arc<Mutex<Vec<Span>>> = Arc::default();
        let noting = seen.clone();
        let clock = SystemClock::new();
        let looking = tokio::spawn(async move {
            let mut looked = clock.now();
            let mut before = HashSet::<Uuid>::new();
            let mut missing_since = None;
            loop {
                // Without an answer the next look counts from here.
                if let Some(now) = rows.replicas().await {
                    if !before.is_subset(&now) {
                        missing_since.get_or_insert(looked);
                    }
                    looked = clock.now();
                    if now.len() == replicas
                        && let Some(since) = missing_since.take()
                    {
                        noting.lock().push((since, looked));
                    }
                    before = now;
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        });
        Self { seen, looking }
    }

    /// Those so far.
    pub(crate) fn seen(&self) -> Vec<Span> {
        self.seen.lock().clone()
    }
}

impl Drop for Takeovers {
    fn drop(&mut self) {
        self.looking.abort();
    }
}
