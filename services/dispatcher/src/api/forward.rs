//! Calls about teams whose shard another replica owns: writes and watches are passed on to it, with the caller's own
//! credential, so that it admits the same principal. Reads are answered wherever they arrive.

use std::sync::Arc;
use std::time::Duration;

use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status};
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_contracts::dispatcher::v1::alert_service_client::AlertServiceClient;
use watchbell_contracts::dispatcher::v1::dispatcher_service_client::DispatcherServiceClient;
use watchbell_contracts::dispatcher::v1::inbox_service_client::InboxServiceClient;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;
use watchbell_runtime::auth::Principal;
use watchbell_runtime::client::ServiceChannel;
use watchbell_runtime::problem::Problem;

use super::{Service, team};
use crate::ownership::Location;
use crate::state::Core;

/// How long a call waits for its team's shard to have an owner: longer than a take-over takes.
pub(super) const OWNER_TIMEOUT: Duration = Duration::from_secs(5);
/// Said when it cannot be reached.
pub(super) const OWNER_UNAVAILABLE: &str = "the Dispatcher that serves this team is unavailable";
/// Metadata of a request that another replica has passed on. It is not passed on again.
const FORWARDED: &str = "watchbell-forwarded";
/// Where a caller's credential may be.
const CREDENTIALS: [&str; 2] = ["authorization", "x-api-key"];

/// Where a call is carried out.
pub(super) enum Owner {
    Here,
    At(OwnerPeer),
}

/// The replica that owns a team's shard.
pub(super) struct OwnerPeer {
    channel: ServiceChannel,
    /// Empty for other services of Watchbell, whose identity the channel shows.
    credentials: Vec<(&'static str, MetadataValue<tonic::metadata::Ascii>)>,
}

/// A request about one team.
pub(super) trait OfTeam {
    /// `team_…`
    fn team_id(&self) -> &str;
}

macro_rules! of_team {
    ($($request:ty),+ $(,)?) => {$(
        impl OfTeam for $request {
            fn team_id(&self) -> &str {
                &self.team_id
            }
        }
    )+};
}

of_team!(
    wire::SendTestRequest,
    wire::ReplayRequest,
    wire::RecoverRequest,
    wire::CancelDeliveriesRequest,
    wire::AddDeliveriesRequest,
    wire::CancelDeliveryRequest,
    wire::WatchDeliveriesRequest,
    wire::StreamEventsRequest,
    wire::GetChannelStatsRequest,
    wire::MarkReadRequest,
    wire::MarkUnreadRequest,
    wire::MarkAllReadRequest,
    wire::ArchiveRequest,
    wire::UnarchiveRequest,
    wire::WatchRequest,
    wire::AcknowledgeAlertRequest,
    wire::SnoozeAlertRequest,
    wire::ResolveAlertRequest,
    wire::WatchAlertsRequest,
);

/// Who owns a team's shard; waits until somebody does.
///
/// # Errors
/// Nobody did for [`OWNER_TIMEOUT`].
pub(super) async fn locate(core: &Core, team: TeamId) -> Result<Location, Problem> {
    let shard = ShardId::of(team);
    if core.ownership().owns(shard) {
        return Ok(Location::Here);
    }
    let since = core.clock.monotonic();
    let mut refreshes = core.refreshes.subscribe();
    let located = async {
        loop {
            match core.ownership().locate(core.owner(), shard, since) {
                Some(Location::Nowhere) => {}
                Some(location) => return location,
                None => core.refresh.notify_one(),
            }
            if refreshes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::time::timeout(OWNER_TIMEOUT, located)
        .await
        .map_err(|_| Problem::unavailable("no Dispatcher serves this team at the moment"))
}

/// Whether another replica has passed a request on.
pub(super) fn is_forwarded<T>(request: &Request<T>) -> bool {
    request.metadata().contains_key(FORWARDED)
}

/// A request that is passed on, and not again.
pub(super) fn forwarded<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert(FORWARDED, MetadataValue::from_static("1"));
    request
}

/// An answer of the owner for the caller. A connection that breaks has no details.
pub(super) fn relayed(status: Status) -> Status {
    match status.code() {
        Code::Unavailable | Code::Unknown | Code::Cancelled if status.details().is_empty() => {
            Problem::unavailable(OWNER_UNAVAILABLE).into()
        }
        _ => status,
    }
}

// === impl Service ===

impl Service {
    /// Where a call about a team is carried out.
    pub(super) async fn owner<T: OfTeam>(&self, request: &Request<T>) -> Result<Owner, Problem> {
        self.owner_of(team(request, request.get_ref().team_id())?, request)
            .await
    }

    /// Where a call is carried out that does not name its team itself.
    pub(super) async fn owner_of<T>(&self, team: TeamId, request: &Request<T>) -> Result<Owner, Problem> {
        match locate(&self.core, team).await? {
            // Any caller can say that it was forwarded, and learns no address.
            Location::At(_) if is_forwarded(request) => Err(Problem::NotOwner { address: None }),
            Location::At(address) => Ok(Owner::At(self.peer(request, &address)?)),
            Location::Here | Location::Nowhere => Ok(Owner::Here),
        }
    }

    fn peer<T>(&self, request: &Request<T>, address: &str) -> Result<OwnerPeer, Problem> {
        let peers = &self.peers;
        let is_service = Principal::from_request(request)? == Principal::Service;
        let channel = match is_service {
            true => peers.as_service(address),
            false => peers.as_caller(address),
        };
        let credentials = CREDENTIALS
            .into_iter()
            .filter(|_| !is_service)
            .filter_map(|name| Some((name, request.metadata().get(name)?.clone())));
        Ok(OwnerPeer {
            channel: channel.map_err(Problem::internal)?,
            credentials: credentials.collect(),
        })
    }

    /// A client of the owner, as this service.
    pub(super) fn submitter(
        &self,
        address: &Arc<str>,
    ) -> Result<DispatcherServiceClient<ServiceChannel>, Problem> {
        let channel = self.peers.as_service(address);
        Ok(DispatcherServiceClient::new(channel.map_err(Problem::internal)?))
    }
}

// === impl OwnerPeer ===

impl OwnerPeer {
    pub(super) fn dispatcher(&self) -> DispatcherServiceClient<ServiceChannel> {
        DispatcherServiceClient::new(self.channel.clone())
    }

    pub(super) fn alerts(&self) -> AlertServiceClient<ServiceChannel> {
        AlertServiceClient::new(self.channel.clone())
    }

    pub(super) fn inbox(&self) -> InboxServiceClient<ServiceChannel> {
        InboxServiceClient::new(self.channel.clone())
    }

    /// The same request, of the same caller.
    pub(super) fn request<T>(&self, request: Request<T>) -> Request<T> {
        let mut request = forwarded(request.into_inner());
        for (name, credential) in &self.credentials {
            request.metadata_mut().insert(*name, credential.clone());
        }
        request
    }
}
