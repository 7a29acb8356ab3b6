//! The Router's RPCs: decode, call, encode.

use std::future::ready;

use futures::{FutureExt as _, StreamExt as _};
use prost::Message as _;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Request, Response, Status};
use watchbell_contracts::api::{BoxStream, RouterApi, boxed};
use watchbell_contracts::config::v1::DraftTeamSnapshotResponse;
use watchbell_contracts::event::v1::route::Target;
use watchbell_contracts::router::v1::emit_result::Outcome;
use watchbell_contracts::router::v1::{
    BacktestRequest, BacktestResponse, CheckTeamConfigRequest, CheckTeamConfigResponse, EmitBatchRequest,
    EmitBatchResponse, EmitRequest, EmitResponse, EmitResult, EmitStreamRequest, EmitStreamResponse,
    ExplainRequest, ExplainResponse, RerouteRequest, RerouteResponse,
};
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::{Budget, Principal, Scope};
use watchbell_runtime::problem::{Problem, to_message, to_message_within};
use watchbell_runtime::run_queue::RunQueue;

use crate::backtest::Backtest;
use crate::pipeline::cost;
use crate::reroute::Reroute;
use crate::stored_events::Period;
use crate::{Router, what_if};

/// The most events of one batch.
const MAX_BATCH: usize = 1_000;
/// The largest batch, in bytes as encoded.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of refusals in the answer to a batch.
const MAX_REFUSALS: usize = 1024 * 1024;
/// Bytes of routes in the answer to a batch.
const MAX_ROUTES: usize = 2 * 1024 * 1024;
/// Events of one stream that are processed concurrently.
const STREAM_WINDOW: usize = 512;

#[async_trait::async_trait]
impl RouterApi for Router {
    async fn emit(&self, request: Request<EmitRequest>) -> Result<Response<EmitResponse>, Status> {
        let principal = Principal::from_request(&request)?;
        let budget = Budget::from_request(&request);
        let request = request.into_inner();
        let team = principal.team(&request.team_id)?;
        // The call itself has been charged.
        budget.charge(cost(request.event.as_ref()) - 1)?;
        Ok(Response::new(
            self.pipeline.accept(team, request.event, "event").await?,
        ))
    }

    async fn emit_batch(
        &self,
        request: Request<EmitBatchRequest>,
    ) -> Result<Response<EmitBatchResponse>, Status> {
        let principal = Principal::from_request(&request)?;
        let budget = Budget::from_request(&request);
        let queue = RunQueue::from_request(&request);
        let request = request.into_inner();
        let team = principal.team(&request.team_id)?;
        check_batch(&request).map_err(Problem::Invalid)?;
        let all: usize = request.events.iter().map(|event| cost(Some(event))).sum();
        budget.charge(all - 1)?;
        let count = request.events.len();
        // Each has its own task, so that threads are free for others between any two.
        let accepting: Vec<_> = request
            .events
            .into_iter()
            .enumerate()
            .map(|(index, event)| {
                let pipeline = self.pipeline.clone();
                let accept = async move {
                    let path = format!("events[{index}]");
                    pipeline.accept(team, Some(event), &path).await
                };
                AbortOnDropHandle::new(queue.spawn(accept))
            })
            .collect();
        let mut results = Vec::with_capacity(count);
        for accepted in accepting {
            let accepted = accepted.await.map_err(Problem::internal);
            results.push(result(
                match accepted.and_then(|accepted| accepted.map_err(Problem::from)) {
                    Ok(response) => Outcome::Accepted(briefly(response, MAX_ROUTES / count)),
                    Err(problem) => Outcome::Refused(to_message_within(problem.into(), MAX_REFUSALS / count)),
                },
            ));
        }
        Ok(Response::new(EmitBatchResponse { results }))
    }

    async fn emit_stream(
        &self,
        request: Request<BoxStream<EmitStreamRequest>>,
    ) -> Result<Response<BoxStream<EmitStreamResponse>>, Status> {
        let principal = Principal::from_request(&request)?;
        let budget = Budget::from_request(&request);
        let queue = RunQueue::from_request(&request);
        let pipeline = self.pipeline.clone();
        let charged = request.into_inner().then(move |request| {
            let budget = budget.clone();
            async move {
                if let Ok(request) = &request {
                    budget.charge_when_it_fits(cost(request.event.as_ref())).await;
                }
                request
            }
        });
        let answers = charged.map(move |request| {
            let pipeline = pipeline.clone();
            let accepting = async move {
                let request = request?;
                let answer = match principal.team(&request.team_id) {
                    Ok(team) => pipeline
                        .accept(team, request.event, "event")
                        .await
                        .map_err(Status::from),
                    Err(problem) => Err(problem.into()),
                };
                let outcome = match answer {
                    Ok(response) => Outcome::Accepted(response),
                    Err(status) => Outcome::Refused(to_message(&status)),
                };
                Ok(EmitStreamResponse {
                    result: Some(result(outcome)),
                })
            };
            // Each has its own task, so that decisions proceed while the caller does not read answers.
            queue
                .spawn(accepting)
                .map(|joined| joined.unwrap_or_else(|lost| Err(Problem::internal(lost).into())))
        });
        // A stream that breaks ends with its error, and nothing after it is read.
        let mut broken = false;
        let answers = answers
            .buffered(STREAM_WINDOW)
            .take_while(move |answer| ready(!std::mem::replace(&mut broken, answer.is_err())));
        Ok(Response::new(boxed(answers)))
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainResponse>, Status> {
        let principal = Principal::from_request(&request)?;
        let request = request.into_inner();
        let team = principal.team(&request.team_id)?;
        let (pipeline, what_if) = (&self.pipeline, &self.what_if);
        let explained = if request.event_id.is_empty() {
            let reads_log = principal.require(Scope::DeliveriesRead).is_ok();
            what_if::explain(pipeline, what_if, team, request, reads_log).await?
        } else {
            principal.require(Scope::DeliveriesRead)?;
            what_if::explain_stored(pipeline, what_if, team, request).await?
        };
        Ok(Response::new(explained))
    }

    async fn check_team_config(
        &self,
        request: Request<CheckTeamConfigRequest>,
    ) -> Result<Response<CheckTeamConfigResponse>, Status> {
        let principal = Principal::from_request(&request)?;
        let request = request.into_inner();
        let team = principal.team(&request.team_id)?;
        let checked = what_if::check(&self.pipeline, &self.what_if, team, request.document).await?;
        Ok(Response::new(checked))
    }

    async fn backtest(
        &self,
        request: Request<BacktestRequest>,
    ) -> Result<Response<BoxStream<BacktestResponse>>, Status> {
        let principal = Principal::from_request(&request)?;
        let request = request.into_inner();
        let team = principal.team(&request.team_id)?;
        principal.require(Scope::DeliveriesRead)?;
        let what_if = self.what_if.clone();
        let (start, end) = (request.start_time.as_ref(), request.end_time.as_ref());
        let period = Period::read(start, end, request.max_events, what_if.clock.now());
        let period = period.map_err(Problem::Invalid)?;
        let turn = what_if.running.begin(team)?;
        let today = self.pipeline.snapshots.get(team).await?;
        let (draft, drafted) = match request.document {
            document if document.is_empty() => (today.clone(), DraftTeamSnapshotResponse::default()),
            document => what_if.drafted(team, document).await?,
        };
        let draft = what_if.with_rules(team, draft, request.draft_rules).await?;
        let backtest = Backtest {
            what_if,
            team,
            period,
            today,
            draft,
            drafted,
            _turn: turn,
        };
        Ok(Response::new(boxed(backtest.run())))
    }

    async fn reroute(
        &self,
        request: Request<RerouteRequest>,
    ) -> Result<Response<BoxStream<RerouteResponse>>, Status> {
        let principal = Principal::from_request(&request)?;
        let request = request.into_inner();
        let team = principal.team(&request.team_id)?;
        let today = self.pipeline.snapshots.get(team).await?;
        let reroute = Reroute::begin(self.what_if.clone(), today, request).await?;
        Ok(Response::new(boxed(reroute.run())))
    }
}

fn check_batch(request: &EmitBatchRequest) -> Result<(), Violations> {
    let mut violations = Violations::new();
    match request.events.len() {
        0 => violations.required("events"),
        1..=MAX_BATCH => {}
        count => violations.add(
            "events",
            reason::TOO_LONG,
            format!("must have at most {MAX_BATCH} events, not {count}"),
        ),
    }
    let bytes = request.encoded_len();
    if bytes > MAX_BATCH_BYTES {
        violations.add(
            "events",
            reason::TOO_LONG,
            format!("must have at most {MAX_BATCH_BYTES} bytes, not {bytes}"),
        );
    }
    violations.into_result(())
}

fn result(outcome: Outcome) -> EmitResult {
    EmitResult {
        outcome: Some(outcome),
    }
}

/// As one of many answers of a batch, which is bounded by its request: people are counted, and channels named, of which a
/// team has few.
fn briefly(mut response: EmitResponse, limit: usize) -> EmitResponse {
    let mut bytes = 0;
    response.routes.retain(|route| {
        let named = matches!(route.target, Some(Target::Channel(_)));
        bytes += if named { route.encoded_len() } else { 0 };
        named && bytes <= limit
    });
    response
}

#[cfg(test)]
mod tests;
