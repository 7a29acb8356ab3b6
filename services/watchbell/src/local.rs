//! A Watchbell in this process, started as `serve` starts it, and teams in it: what the demo and the benchmarks work on.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use watchbell_contracts::config::v1::{
    ApiKey, CreateApiKeyRequest, CreateTeamRequest, Plan as TeamPlan, Scope, Team,
};
use watchbell_model::clock::SystemClock;
use watchbell_model::secret::Secret;
use watchbell_runtime::metrics::Metrics;

use crate::failure::{Failure, Outcome, present};
use crate::serve::{self, Plan, ServeArgs};
use crate::session::{Out, Peer, Session};

/// A server that serves until it is stopped.
pub(crate) struct LocalServer {
    pub(crate) url: String,
    /// The platform key of the first start.
    pub(crate) admin_key: Secret,
    pub(crate) metrics: Metrics,
    stop: CancellationToken,
    serving: JoinHandle<Outcome>,
}

impl LocalServer {
    /// Starts it on a database of its own.
    pub(crate) async fn start(args: &ServeArgs) -> Outcome<Self> {
        let plan = Plan::from_args(args).map_err(|error| Failure::message(error.to_string()))?;
        let running = serve::start(plan).await.map_err(anyhow::Error::from)?;
        let url = format!("http://{}", running.address);
        let admin_key = running
            .admin_key
            .clone()
            .ok_or_else(|| Failure::message("the first start has made no admin key"))?;
        let metrics = running.telemetry.metrics().clone();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let serving =
            tokio::spawn(async move { Ok(running.until(stopped).await.map_err(anyhow::Error::from)?) });
        Ok(Self {
            url,
            admin_key,
            metrics,
            stop,
            serving,
        })
    }

    /// Stops it in order.
    pub(crate) async fn stop(self) -> Outcome {
        self.stop.cancel();
        self.serving.await.map_err(anyhow::Error::from)?
    }
}

/// A session with a key.
pub(crate) async fn connect(url: &str, key: &Secret, out: Out) -> Outcome<Session> {
    let peer = Peer {
        server: url,
        key: Some(key),
        authority: None,
    };
    Session::connect(peer, out, SystemClock::shared()).await
}

/// Creates a team; the platform's session for it.
pub(crate) async fn create_team(platform: &Session, name: &str, plan: TeamPlan) -> Outcome<Session> {
    let team = Team {
        display_name: name.to_owned(),
        plan: plan as i32,
        ..Team::default()
    };
    let request = CreateTeamRequest {
        team: Some(team),
        validate_only: false,
    };
    let created = platform
        .teams()
        .create_team(platform.ask(request))
        .await?
        .into_inner();
    Ok(platform.for_team(&present(created.team)?.id))
}

/// Creates a key that may emit for a team and nothing else.
pub(crate) async fn create_emit_key(team: &Session, name: &str) -> Outcome<Secret> {
    let api_key = ApiKey {
        display_name: name.to_owned(),
        scopes: vec![Scope::Emit as i32],
        ..ApiKey::default()
    };
    let request = CreateApiKeyRequest {
        team_id: team.team(),
        api_key: Some(api_key),
    };
    let answer = team.teams().create_api_key(team.ask(request)).await?;
    Ok(Secret::new(answer.into_inner().key))
}
