//! Which Dispatcher owns which shard, as the other services follow it. A follower begins at the seed addresses and then
//! knows all Dispatchers, so that none has to be configured when one is added. Any of them says who owns what; one that
//! is silent for [`HEARTBEAT_TIMEOUT`] (it stands still, or has lost its database) is left for another.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use watchbell_contracts::api::DispatcherApi;
use watchbell_contracts::dispatcher::v1::{WatchOwnersRequest, WatchOwnersResponse};
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;

use crate::auth::internal_request;
use crate::client::ClientError;
use crate::ready::Condition;
use crate::tasks::Loop;

/// A Dispatcher sends a message every second.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(3);
/// Before the next Dispatcher is asked: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// Owners of shards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners {
    shards: BTreeMap<ShardId, Arc<str>>,
    addresses: Vec<Arc<str>>,
}

/// The newest that is known; changes wake whoever waits.
pub type OwnersReceiver = watch::Receiver<Arc<Owners>>;

/// A client of the Dispatcher at an address.
pub type Connect = Arc<dyn Fn(&str) -> Result<Arc<dyn DispatcherApi>, ClientError> + Send + Sync>;

/// Loop that follows the owners.
pub struct OwnersFollower {
    seeds: Vec<Arc<str>>,
    connect: Connect,
    owners: watch::Sender<Arc<Owners>>,
    reached: Condition,
}

// === impl Owners ===

impl Owners {
    /// From a Dispatcher's message; what cannot be read is left out.
    #[must_use]
    pub fn read(message: WatchOwnersResponse) -> Self {
        let mut owners = Self::default();
        for owner in message.owners {
            let address: Arc<str> = owner.address.into();
            let shards = owner.shards.into_iter().map(i64::from);
            for shard in shards.filter_map(ShardId::from_number) {
                owners.shards.insert(shard, Arc::clone(&address));
            }
            owners.addresses.push(address);
        }
        owners
    }

    /// The address of the Dispatcher that owns a team's shard.
    #[must_use]
    pub fn of(&self, team: TeamId) -> Option<&Arc<str>> {
        self.shards.get(&ShardId::of(team))
    }

    /// The addresses of all Dispatchers.
    #[must_use]
    pub fn addresses(&self) -> &[Arc<str>] {
        &self.addresses
    }
}

// === impl OwnersFollower ===

impl OwnersFollower {
    /// A follower that begins at the seeds; `reached` holds once a Dispatcher has said who owns what.
    #[must_use]
    pub fn new(seeds: Vec<Arc<str>>, connect: Connect, reached: Condition) -> (Self, OwnersReceiver) {
        let (owners, receiver) = watch::channel(Arc::default());
        let follower = Self {
            seeds,
            connect,
            owners,
            reached,
        };
        (follower, receiver)
    }

    /// Follows one Dispatcher until it ends, fails or is silent; whether a message came.
    async fn follow(&self, address: &str) -> bool {
        let dispatcher = match (self.connect)(address) {
            Ok(dispatcher) => dispatcher,
            Err(error) => {
                tracing::warn!(%error, "a Dispatcher's address cannot be used");
                return false;
            }
        };
        let opened = dispatcher.watch_owners(internal_request(WatchOwnersRequest {}));
        let mut stream = match timeout(HEARTBEAT_TIMEOUT, opened).await {
            Ok(Ok(stream)) => stream.into_inner(),
            Ok(Err(status)) => {
                match status.code() {
                    Code::Unauthenticated | Code::PermissionDenied => {
                        tracing::error!(address, "a Dispatcher refuses the service token");
                    }
                    code => tracing::debug!(address, ?code, "the owners of shards are unknown"),
                }
                return false;
            }
            Err(_) => {
                tracing::debug!(address, "a Dispatcher does not say who owns which shard");
                return false;
            }
        };
        let mut heard = false;
        while let Ok(Some(Ok(message))) = timeout(HEARTBEAT_TIMEOUT, stream.next()).await {
            heard = true;
            self.reached.up();
            let owners = Owners::read(message);
            self.owners.send_if_modified(|known| {
                let changed = **known != owners;
                if changed {
                    *known = Arc::new(owners);
                }
                changed
            });
        }
        heard
    }
}

impl Loop for OwnersFollower {
    const NAME: &'static str = "dispatchers.owners";

    async fn run(self, shutdown: CancellationToken) {
        let (mut attempt, mut wait) = (0, RETRY.0);
        while !shutdown.is_cancelled() {
            let known = Arc::clone(&self.owners.borrow());
            let addresses: Vec<_> = known.addresses().iter().chain(&self.seeds).collect();
            let Some(address) = addresses.get(attempt % addresses.len().max(1)) else {
                return shutdown.cancelled().await;
            };
            attempt += 1;
            let Some(heard) = shutdown.run_until_cancelled(self.follow(address)).await else {
                return;
            };
            wait = if heard { RETRY.0 } else { (wait * 2).min(RETRY.1) };
            shutdown.run_until_cancelled(tokio::time::sleep(wait)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use watchbell_contracts::dispatcher::v1::ShardOwner;

    use super::*;

    #[test]
    fn a_team_is_where_its_shard_is() {
        let team = TeamId::generate(DateTime::UNIX_EPOCH);
        let shard = u32::from(ShardId::of(team).number());
        let owner = |address: &str, shards: Vec<u32>| ShardOwner {
            address: address.to_owned(),
            shards,
        };
        let others = (0..256).filter(|other| *other != shard).collect();
        let read = |owners| Owners::read(WatchOwnersResponse { owners });
        let owners = read(vec![
            owner("http://a", others),
            owner("http://b", vec![shard, 999]),
        ]);
        assert_eq!(owners.of(team).map(|address| &**address), Some("http://b"));
        assert_eq!(owners.addresses().len(), 2);
        let unowned = read(vec![owner("http://c", vec![])]);
        assert_eq!(unowned.of(team), None);
        assert_eq!(
            unowned.addresses().len(),
            1,
            "one without shards can be asked, too"
        );
    }
}
