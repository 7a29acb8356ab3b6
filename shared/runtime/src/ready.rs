//! Readiness of the parts of a process. A part with a dependency that may fail (a database, a loop that must run)
//! holds a [`Condition`] and sets it; gRPC health, its `Watch` and `/readyz` follow at once. Failures that only a
//! restart can repair also fail `/healthz`.

use std::collections::BTreeMap;
use std::fmt;

use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::problem::Problem;

/// The area of conditions that concern every service of the process.
pub const PROCESS: &str = "process";

/// `(area, what)`, the name of a condition.
type Name = (&'static str, &'static str);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    /// Every condition and, while it does not hold, why.
    conditions: BTreeMap<Name, Option<Fault>>,
    services: Vec<&'static str>,
}

/// Why a condition does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    why: String,
    for_good: bool,
}

/// All conditions; clones share one state.
#[derive(Debug, Clone)]
pub struct Readiness {
    state: watch::Sender<State>,
}

/// One thing that must hold. It holds from the start; dropping it leaves its last state.
#[derive(Debug, Clone)]
pub struct Condition {
    name: Name,
    state: watch::Sender<State>,
}

/// A condition that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// The part, for example `dispatcher`.
    pub area: &'static str,
    /// The dependency, for example `database`.
    pub what: &'static str,
    /// Why, as the owner of the condition put it.
    pub why: String,
    /// Nothing but another start of the process can mend it.
    pub for_good: bool,
}

// === impl Readiness ===

impl Readiness {
    /// No condition yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: watch::Sender::new(State::default()),
        }
    }

    /// Registers something that must hold. `area` is the part of the package name between `watchbell.` and the version
    /// (`dispatcher`), so that services of other areas go on serving; [`PROCESS`] concerns all.
    #[must_use]
    pub fn condition(&self, area: &'static str, what: &'static str) -> Condition {
        let name = (area, what);
        self.state.send_modify(|state| {
            state.conditions.entry(name).or_default();
        });
        Condition {
            name,
            state: self.state.clone(),
        }
    }

    /// Registers something that must hold and does not yet.
    #[must_use]
    pub fn expected(&self, area: &'static str, what: &'static str, why: &str) -> Condition {
        let condition = self.condition(area, what);
        let fault = Fault {
            why: why.to_owned(),
            for_good: false,
        };
        self.state.send_modify(|state| {
            state.conditions.insert(condition.name, Some(fault));
        });
        condition
    }

    /// What does not hold at present.
    #[must_use]
    pub fn failing(&self) -> Vec<Failing> {
        let state = self.state.borrow();
        let failing = state.conditions.iter().filter_map(|((area, what), fault)| {
            let Fault { why, for_good } = fault.clone()?;
            Some(Failing {
                area,
                what,
                why,
                for_good,
            })
        });
        failing.collect()
    }

    /// Whether all conditions hold.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.state.borrow().status("") == Some(ServingStatus::Serving)
    }

    /// Adds a gRPC service, by its full name, to gRPC health.
    pub(crate) fn serves(&self, service: &'static str) {
        self.state.send_modify(|state| state.services.push(service));
    }

    /// The standard gRPC health service over this state.
    pub(crate) fn health(&self) -> HealthServer<impl Health + use<>> {
        HealthServer::new(self.clone())
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

// === impl State ===

impl State {
    /// The status of a service, or of the whole process for the empty name. `None` for a service not served here.
    fn status(&self, service: &str) -> Option<ServingStatus> {
        if !service.is_empty() && !self.services.contains(&service) {
            return None;
        }
        let area = service.split('.').nth(1);
        let concerns = |of: &str| of == PROCESS || area.is_none_or(|area| area == of);
        let fails = self
            .conditions
            .iter()
            .any(|((of, _), fault)| fault.is_some() && concerns(of));
        Some(if fails {
            ServingStatus::NotServing
        } else {
            ServingStatus::Serving
        })
    }
}

// === impl Condition ===

impl Condition {
    /// Sets the condition to true.
    pub fn up(&self) {
        self.set(None);
    }

    /// It does not hold, and why; the text is shown at `/readyz` and in the log.
    pub fn down(&self, why: impl fmt::Display) {
        self.set(Some(Fault {
            why: why.to_string(),
            for_good: false,
        }));
    }

    /// Sets the condition to false for the rest of the process, which should be restarted. Not for outages that end
    /// by themselves: a restart does not repair an unavailable database.
    pub fn lost(&self, why: impl fmt::Display) {
        self.set(Some(Fault {
            why: why.to_string(),
            for_good: true,
        }));
    }

    fn set(&self, fault: Option<Fault>) {
        let (area, what) = self.name;
        let changed = self.state.send_if_modified(|state| {
            let before = state.conditions.entry(self.name).or_default();
            let flipped = before.is_some() != fault.is_some();
            before.clone_from(&fault);
            flipped
        });
        match fault {
            Some(Fault { why, .. }) if changed => tracing::warn!(area, what, why, "not serving"),
            None if changed => tracing::info!(area, what, "serving again"),
            _ => {}
        }
    }
}

// === impl Health ===

#[tonic::async_trait]
impl Health for Readiness {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        let status = self.state.borrow().status(&service);
        match status {
            Some(status) => Ok(Response::new(answer(status))),
            None => Err(Problem::not_found("service", service).into()),
        }
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        let mut last = None;
        let changes = WatchStream::new(self.state.subscribe()).filter_map(move |state| {
            // A service that is not known may appear later (the health protocol's own rule).
            let status = state.status(&service).unwrap_or(ServingStatus::ServiceUnknown);
            let news = (last.replace(status) != Some(status)).then(|| Ok(answer(status)));
            std::future::ready(news)
        });
        Ok(Response::new(changes.boxed()))
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(readiness: &Readiness, service: &str) -> Result<ServingStatus, tonic::Code> {
        let request = Request::new(HealthCheckRequest {
            service: service.to_owned(),
        });
        let answer = Health::check(readiness, request).await;
        answer
            .map(|answer| answer.into_inner().status())
            .map_err(|status| status.code())
    }

    const DISPATCHER: &str = "watchbell.dispatcher.v1.DispatcherService";
    const CONFIG: &str = "watchbell.config.v1.TeamService";

    #[tokio::test]
    async fn a_lost_database_stops_its_own_service_and_no_other() {
        let readiness = Readiness::new();
        readiness.serves(DISPATCHER);
        readiness.serves(CONFIG);
        let database = readiness.condition("dispatcher", "database");
        assert_eq!(check(&readiness, "").await, Ok(ServingStatus::Serving));

        database.down("connection refused");
        assert_eq!(check(&readiness, DISPATCHER).await, Ok(ServingStatus::NotServing));
        assert_eq!(check(&readiness, CONFIG).await, Ok(ServingStatus::Serving));
        assert_eq!(check(&readiness, "").await, Ok(ServingStatus::NotServing));
        assert_eq!(readiness.failing()[0].why, "connection refused");

        database.up();
        assert_eq!(check(&readiness, DISPATCHER).await, Ok(ServingStatus::Serving));
        assert!(readiness.is_serving());
    }

    #[tokio::test]
    async fn a_condition_of_the_process_stops_everything() {
        let readiness = Readiness::new();
        readiness.serves(CONFIG);
        readiness.condition(PROCESS, "shutdown").down("stopping");
        assert_eq!(check(&readiness, CONFIG).await, Ok(ServingStatus::NotServing));
    }

    #[tokio::test]
    async fn a_service_that_is_not_served_here_is_not_found() {
        assert_eq!(check(&Readiness::new(), CONFIG).await, Err(tonic::Code::NotFound));
    }

    #[tokio::test]
    async fn watchers_hear_of_each_change_once() {
        let readiness = Readiness::new();
        readiness.serves(CONFIG);
        let database = readiness.condition("config", "database");
        let request = Request::new(HealthCheckRequest {
            service: CONFIG.to_owned(),
        });
        let mut seen = Health::watch(&readiness, request).await.unwrap().into_inner();
        let mut next = async || seen.next().await.unwrap().unwrap().status();
        assert_eq!(next().await, ServingStatus::Serving);
        database.down("first");
        assert_eq!(next().await, ServingStatus::NotServing);
        // Still down, for another reason: nothing new for a watcher.
        database.down("second");
        readiness.condition("router", "snapshot").down("elsewhere");
        database.up();
        assert_eq!(next().await, ServingStatus::Serving);
    }
}
