//! The loops that run beside the service's handlers.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use watchbell_runtime::tasks::repeat;

use crate::cell_mover::{self, CellMover};
use crate::change_events::ChangeTeller;
use crate::confirmations::asker::ConfirmationAsker;
use crate::error::Result;
use crate::owners::OwnerTeller;
use crate::pruner::FeedPruner;
use crate::resealer::Resealer;
use crate::service::Service;

// === impl Service ===

impl Service {
    /// Runs the loops until `shutdown`; then ends the open streams, so that a server can drain.
    pub async fn run(&self, shutdown: CancellationToken) {
        let pruner = FeedPruner::new(self.store().clone(), self.clock().clone());
        let resealer = Resealer::new(self.clone());
        let teller = OwnerTeller::new(self.clone());
        let asker = ConfirmationAsker::new(self.clone());
        let changes = ChangeTeller::new(self.clone());
        let mover = CellMover::new(self.clone());
        tokio::join!(
            self.followers().exchange(self.store(), &shutdown),
            every(
                Duration::from_secs(3600),
                &shutdown,
                "pruning the change feed",
                || pruner.tick()
            ),
            every(Duration::from_secs(3600), &shutdown, "resealing secrets", || {
                resealer.tick()
            }),
            every(Duration::from_secs(5), &shutdown, "notifying Owners", || teller
                .tick()),
            every(Duration::from_secs(5), &shutdown, "telling of changes", || {
                changes.tick()
            }),
            every(
                Duration::from_secs(5),
                &shutdown,
                "asking recipients to confirm",
                || asker.tick()
            ),
            every(
                Duration::from_secs(3600),
                &shutdown,
                "pruning confirmations",
                || asker.prune()
            ),
            every(
                Duration::from_secs(3600),
                &shutdown,
                "pruning notices to Owners",
                || { teller.prune() }
            ),
            every(
                cell_mover::INTERVAL,
                &shutdown,
                "moving teams between cells",
                || { mover.tick() }
            ),
        );
        self.closing().cancel();
    }
}

/// Calls `tick` at once and then every `pause`. A failure is logged and retried with the next call.
async fn every<F, T>(
    pause: Duration,
    shutdown: &CancellationToken,
    what: &'static str,
    mut tick: impl FnMut() -> F,
) where
    F: Future<Output = Result<T>>,
{
    let task = || {
        let tick = tick();
        async move {
            if let Err(error) = tick.await {
                tracing::warn!(%error, "{what} failed; it will be retried");
            }
            pause
        }
    };
    // A long run is not waited for.
    shutdown
        .run_until_cancelled(repeat(shutdown, Duration::ZERO, None, task))
        .await;
}
