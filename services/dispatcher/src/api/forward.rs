//! Calls about teams whose shard another replica owns: writes and watches are passed on to it, with the caller's own
//! credential, so that it admits the same principal. Reads are answered wherever they arrive. Both are passed on to the cell that
//! the team lives in, if that is another one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status};
use watchbell_contracts::api::{LOCATED, MAX_MESSAGE_BYTES};
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_contracts::dispatcher::v1::alert_service_client::AlertServiceClient;
use watchbell_contracts::dispatcher::v1::dispatcher_service_client::DispatcherServiceClient;
use watchbell_contracts::dispatcher::v1::inbox_service_client::InboxServiceClient;
use watchbell_contracts::dispatcher::v1::team_move_service_client::TeamMoveServiceClient;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;
use watchbell_runtime::auth::Principal;
use watchbell_runtime::client::ServiceChannel;
use watchbell_runtime::problem::Problem;

use super::{Service, team};
use crate::ownership::{Absence, CellAddresses, Location};
use crate::state::Core;

/// How long a call waits for its team's shard to have an owner: longer than a take-over takes.
pub(super) const OWNER_TIMEOUT: Duration = Duration::from_secs(5);
/// Said when it cannot be reached.
pub(super) const OWNER_UNAVAILABLE: &str = "the Dispatcher that serves this team is unavailable";
/// Metadata of a request that another replica of the cell has passed on. It is not passed on to a replica again.
const FORWARDED: &str = "watchbell-forwarded";
/// Metadata of a request that another cell has passed on. It is not passed on to a cell again.
const FROM_CELL: &str = "watchbell-from-cell";
/// The largest answer that is passed on: a page of events.
const MAX_ANSWER: usize = 16 * MAX_MESSAGE_BYTES;
/// Where a caller's credential may be.
const CREDENTIALS: [&str; 2] = ["authorization", "x-api-key"];

/// Where a call is carried out.
pub(super) enum Owner {
    Here,
    At(OwnerPeer),
}

/// The replica that owns a team's shard, or one of the team's cell.
pub(super) struct OwnerPeer {
    channel: ServiceChannel,
    hops: Hops,
    /// Empty for other services of Watchbell, whose identity the channel shows.
    credentials: Vec<(&'static str, MetadataValue<tonic::metadata::Ascii>)>,
}

/// Where a request has come by.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hops {
    /// Another replica of the cell.
    pub(super) replica: bool,
    /// Another cell.
    pub(super) cell: bool,
    /// Its caller has found the team's cell.
    pub(super) located: bool,
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
    wire::RenderPreviewRequest,
    wire::ListDeliveriesRequest,
    wire::GetDeliveryRequest,
    wire::GetDeliveryStatsRequest,
    wire::ListEventsRequest,
    wire::GetEventRequest,
    wire::ListNotificationsRequest,
    wire::GetUnreadCountRequest,
    wire::ListAlertsRequest,
    wire::GetAlertRequest,
);

impl OfTeam for wire::ExplainAlertRequest {
    fn team_id(&self) -> &str {
        let submission = self.submission.as_ref();
        submission.map_or(&self.team_id, |submission| &submission.team_id)
    }
}

/// Where a team is served; waits until it is. What came from another cell is served here, as soon as the team has arrived.
///
/// # Errors
/// It was not for [`OWNER_TIMEOUT`].
pub(super) async fn locate(core: &Core, team: TeamId, hops: Hops) -> Result<Location, Problem> {
    let since = core.clock.monotonic();
    until_located(core, || location(core, team, hops, since)).await
}

/// Who owns a shard; waits until somebody does.
async fn locate_shard(core: &Core, shard: ShardId) -> Result<Location, Problem> {
    let since = core.clock.monotonic();
    until_located(core, || core.ownership().locate(core.owner(), shard, since)).await
}

async fn until_located(
    core: &Core,
    location: impl Fn() -> Option<Location> + Send + Sync,
) -> Result<Location, Problem> {
    let mut refreshes = core.refreshes.subscribe();
    let located = async {
        loop {
            match location() {
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

/// Where a team is served, as far as this replica has known since an instant.
fn location(core: &Core, team: TeamId, hops: Hops, since: Duration) -> Option<Location> {
    let ownership = core.ownership();
    match ownership.absence(team) {
        None => ownership.locate(core.owner(), ShardId::of(team), since),
        Some(Absence::Left(cell) | Absence::Arriving(cell)) if !hops.cell && !cell.is_empty() => {
            Some(Location::Elsewhere(Arc::clone(cell)))
        }
        Some(_) => Some(Location::Nowhere),
    }
}

/// Where a request has come by.
pub(super) fn hops<T>(request: &Request<T>) -> Hops {
    Hops {
        replica: request.metadata().contains_key(FORWARDED),
        cell: request.metadata().contains_key(FROM_CELL),
        located: request.metadata().contains_key(LOCATED),
    }
}

// === impl Hops ===

impl Hops {
    /// Those of a request that is passed on to the replica that owns the team.
    pub(super) fn to_replica(self) -> Self {
        Self {
            replica: true,
            ..self
        }
    }

    /// Those of a request that is passed on to the team's cell.
    pub(super) const fn to_cell(self) -> Self {
        Self {
            replica: false,
            cell: true,
            located: true,
        }
    }
}

/// A request that is passed on.
pub(super) fn forwarded<T>(message: T, hops: Hops) -> Request<T> {
    let mut request = Request::new(message);
    for (name, has) in [(FORWARDED, hops.replica), (FROM_CELL, hops.cell)] {
        if has {
            let yes = MetadataValue::from_static("1");
            request.metadata_mut().insert(name, yes);
        }
    }
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
        let hops = hops(request);
        if let Some(cell) = self.other_cell(team, hops).await {
            return self.in_cell(request, &cell);
        }
        match locate(&self.core, team, hops).await? {
            Location::Elsewhere(cell) => self.in_cell(request, &cell),
            // Any caller can say that it was forwarded, and learns no address.
            Location::At(_) if hops.replica => Err(Problem::NotOwner { address: None }),
            Location::At(address) => Ok(Owner::At(self.peer(request, &address, hops.to_replica())?)),
            Location::Here | Location::Nowhere => Ok(Owner::Here),
        }
    }

    /// Where a call about the move of a team is carried out: at the owner of its shard, wherever the team lives.
    pub(super) async fn owner_of_shard<T>(
        &self,
        team_id: &str,
        request: &Request<T>,
    ) -> Result<Owner, Problem> {
        let (team, hops) = (team(request, team_id)?, hops(request));
        match locate_shard(&self.core, ShardId::of(team)).await? {
            Location::At(_) if hops.replica => Err(Problem::NotOwner { address: None }),
            Location::At(address) => Ok(Owner::At(self.peer(request, &address, hops.to_replica())?)),
            _ => Ok(Owner::Here),
        }
    }

    /// Where a call is carried out that any replica of the team's cell can answer.
    pub(super) async fn any_of<T: OfTeam>(&self, request: &Request<T>) -> Result<Owner, Problem> {
        let (team, hops) = (team(request, request.get_ref().team_id())?, hops(request));
        self.any_of_team(team, hops, request).await
    }

    /// The same of a call that does not name its team itself.
    pub(super) async fn any_of_team<T>(
        &self,
        team: TeamId,
        hops: Hops,
        request: &Request<T>,
    ) -> Result<Owner, Problem> {
        if let Some(cell) = self.other_cell(team, hops).await {
            return self.in_cell(request, &cell);
        }
        match location(&self.core, team, hops, Duration::ZERO) {
            Some(Location::Elsewhere(cell)) => self.in_cell(request, &cell),
            // Whoever passed it on does not know yet that the team has left.
            _ if self.has_left(team) => Err(Problem::unavailable("this team moves at the moment")),
            _ => Ok(Owner::Here),
        }
    }

    /// The cell that a team lives in, if Config says that it is another one. Of a team that arrives or is about to leave that is known better
    /// here.
    pub(super) async fn other_cell(&self, team: TeamId, hops: Hops) -> Option<CellAddresses> {
        if hops.cell || self.moves(team) {
            return None;
        }
        let cell = self.cells.locate(team).await?;
        let is_other = cell.database_id != self.cell_id && !self.moves(team);
        is_other.then(|| cell.addresses.clone())
    }

    fn moves(&self, team: TeamId) -> bool {
        let ownership = self.core.ownership();
        matches!(
            ownership.absence(team),
            Some(Absence::Frozen | Absence::Arriving(_))
        )
    }

    fn has_left(&self, team: TeamId) -> bool {
        matches!(self.core.ownership().absence(team), Some(Absence::Left(_)))
    }

    fn in_cell<T>(&self, request: &Request<T>, cell: &CellAddresses) -> Result<Owner, Problem> {
        let peer = self.peer(request, self.one_of(cell)?, hops(request).to_cell())?;
        Ok(Owner::At(peer))
    }

    /// One of a cell's Dispatchers, by turns.
    pub(super) fn one_of<'c>(&self, cell: &'c CellAddresses) -> Result<&'c Arc<str>, Problem> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        cell.get(turn % cell.len().max(1))
            .ok_or_else(|| Problem::unavailable(OWNER_UNAVAILABLE))
    }

    fn peer<T>(&self, request: &Request<T>, address: &str, hops: Hops) -> Result<OwnerPeer, Problem> {
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
            hops,
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
        DispatcherServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER)
    }

    pub(super) fn moves(&self) -> TeamMoveServiceClient<ServiceChannel> {
        TeamMoveServiceClient::new(self.channel.clone())
    }

    pub(super) fn alerts(&self) -> AlertServiceClient<ServiceChannel> {
        AlertServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER)
    }

    pub(super) fn inbox(&self) -> InboxServiceClient<ServiceChannel> {
        InboxServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER)
    }

    /// The same request, of the same caller.
    pub(super) fn request<T>(&self, request: Request<T>) -> Request<T> {
        let mut request = forwarded(request.into_inner(), self.hops);
        for (name, credential) in &self.credentials {
            request.metadata_mut().insert(*name, credential.clone());
        }
        request
    }
}
