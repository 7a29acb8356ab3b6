//! The Dispatchers of other processes: followed from the seed addresses, called by the owner of a shard, or any of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use watchbell_contracts::api::{AlertApi, DispatcherApi, InboxApi, MAX_MESSAGE_BYTES};
use watchbell_contracts::dispatcher::v1::alert_service_client::AlertServiceClient;
use watchbell_contracts::dispatcher::v1::dispatcher_service_client::DispatcherServiceClient;
use watchbell_contracts::dispatcher::v1::inbox_service_client::InboxServiceClient;
use watchbell_router::Dispatchers;
use watchbell_runtime::client::{self, Addresses, ClientError, ServiceChannel};
use watchbell_runtime::owners::{Connect, OwnersFollower, OwnersReceiver};
use watchbell_runtime::ready::Condition;
use watchbell_runtime::settings::Shared;
use watchbell_runtime::tasks::{ShutdownPhase, TaskSet};

/// Where they are, and how they are called.
pub(super) struct RemoteDispatchers {
    seeds: Vec<Arc<str>>,
    connect: Connect,
    owners: OwnersReceiver,
    /// Calls any of them.
    any: ServiceChannel,
}

// === impl RemoteDispatchers ===

impl RemoteDispatchers {
    /// Starts to follow them.
    pub(super) fn follow(
        shared: &Shared,
        reached: Condition,
        tasks: &mut TaskSet,
    ) -> Result<Self, ClientError> {
        let seeds: Vec<Arc<str>> = shared
            .peers
            .dispatcher
            .iter()
            .map(|url| url.as_str().into())
            .collect();
        // A wrong seed ends the start.
        for seed in &seeds {
            client::connect(seed, shared)?;
        }
        let connect = connect(shared);
        let (follower, owners) = OwnersFollower::new(seeds.clone(), Arc::clone(&connect), reached);
        tasks.spawn(ShutdownPhase::Close, follower);
        let (any, addresses) = client::balanced(shared)?;
        let (known, first) = (owners.clone(), seeds.iter().cloned().collect());
        tasks.spawn_fn(ShutdownPhase::Close, "dispatchers.addresses", |stop| {
            keep(addresses, first, known, stop)
        });
        Ok(Self {
            seeds,
            connect,
            owners,
            any,
        })
    }

    /// For the Router.
    pub(super) fn dispatchers(&self) -> Dispatchers {
        Dispatchers::Remote {
            seeds: self.seeds.clone(),
            connect: Arc::clone(&self.connect),
            owners: self.owners.clone(),
        }
    }

    /// Any of them.
    pub(super) fn any(&self) -> Arc<dyn DispatcherApi> {
        dispatcher(self.any.clone())
    }

    /// Alerts, by any of them.
    pub(super) fn alerts(&self) -> Arc<dyn AlertApi> {
        Arc::new(AlertServiceClient::new(self.any.clone()))
    }

    /// The inbox, by any of them.
    pub(super) fn inbox(&self) -> Arc<dyn InboxApi> {
        Arc::new(InboxServiceClient::new(self.any.clone()))
    }
}

/// Calls the Dispatcher at an address.
pub(super) fn connect(shared: &Shared) -> Connect {
    let settings = shared.clone();
    Arc::new(move |url| Ok(dispatcher(client::connect(url, &settings)?)))
}

fn dispatcher(channel: ServiceChannel) -> Arc<dyn DispatcherApi> {
    let client = DispatcherServiceClient::new(channel);
    Arc::new(client.max_decoding_message_size(16 * MAX_MESSAGE_BYTES))
}

/// Calls go to the seeds until the Dispatchers themselves are known, and to the last known ones while none answers.
async fn keep(
    mut addresses: Addresses,
    seeds: BTreeSet<Arc<str>>,
    mut owners: OwnersReceiver,
    stop: CancellationToken,
) {
    addresses.set(seeds).await;
    loop {
        let known: BTreeSet<Arc<str>> = owners.borrow_and_update().addresses().iter().cloned().collect();
        if !known.is_empty() {
            addresses.set(known).await;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = owners.changed() => if changed.is_err() {
                return stop.cancelled().await;
            },
        }
    }
}
