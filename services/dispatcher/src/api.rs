//! The Dispatcher's gRPC services. A handler takes the principal, parses the request, calls the domain or the store,
//! and encodes the answer. Each resource has a file in `api/`.

mod deliveries;
mod events;
mod inbox;
mod submit;
mod tests;
mod watch;

use std::sync::Arc;

use async_trait::async_trait;
use tonic::{Code, Request, Response, Status};
use watchbell_contracts::api::{BoxStream, CONFIG_UNKNOWN, DispatcherApi, InboxApi};
use watchbell_contracts::config::v1::GetTeamSnapshotRequest;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::AcceptedEvent;
use watchbell_model::ids::{ChannelId, TeamId};
use watchbell_model::route::Route;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::{Principal, internal_request};
use watchbell_runtime::problem::Problem;
use watchbell_runtime::submit::{Submit, Submitted};

use crate::error::Error;
use crate::state::Core;

/// `DispatcherService` and `InboxService`, for callers in this process and behind a gRPC server.
#[derive(Clone)]
pub struct Service {
    pub(crate) core: Arc<Core>,
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

fn answer<T>(result: Result<T, Error>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(Into::into)
}

#[async_trait]
impl DispatcherApi for Service {
    async fn submit(
        &self,
        request: Request<BoxStream<wire::SubmitRequest>>,
    ) -> Result<Response<BoxStream<wire::SubmitResponse>>, Status> {
        let mut answers = answer(submit::submit(&self.core, request))?;
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
        answer(tests::send_test(&self.core, request).await)
    }

    async fn list_deliveries(
        &self,
        request: Request<wire::ListDeliveriesRequest>,
    ) -> Result<Response<wire::ListDeliveriesResponse>, Status> {
        answer(deliveries::list(&self.core, request).await)
    }

    async fn get_delivery(
        &self,
        request: Request<wire::GetDeliveryRequest>,
    ) -> Result<Response<wire::GetDeliveryResponse>, Status> {
        answer(deliveries::get(&self.core, request).await)
    }

    async fn replay(
        &self,
        request: Request<wire::ReplayRequest>,
    ) -> Result<Response<wire::ReplayResponse>, Status> {
        answer(deliveries::replay(&self.core, request).await)
    }

    async fn recover(
        &self,
        request: Request<wire::RecoverRequest>,
    ) -> Result<Response<wire::RecoverResponse>, Status> {
        answer(deliveries::recover(&self.core, request).await)
    }

    async fn cancel_delivery(
        &self,
        request: Request<wire::CancelDeliveryRequest>,
    ) -> Result<Response<wire::CancelDeliveryResponse>, Status> {
        answer(deliveries::cancel(&self.core, request).await)
    }

    async fn list_events(
        &self,
        request: Request<wire::ListEventsRequest>,
    ) -> Result<Response<wire::ListEventsResponse>, Status> {
        answer(events::list(&self.core, request).await)
    }

    async fn get_event(
        &self,
        request: Request<wire::GetEventRequest>,
    ) -> Result<Response<wire::GetEventResponse>, Status> {
        answer(events::get(&self.core, request).await)
    }

    async fn watch_deliveries(
        &self,
        request: Request<wire::WatchDeliveriesRequest>,
    ) -> Result<Response<BoxStream<wire::WatchDeliveriesResponse>>, Status> {
        answer(watch::deliveries(&self.core, &request))
    }

    async fn get_channel_stats(
        &self,
        request: Request<wire::GetChannelStatsRequest>,
    ) -> Result<Response<wire::GetChannelStatsResponse>, Status> {
        answer(deliveries::channel_stats(&self.core, request).await)
    }
}

#[async_trait]
impl Submit for Service {
    async fn submit(&self, event: AcceptedEvent, routes: Vec<Route>) -> Result<Submitted, Problem> {
        let committed = submit::enter(&self.core, event, routes, false).await?;
        Ok(Submitted {
            duplicate: committed.duplicate,
            routes: committed.routes,
        })
    }
}

#[async_trait]
impl InboxApi for Service {
    async fn list_notifications(
        &self,
        request: Request<wire::ListNotificationsRequest>,
    ) -> Result<Response<wire::ListNotificationsResponse>, Status> {
        answer(inbox::list(&self.core, request).await)
    }

    async fn get_unread_count(
        &self,
        request: Request<wire::GetUnreadCountRequest>,
    ) -> Result<Response<wire::GetUnreadCountResponse>, Status> {
        answer(inbox::unread(&self.core, request).await)
    }

    async fn mark_read(
        &self,
        request: Request<wire::MarkReadRequest>,
    ) -> Result<Response<wire::MarkReadResponse>, Status> {
        answer(inbox::mark_read(&self.core, request).await)
    }

    async fn mark_all_read(
        &self,
        request: Request<wire::MarkAllReadRequest>,
    ) -> Result<Response<wire::MarkAllReadResponse>, Status> {
        answer(inbox::mark_all_read(&self.core, request).await)
    }

    async fn archive(
        &self,
        request: Request<wire::ArchiveRequest>,
    ) -> Result<Response<wire::ArchiveResponse>, Status> {
        answer(inbox::archive(&self.core, request).await)
    }

    async fn watch(
        &self,
        request: Request<wire::WatchRequest>,
    ) -> Result<Response<BoxStream<wire::WatchResponse>>, Status> {
        answer(watch::inbox(&self.core, request).await)
    }
}
