//! The Dispatcher's gRPC services. A handler takes the principal, parses the request, calls the domain or the store,
//! and encodes the answer. Each resource has a file in `api/`.

mod additions;
mod alert_explanation;
mod alert_links;
mod alert_pending;
mod alerts;
mod cancellations;
mod deliveries;
mod drafts;
mod event_stream;
mod events;
mod filters;
mod forward;
mod inbox;
mod owners;
mod preview;
mod recover;
mod replay;
mod selection;
mod standing;
mod stats;
mod submit;
mod team_moves;
mod tests;
mod watch;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use async_trait::async_trait;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;
use watchbell_contracts::api::{AlertApi, BoxStream, CONFIG_UNKNOWN, DispatcherApi, InboxApi, TeamMoveApi};
use watchbell_contracts::config::v1::{EventType, GetTeamSnapshotRequest};
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::AcceptedEvent;
use watchbell_model::ids::{ChannelId, TeamId};
use watchbell_model::route::Route;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::{Principal, internal_request};
use watchbell_runtime::cells::CellDirectory;
use watchbell_runtime::client::Peers;
use watchbell_runtime::problem::{Problem, from_message};
use watchbell_runtime::submit::{Submit, Submitted};

use self::forward::{Owner, relayed};
use self::submit::OwnerAnswer;
use crate::error::Error;
use crate::state::Core;

/// `DispatcherService`, `AlertService` and `InboxService`, for callers in this process and behind a gRPC server.
#[derive(Clone)]
pub struct Service {
    pub(crate) core: Arc<Core>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) cells: Arc<CellDirectory>,
    /// Of this cell.
    pub(crate) cell_id: Uuid,
    /// Counts calls to other cells.
    pub(crate) turns: Arc<AtomicUsize>,
}

/// The team that a request is about.
fn team<T>(request: &Request<T>, team_id: &str) -> Result<TeamId, Problem> {
    Principal::from_request(request)?.team(team_id)
}

/// Checks that the team of a request exists; called when a query found nothing. While Config is unavailable the team
/// counts as existing.
async fn exists(core: &Core, principal: Principal, team: TeamId) -> Result<(), Problem> {
    if principal.own_team().is_some() {
        return Ok(());
    }
    let request = GetTeamSnapshotRequest {
        team_id: team.to_string(),
    };
    match core
        .channels
        .config()
        .get_team_snapshot(internal_request(request))
        .await
    {
        Err(status) if status.code() == Code::NotFound => Err(Problem::not_found("team", team)),
        _ => Ok(()),
    }
}

/// An event type of the team's own.
async fn event_type(core: &Core, team: TeamId, name: &str) -> Result<Option<EventType>, Problem> {
    let request = GetTeamSnapshotRequest {
        team_id: team.to_string(),
    };
    let answer = core
        .channels
        .config()
        .get_team_snapshot(internal_request(request))
        .await
        .map_err(|status| Problem::from_upstream("Config", status))?;
    let types = answer.into_inner().snapshot.map(|snapshot| snapshot.event_types);
    Ok(types.unwrap_or_default().into_iter().find(|own| own.name == name))
}

/// Calls of other services only.
fn internal<T>(request: &Request<T>) -> Result<(), Problem> {
    match Principal::from_request(request)? {
        Principal::Service => Ok(()),
        _ => Err(Problem::Denied {
            reason: watchbell_runtime::problem::reason::INTERNAL_ONLY,
            message: "this call is for other services of Watchbell".to_owned(),
        }),
    }
}

/// An id that must be there.
fn id<T>(field: &'static str, text: &str) -> Result<T, Violations>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let mut violations = Violations::new();
    if text.is_empty() {
        violations.required(field);
    }
    match text.parse() {
        Ok(id) => Ok(id),
        Err(_) if text.is_empty() => Err(violations),
        Err(error) => Err(Violations::one(field, reason::MALFORMED, error.to_string())),
    }
}

/// A channel that may be left out.
fn optional_channel(text: &str, violations: &mut Violations) -> Option<ChannelId> {
    (!text.is_empty())
        .then(|| violations.parse("channel_id", reason::MALFORMED, text))
        .flatten()
}

/// Carries a call out here, or passes it on to the owner of its team's shard.
macro_rules! at_owner {
    ($service:ident, $request:ident, $api:ident::$method:ident by $client:ident, $here:expr) => {
        at_owner!($service.owner(&$request), $request, $api::$method by $client, $here)
    };
    ($owner:expr, $request:ident, $api:ident::$method:ident by $client:ident, $here:expr) => {
        match $owner.await? {
            Owner::Here => answer($here),
            Owner::At(peer) => {
                let request = peer.request($request);
                $api::$method(&peer.$client(), request).await.map_err(relayed)
            }
        }
    };
}

/// What the owner in another process answered.
fn submitted(response: wire::SubmitResponse) -> Result<Submitted, Problem> {
    if let Some(error) = response.error {
        return Err(Problem::Relayed(Box::new(from_message(&error))));
    }
    let mut violations = Violations::new();
    let routes = response.routes.into_iter();
    let routes = routes.filter_map(|route| violations.take(route.try_into()).map(Arc::new));
    let routes = routes.collect();
    match violations.is_empty() {
        true => Ok(Submitted {
            duplicate: response.duplicate,
            routes,
        }),
        false => Err(Problem::internal(violations.to_string())),
    }
}

fn answer<T>(result: Result<T, Error>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(Into::into)
}

#[async_trait]
impl DispatcherApi for Service {
    async fn submit(
        &self,
        request: Request<BoxStream<wire::SubmitRequest>>,
    ) -> Result<Response<BoxStream<wire::SubmitResponse>>, Status> {
        let mut answers = answer(submit::submit(self, request))?;
        if !self.core.channels.know_config() {
            let yes = tonic::metadata::MetadataValue::from_static("1");
            answers.metadata_mut().insert(CONFIG_UNKNOWN, yes);
        }
        Ok(answers)
    }

    async fn send_test(
        &self,
        request: Request<wire::SendTestRequest>,
    ) -> Result<Response<wire::SendTestResponse>, Status> {
        at_owner!(self, request, DispatcherApi::send_test by dispatcher, tests::send_test(&self.core, request).await)
    }

    async fn render_preview(
        &self,
        request: Request<wire::RenderPreviewRequest>,
    ) -> Result<Response<wire::RenderPreviewResponse>, Status> {
        at_owner!(self.any_of(&request), request, DispatcherApi::render_preview by dispatcher, preview::render(&self.core, request).await)
    }

    async fn add_deliveries(
        &self,
        request: Request<wire::AddDeliveriesRequest>,
    ) -> Result<Response<wire::AddDeliveriesResponse>, Status> {
        at_owner!(self, request, DispatcherApi::add_deliveries by dispatcher, additions::add(&self.core, request).await)
    }

    async fn explain_alert(
        &self,
        request: Request<wire::ExplainAlertRequest>,
    ) -> Result<Response<wire::ExplainAlertResponse>, Status> {
        at_owner!(self.any_of(&request), request, DispatcherApi::explain_alert by dispatcher, alert_explanation::explain(&self.core, request).await)
    }

    async fn list_deliveries(
        &self,
        request: Request<wire::ListDeliveriesRequest>,
    ) -> Result<Response<wire::ListDeliveriesResponse>, Status> {
        at_owner!(self.any_of(&request), request, DispatcherApi::list_deliveries by dispatcher, deliveries::list(&self.core, request).await)
    }

    async fn get_delivery(
        &self,
        request: Request<wire::GetDeliveryRequest>,
    ) -> Result<Response<wire::GetDeliveryResponse>, Status> {
        at_owner!(self.any_of(&request), request, DispatcherApi::get_delivery by dispatcher, deliveries::get(&self.core, request).await)
    }

    async fn get_delivery_stats(
        &self,
        request: Request<wire::GetDeliveryStatsRequest>,
    ) -> Result<Response<wire::GetDeliveryStatsResponse>, Status> {
        at_owner!(self.any_of(&request), request, DispatcherApi::get_delivery_stats by dispatcher, stats::get(&self.core, request).await)
    }

    async fn replay(
        &self,
        request: Request<wire::ReplayRequest>,
    ) -> Result<Response<wire::ReplayResponse>, Status> {
        at_owner!(self, request, DispatcherApi::replay by dispatcher, replay::replay(&self.core, request).await)
    }

    async fn recover(
        &self,
        request: Request<wire::RecoverRequest>,
    ) -> Result<Response<wire::RecoverResponse>, Status> {
        at_owner!(self, request, DispatcherApi::recover by dispatcher, recover::recover(&self.core, request).await)
    }

    async fn cancel_deliveries(
        &self,
        request: Request<wire::CancelDeliveriesRequest>,
    ) -> Result<Response<wire::CancelDeliveriesResponse>, Status> {
        at_owner!(self, request, DispatcherApi::cancel_deliveries by dispatcher, cancellations::many(&self.core, request).await)
    }

    async fn cancel_delivery(
        &self,
        request: Request<wire::CancelDeliveryRequest>,
    ) -> Result<Response<wire::CancelDeliveryResponse>, Status> {
        at_owner!(self, request, DispatcherApi::cancel_delivery by dispatcher, cancellations::one(&self.core, request).await)
    }

    async fn list_events(
        &self,
        request: Request<wire::ListEventsRequest>,
    ) -> Result<Response<wire::ListEventsResponse>, Status> {
        at_owner!(self.any_of(&request), request, DispatcherApi::list_events by dispatcher, events::list(&self.core, request).await)
    }

    async fn stream_events(
        &self,
        request: Request<wire::StreamEventsRequest>,
    ) -> Result<Response<BoxStream<wire::StreamEventsResponse>>, Status> {
        at_owner!(self, request, DispatcherApi::stream_events by dispatcher, event_stream::open(&self.core, request).await)
    }

    async fn get_event(
        &self,
        request: Request<wire::GetEventRequest>,
    ) -> Result<Response<wire::GetEventResponse>, Status> {
        at_owner!(self.any_of(&request), request, DispatcherApi::get_event by dispatcher, events::get(&self.core, request).await)
    }

    async fn watch_deliveries(
        &self,
        request: Request<wire::WatchDeliveriesRequest>,
    ) -> Result<Response<BoxStream<wire::WatchDeliveriesResponse>>, Status> {
        at_owner!(self, request, DispatcherApi::watch_deliveries by dispatcher, watch::deliveries(&self.core, &request))
    }

    async fn get_channel_stats(
        &self,
        request: Request<wire::GetChannelStatsRequest>,
    ) -> Result<Response<wire::GetChannelStatsResponse>, Status> {
        at_owner!(self, request, DispatcherApi::get_channel_stats by dispatcher, deliveries::channel_stats(&self.core, request).await)
    }

    async fn watch_owners(
        &self,
        request: Request<wire::WatchOwnersRequest>,
    ) -> Result<Response<BoxStream<wire::WatchOwnersResponse>>, Status> {
        answer(owners::watch_owners(&self.core, &request))
    }
}

#[async_trait]
impl Submit for Service {
    async fn submit(&self, event: AcceptedEvent, routes: Vec<Route>) -> Result<Submitted, Problem> {
        match submit::submit_event(self, event, routes).await? {
            OwnerAnswer::Committed(committed) => Ok(Submitted {
                duplicate: committed.duplicate,
                routes: committed.routes,
            }),
            OwnerAnswer::Relayed(response) => submitted(response),
        }
    }
}

#[async_trait]
impl InboxApi for Service {
    async fn list_notifications(
        &self,
        request: Request<wire::ListNotificationsRequest>,
    ) -> Result<Response<wire::ListNotificationsResponse>, Status> {
        at_owner!(self.any_of(&request), request, InboxApi::list_notifications by inbox, inbox::list(&self.core, request).await)
    }

    async fn get_unread_count(
        &self,
        request: Request<wire::GetUnreadCountRequest>,
    ) -> Result<Response<wire::GetUnreadCountResponse>, Status> {
        at_owner!(self.any_of(&request), request, InboxApi::get_unread_count by inbox, inbox::unread(&self.core, request).await)
    }

    async fn mark_read(
        &self,
        request: Request<wire::MarkReadRequest>,
    ) -> Result<Response<wire::MarkReadResponse>, Status> {
        at_owner!(self, request, InboxApi::mark_read by inbox, inbox::mark_read(&self.core, request).await)
    }

    async fn mark_unread(
        &self,
        request: Request<wire::MarkUnreadRequest>,
    ) -> Result<Response<wire::MarkUnreadResponse>, Status> {
        at_owner!(self, request, InboxApi::mark_unread by inbox, inbox::mark_unread(&self.core, request).await)
    }

    async fn mark_all_read(
        &self,
        request: Request<wire::MarkAllReadRequest>,
    ) -> Result<Response<wire::MarkAllReadResponse>, Status> {
        at_owner!(self, request, InboxApi::mark_all_read by inbox, inbox::mark_all_read(&self.core, request).await)
    }

    async fn archive(
        &self,
        request: Request<wire::ArchiveRequest>,
    ) -> Result<Response<wire::ArchiveResponse>, Status> {
        at_owner!(self, request, InboxApi::archive by inbox, inbox::archive(&self.core, request).await)
    }

    async fn unarchive(
        &self,
        request: Request<wire::UnarchiveRequest>,
    ) -> Result<Response<wire::UnarchiveResponse>, Status> {
        at_owner!(self, request, InboxApi::unarchive by inbox, inbox::unarchive(&self.core, request).await)
    }

    async fn watch(
        &self,
        request: Request<wire::WatchRequest>,
    ) -> Result<Response<BoxStream<wire::WatchResponse>>, Status> {
        at_owner!(self, request, InboxApi::watch by inbox, watch::inbox(&self.core, request).await)
    }
}

#[async_trait]
impl AlertApi for Service {
    async fn list_alerts(
        &self,
        request: Request<wire::ListAlertsRequest>,
    ) -> Result<Response<wire::ListAlertsResponse>, Status> {
        at_owner!(self.any_of(&request), request, AlertApi::list_alerts by alerts, alerts::list(&self.core, request).await)
    }

    async fn get_alert(
        &self,
        request: Request<wire::GetAlertRequest>,
    ) -> Result<Response<wire::GetAlertResponse>, Status> {
        at_owner!(self.any_of(&request), request, AlertApi::get_alert by alerts, alerts::get(&self.core, request).await)
    }

    async fn acknowledge_alert(
        &self,
        request: Request<wire::AcknowledgeAlertRequest>,
    ) -> Result<Response<wire::AcknowledgeAlertResponse>, Status> {
        at_owner!(self, request, AlertApi::acknowledge_alert by alerts, alerts::acknowledge(&self.core, request).await)
    }

    async fn snooze_alert(
        &self,
        request: Request<wire::SnoozeAlertRequest>,
    ) -> Result<Response<wire::SnoozeAlertResponse>, Status> {
        at_owner!(self, request, AlertApi::snooze_alert by alerts, alerts::snooze(&self.core, request).await)
    }

    async fn resolve_alert(
        &self,
        request: Request<wire::ResolveAlertRequest>,
    ) -> Result<Response<wire::ResolveAlertResponse>, Status> {
        at_owner!(self, request, AlertApi::resolve_alert by alerts, alerts::resolve(&self.core, request).await)
    }

    async fn inspect_alert_link(
        &self,
        request: Request<wire::InspectAlertLinkRequest>,
    ) -> Result<Response<wire::InspectAlertLinkResponse>, Status> {
        let link = alert_links::read(&self.core, &request, &request.get_ref().token)?;
        at_owner!(self.any_of_team(link.team, forward::hops(&request), &request), request, AlertApi::inspect_alert_link by alerts, alert_links::inspect(&self.core, &request).await)
    }

    async fn acknowledge_alert_by_link(
        &self,
        request: Request<wire::AcknowledgeAlertByLinkRequest>,
    ) -> Result<Response<wire::AcknowledgeAlertByLinkResponse>, Status> {
        let link = alert_links::read(&self.core, &request, &request.get_ref().token)?;
        at_owner!(self.owner_of(link.team, &request), request, AlertApi::acknowledge_alert_by_link by alerts, alert_links::acknowledge(&self.core, &link).await)
    }

    async fn watch_alerts(
        &self,
        request: Request<wire::WatchAlertsRequest>,
    ) -> Result<Response<BoxStream<wire::WatchAlertsResponse>>, Status> {
        at_owner!(self, request, AlertApi::watch_alerts by alerts, watch::alerts(&self.core, &request))
    }
}

#[async_trait]
impl TeamMoveApi for Service {
    async fn describe_cell(
        &self,
        request: Request<wire::DescribeCellRequest>,
    ) -> Result<Response<wire::DescribeCellResponse>, Status> {
        answer(team_moves::describe(self, &request))
    }

    async fn get_team_move(
        &self,
        request: Request<wire::GetTeamMoveRequest>,
    ) -> Result<Response<wire::GetTeamMoveResponse>, Status> {
        answer(team_moves::get(&self.core, request).await)
    }

    async fn prepare_arrival(
        &self,
        request: Request<wire::PrepareArrivalRequest>,
    ) -> Result<Response<wire::PrepareArrivalResponse>, Status> {
        answer(team_moves::prepare_arrival(&self.core, request).await)
    }

    async fn begin_departure(
        &self,
        request: Request<wire::BeginDepartureRequest>,
    ) -> Result<Response<wire::BeginDepartureResponse>, Status> {
        answer(team_moves::begin_departure(&self.core, request).await)
    }

    async fn import_rows(
        &self,
        request: Request<wire::ImportRowsRequest>,
    ) -> Result<Response<wire::ImportRowsResponse>, Status> {
        answer(team_moves::import_rows(self, request).await)
    }

    async fn read_rows(
        &self,
        request: Request<wire::ReadRowsRequest>,
    ) -> Result<Response<wire::ReadRowsResponse>, Status> {
        answer(team_moves::read_rows(&self.core, request).await)
    }

    async fn freeze_team(
        &self,
        request: Request<wire::FreezeTeamRequest>,
    ) -> Result<Response<wire::FreezeTeamResponse>, Status> {
        at_owner!(self.owner_of_shard(&request.get_ref().team_id, &request), request, TeamMoveApi::freeze_team by moves, team_moves::freeze(&self.core, request).await)
    }

    async fn leave_cell(
        &self,
        request: Request<wire::LeaveCellRequest>,
    ) -> Result<Response<wire::LeaveCellResponse>, Status> {
        at_owner!(self.owner_of_shard(&request.get_ref().team_id, &request), request, TeamMoveApi::leave_cell by moves, team_moves::leave(&self.core, request).await)
    }

    async fn activate_team(
        &self,
        request: Request<wire::ActivateTeamRequest>,
    ) -> Result<Response<wire::ActivateTeamResponse>, Status> {
        at_owner!(self.owner_of_shard(&request.get_ref().team_id, &request), request, TeamMoveApi::activate_team by moves, team_moves::activate(&self.core, request).await)
    }

    async fn remove_rows(
        &self,
        request: Request<wire::RemoveRowsRequest>,
    ) -> Result<Response<wire::RemoveRowsResponse>, Status> {
        answer(team_moves::remove_rows(&self.core, request).await)
    }

    async fn cancel_team_move(
        &self,
        request: Request<wire::CancelTeamMoveRequest>,
    ) -> Result<Response<wire::CancelTeamMoveResponse>, Status> {
        answer(team_moves::cancel(&self.core, request).await)
    }
}
