//! A Dispatcher as far as Config knows it: says how channels fare, and takes events each once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures::StreamExt;
use parking_lot::Mutex;
use tonic::{Request, Response, Status};
use watchbell_contracts::api::{BoxStream, DispatcherApi, boxed};
use watchbell_contracts::dispatcher::v1::*;
use watchbell_runtime::auth::Principal;

use crate::support::Config;

type Answer<T> = Result<Response<T>, Status>;

/// See the module. Clones are one.
#[derive(Clone, Default)]
pub(crate) struct DispatcherStandIn(Arc<State>);

#[derive(Default)]
struct State {
    stats: Mutex<Vec<ChannelStats>>,
    taken: Mutex<Vec<SubmitRequest>>,
    away: AtomicBool,
}

// === impl DispatcherStandIn ===

impl DispatcherStandIn {
    /// One that this replica of Config knows.
    pub(crate) fn attached(config: &Config) -> Self {
        let dispatcher = Self::default();
        config.service.attach_dispatcher(Arc::new(dispatcher.clone()));
        dispatcher
    }

    pub(crate) fn fares(&self, stats: Vec<ChannelStats>) {
        *self.0.stats.lock() = stats;
    }

    pub(crate) fn away(&self, away: bool) {
        self.0.away.store(away, Ordering::SeqCst);
    }

    /// What was submitted, duplicates left out.
    pub(crate) fn taken(&self) -> Vec<SubmitRequest> {
        self.0.taken.lock().clone()
    }

    fn check(&self, principal: Option<&Principal>) -> Result<(), Status> {
        assert_eq!(principal, Some(&Principal::Service));
        if self.0.away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        Ok(())
    }

    fn take(&self, request: SubmitRequest) -> SubmitResponse {
        let mut taken = self.0.taken.lock();
        let id = |request: &SubmitRequest| request.event.as_ref().map(|event| event.id.clone());
        let duplicate = taken.iter().any(|other| id(other) == id(&request));
        let sequence = request.sequence;
        if !duplicate {
            taken.push(request);
        }
        SubmitResponse {
            sequence,
            duplicate,
            ..SubmitResponse::default()
        }
    }
}

fn absent<T>() -> Answer<T> {
    Err(Status::unimplemented("not needed here"))
}

#[async_trait]
impl DispatcherApi for DispatcherStandIn {
    async fn submit(&self, request: Request<BoxStream<SubmitRequest>>) -> Answer<BoxStream<SubmitResponse>> {
        self.check(request.extensions().get())?;
        let this = self.clone();
        let answers = request.into_inner().map(move |request| Ok(this.take(request?)));
        Ok(Response::new(boxed(answers)))
    }

    async fn get_channel_stats(
        &self,
        request: Request<GetChannelStatsRequest>,
    ) -> Answer<GetChannelStatsResponse> {
        self.check(request.extensions().get())?;
        let channels = self.0.stats.lock().clone();
        Ok(Response::new(GetChannelStatsResponse { channels }))
    }

    async fn send_test(&self, _: Request<SendTestRequest>) -> Answer<SendTestResponse> {
        absent()
    }

    async fn list_deliveries(&self, _: Request<ListDeliveriesRequest>) -> Answer<ListDeliveriesResponse> {
        absent()
    }

    async fn get_delivery(&self, _: Request<GetDeliveryRequest>) -> Answer<GetDeliveryResponse> {
        absent()
    }

    async fn replay(&self, _: Request<ReplayRequest>) -> Answer<ReplayResponse> {
        absent()
    }

    async fn recover(&self, _: Request<RecoverRequest>) -> Answer<RecoverResponse> {
        absent()
    }

    async fn cancel_delivery(&self, _: Request<CancelDeliveryRequest>) -> Answer<CancelDeliveryResponse> {
        absent()
    }

    async fn list_events(&self, _: Request<ListEventsRequest>) -> Answer<ListEventsResponse> {
        absent()
    }

    async fn get_event(&self, _: Request<GetEventRequest>) -> Answer<GetEventResponse> {
        absent()
    }

    async fn watch_deliveries(
        &self,
        _: Request<WatchDeliveriesRequest>,
    ) -> Answer<BoxStream<WatchDeliveriesResponse>> {
        absent()
    }
}
