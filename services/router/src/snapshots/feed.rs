//! Following the change feed of Config.

use std::{sync::atomic::Ordering, time::Duration};

use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;
use watchbell_contracts::config::v1::WatchChangesRequest;
use watchbell_runtime::auth::internal_request;

use super::Snapshots;

/// The wait before a broken feed is opened again; doubles up to [`LONGEST_WAIT`] while nothing is heard.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Follows the change feed of Config.
pub(crate) struct ChangeLoop {
    snapshots: Snapshots,
    /// Where the feed broke; 0 before anything was heard.
    cursor: i64,
}

// === impl ChangeLoop ===

impl ChangeLoop {
    pub(super) const fn new(snapshots: Snapshots) -> Self {
        Self { snapshots, cursor: 0 }
    }

    /// Follows the feed until shutdown, from where it left off whenever it breaks.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut wait = FIRST_WAIT;
        while !shutdown.is_cancelled() {
            let heard = tokio::select! {
                () = shutdown.cancelled() => return,
                heard = self.follow() => heard,
            };
            self.snapshots.following.store(false, Ordering::Release);
            if heard {
                wait = FIRST_WAIT;
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
            }
        }
    }

    /// Follows the feed until it breaks. Whether anything was heard.
    async fn follow(&mut self) -> bool {
        let after_cursor = self.cursor;
        let request = internal_request(WatchChangesRequest { after_cursor });
        let changes = match self.snapshots.config.watch_changes(request).await {
            Ok(response) => response.into_inner(),
            Err(status) => {
                tracing::debug!(code = ?status.code(), "Config's change feed cannot be had");
                return false;
            }
        };
        let mut changes = std::pin::pin!(changes);
        let mut heard = false;
        while let Some(Ok(change)) = changes.next().await {
            // A feed from now on does not tell what changed before, which a snapshot that is held already may lack.
            if !heard && after_cursor == 0 {
                self.snapshots.doubt_all();
            }
            heard = true;
            self.snapshots.note(&change).await;
            self.snapshots.following.store(true, Ordering::Release);
            self.cursor = change.cursor;
        }
        heard
    }
}
