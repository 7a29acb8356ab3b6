//! `WatchOwners`: the table of shards as this replica last read it. A replica that cannot read it any more is silent, so
//! that its followers ask another.

use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use tokio::sync::watch;
use tonic::Request;
use watchbell_contracts::api::{BoxStream, boxed};
use watchbell_contracts::dispatcher::v1 as wire;

use super::internal;
use crate::error::Error;
use crate::state::Core;

/// Between two messages while nothing changes.
const INTERVAL: Duration = Duration::from_secs(1);

struct OwnersStream {
    core: Arc<Core>,
    refreshes: watch::Receiver<u64>,
    sent: Option<(wire::WatchOwnersResponse, Duration)>,
}

pub(super) fn watch_owners(
    core: &Arc<Core>,
    request: &Request<wire::WatchOwnersRequest>,
) -> Result<BoxStream<wire::WatchOwnersResponse>, Error> {
    internal(request)?;
    let mut refreshes = core.refreshes.subscribe();
    // What was read so far is sent first.
    refreshes.mark_changed();
    let stream = OwnersStream {
        core: Arc::clone(core),
        refreshes,
        sent: None,
    };
    Ok(boxed(stream::unfold(stream, |mut stream| async move {
        let message = stream.next().await?;
        Some((Ok(message), stream))
    })))
}

// === impl OwnersStream ===

impl OwnersStream {
    async fn next(&mut self) -> Option<wire::WatchOwnersResponse> {
        loop {
            self.refreshes.changed().await.ok()?;
            let now = self.core.clock.monotonic();
            let Some(message) = message(&self.core, now) else {
                continue;
            };
            let is_news = self
                .sent
                .as_ref()
                .is_none_or(|(sent, at)| *sent != message || *at + INTERVAL <= now);
            if is_news {
                self.sent = Some((message.clone(), now));
                return Some(message);
            }
        }
    }
}

/// What this replica knows, unless it is out of date.
fn message(core: &Core, now: Duration) -> Option<wire::WatchOwnersResponse> {
    let ownership = core.ownership();
    if !ownership.is_fresh(now) {
        return None;
    }
    let owners = ownership.table().by_address().into_iter();
    let owners = owners.map(|(address, shards)| wire::ShardOwner {
        address: address.to_string(),
        shards: shards.into_iter().map(|shard| shard.number().into()).collect(),
    });
    Some(wire::WatchOwnersResponse {
        owners: owners.collect(),
    })
}
