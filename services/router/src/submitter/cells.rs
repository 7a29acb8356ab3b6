//! Submission to the Dispatchers of other cells. Those of a cell are followed from the first event on that belongs to it, until the
//! process stops; so a cell that is away is no concern of the others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use watchbell_model::cell::{CellName, TeamCell};
use watchbell_runtime::owners::{Connect, OwnersFollower};
use watchbell_runtime::ready::Readiness;
use watchbell_runtime::tasks::Loop as _;

use super::Remote;
use super::links::LinksLoop;

/// How long the first events of a cell wait for a stream to it.
const OPENING: Duration = Duration::from_secs(3);
/// Between two looks for it.
const LOOK: Duration = Duration::from_millis(10);

/// Those of other cells.
#[derive(Clone)]
pub(crate) struct Cells {
    connect: Connect,
    known: Arc<Mutex<HashMap<CellName, Known>>>,
    loops: mpsc::UnboundedSender<Loops>,
}

/// A cell that is followed.
struct Known {
    addresses: Arc<[Arc<str>]>,
    remote: Remote,
    stop: CancellationToken,
}

/// What runs for a cell until it is stopped.
struct Loops {
    follower: OwnersFollower,
    links: LinksLoop,
    stop: CancellationToken,
}

/// Runs the loops of cells as they are added.
pub(crate) struct CellsLoop(mpsc::UnboundedReceiver<Loops>);

// === impl Cells ===

impl Cells {
    /// Cells whose Dispatchers are called so, and the loop that must run for them.
    pub(crate) fn new(connect: Connect) -> (Self, CellsLoop) {
        let (loops, added) = mpsc::unbounded_channel();
        let cells = Self {
            connect,
            known: Arc::default(),
            loops,
        };
        (cells, CellsLoop(added))
    }

    /// The Dispatchers of a cell, as soon as one can be submitted to; or as they are after a while.
    pub(super) async fn of(&self, cell: &TeamCell) -> Remote {
        let remote = self.followed(cell);
        let opens = async {
            while remote.any().is_none() {
                tokio::time::sleep(LOOK).await;
            }
        };
        let _ = tokio::time::timeout(OPENING, opens).await;
        remote
    }

    fn followed(&self, cell: &TeamCell) -> Remote {
        let mut known = self.known.lock();
        if let Some(known) = known
            .get(&cell.name)
            .filter(|known| known.addresses == cell.addresses)
        {
            return known.remote.clone();
        }
        let stop = CancellationToken::new();
        let seeds = cell.addresses.to_vec();
        // The process is ready whether or not other cells are.
        let reached = Readiness::new().condition("router", "cells");
        let (follower, owners) = OwnersFollower::new(seeds.clone(), Arc::clone(&self.connect), reached);
        let (remote, links) = Remote::new(seeds, Arc::clone(&self.connect), owners);
        let loops = Loops {
            follower,
            links,
            stop: stop.clone(),
        };
        // The process stops when nobody takes it.
        let _ = self.loops.send(loops);
        let followed = Known {
            addresses: Arc::clone(&cell.addresses),
            remote: remote.clone(),
            stop,
        };
        if let Some(former) = known.insert(cell.name.clone(), followed) {
            former.stop.cancel();
        }
        remote
    }
}

// === impl CellsLoop ===

impl CellsLoop {
    /// Runs until shutdown; then waits for the answers that are still to come.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut running = JoinSet::new();
        let mut stops = Vec::new();
        while let Some(Some(added)) = shutdown.run_until_cancelled(self.0.recv()).await {
            let Loops {
                follower,
                links,
                stop,
            } = added;
            running.spawn(follower.run(stop.clone()));
            running.spawn(links.run(stop.clone()));
            stops.push(stop);
            while running.try_join_next().is_some() {}
        }
        shutdown.cancelled().await;
        for stop in stops {
            stop.cancel();
        }
        while running.join_next().await.is_some() {}
    }
}
