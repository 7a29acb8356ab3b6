//! What the Dispatcher promises, told as stories on both databases. Loops are turned by hand and time stands still
//! unless a story moves it; only the outside (Config and the receivers) is played.

mod actions;
mod admission;
mod alert_acts;
mod alert_explanations;
mod alert_links;
mod alerts;
mod clock_skew;
mod commit;
mod event_stream;
pub(crate) mod fakes;
mod find;
mod groups;
mod health;
mod inbox;
mod lanes;
mod log;
mod metrics;
mod operational;
mod ownership;
mod people;
mod previews;
mod reminders;
mod reroute;
mod resend;
mod retries;
mod running;
mod silences;
mod standing;
mod stats;
mod storms;
mod team_moves;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use tokio::sync::oneshot;
use watchbell_contracts::api::{DispatcherApi, boxed};
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_contracts::event::v1 as event_wire;
use watchbell_model::convert::{FromWire, timestamp};
use watchbell_model::decision::{Decide, Decision};
use watchbell_model::ids::{ChannelId, TeamId};
use watchbell_model::{Category, ChannelKind, Severity};
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::cells::CellDirectory;
use watchbell_runtime::client::Peers;
use watchbell_runtime::config_feed::ConfigFeed;
use watchbell_runtime::settings::Shared;
use watchbell_runtime::tenant_pool::TenantPool;
use watchbell_store::{Backend, Store};
use watchbell_testkit::TestClock;

use self::fakes::{FakeConfig, Receivers};
use crate::api::Service;
use crate::channel::cache::Channels;
use crate::delivery::pump::Pump;
use crate::intake::committer::{BatchResult, Committer};
use crate::job::State;
use crate::maintenance::health_reporter::HealthReporter;
use crate::maintenance::heartbeat::Heartbeat;
use crate::maintenance::sweeper::Sweeper;
use crate::maintenance::unparker::Unparker;
use crate::metrics::Metrics;
use crate::ownership::MoveCounts;
use crate::settings::{MailSettings, Settings};
use crate::state::{Core, Parts};
use crate::store::Db;

/// When every story begins: a Saturday morning.
const BEGIN: &str = "2026-11-21T09:00:00Z";

/// One replica whose loops are turned by hand.
struct Rig {
    core: Arc<Core>,
    committer: Committer,
    pump: Pump,
    sweeper: Sweeper,
    heartbeat: Arc<Heartbeat>,
    health: HealthReporter,
    unparker: Unparker,
    service: Service,
    measures: watchbell_runtime::metrics::Metrics,
    env: TestEnv,
}

/// What replicas of one story have in common.
#[derive(Clone)]
struct TestEnv {
    clock: TestClock,
    config: Arc<FakeConfig>,
    receivers: Arc<Receivers>,
    team: TeamId,
    decide: Decide,
}

// === impl TestEnv ===

impl TestEnv {
    fn new() -> Self {
        let clock = TestClock::parse(BEGIN).unwrap();
        let team = TeamId::generate(clock.shared().now());
        Self {
            receivers: Arc::new(Receivers::new(clock.shared())),
            config: Arc::default(),
            clock,
            team,
            decide: |_, _| Decision::default(),
        }
    }

    /// A webhook channel of the story's team.
    fn channel(&self, name: &str) -> ChannelId {
        let id = ChannelId::generate(self.clock.shared().now());
        self.config.add(self.team, id, ChannelKind::Webhook, name);
        id
    }

    /// The same, one message after the other.
    fn ordered(&self, name: &str) -> ChannelId {
        let id = self.channel(name);
        self.config.change(self.team, id, |channel| {
            channel.delivery = Some(config::DeliveryPolicy {
                max_concurrency: 1,
                ..Default::default()
            });
        });
        id
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.shared().now()
    }
}

// === impl Rig ===

impl Rig {
    /// A replica that begins a story.
    async fn new(store: &Store) -> Self {
        Self::on(store, &TestEnv::new()).await
    }

    /// A replica that joins one.
    async fn on(store: &Store, env: &TestEnv) -> Self {
        Self::with(store, env, |_| {}).await
    }

    async fn with(store: &Store, env: &TestEnv, adjust: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::new(store.settings().clone());
        adjust(&mut settings);
        let mail = MailSettings {
            operator_address: "ops@platform.example".parse().ok(),
            ..MailSettings::default()
        };
        Self::of(store, env, settings, &mail).await
    }

    async fn with_mail(store: &Store, env: &TestEnv, adjust: impl FnOnce(&mut MailSettings)) -> Self {
        let mut mail = MailSettings::default();
        adjust(&mut mail);
        Self::of(store, env, Settings::new(store.settings().clone()), &mail).await
    }

    async fn of(store: &Store, env: &TestEnv, settings: Settings, mail: &MailSettings) -> Self {
        let measures = watchbell_runtime::metrics::Metrics::local().unwrap();
        let parts = Parts {
            clock: env.clock.shared(),
            settings,
            db: Db::new(store.clone()),
            channels: Channels::new(
                Arc::clone(&env.config) as _,
                ConfigFeed::manual(),
                env.clock.shared(),
                true,
            ),
            transport: Arc::clone(&env.receivers) as _,
            tenant_pool: TenantPool::new(),
            decide: env.decide,
            metrics: Metrics::new(&measures.meter("test")),
            mail: mail.policy(),
            brand: Arc::default(),
            link_keys: fakes::link_keys(),
            jitter: || 0.0,
        };
        let (core, intake, outcomes) = Core::new(parts);
        Heartbeat::enter(&core).await.unwrap();
        let shared = || Arc::clone(&core);
        let heartbeat = Arc::new(Heartbeat::new(shared()));
        let mut rig = Self {
            committer: Committer::new(shared(), intake, outcomes),
            pump: Pump::new(shared()),
            sweeper: Sweeper::new(shared()),
            heartbeat,
            health: HealthReporter { core: shared() },
            unparker: Unparker::new(shared()),
            service: Service {
                core: shared(),
                peers: Arc::new(Peers::new(&Shared::default())),
                cells: Arc::new(CellDirectory::new(
                    Arc::clone(&env.config) as _,
                    ConfigFeed::manual(),
                    env.clock.shared(),
                )),
                cell_id: core.db.cell_id().await.unwrap(),
                turns: Arc::default(),
            },
            measures,
            env: env.clone(),
            core,
        };
        // A second one owns nothing before the first is gone.
        let replicas = rig.core.db.shard_table(&MoveCounts::new()).await.unwrap();
        if replicas.replicas.len() == 1 {
            rig.own().await;
        }
        rig
    }

    /// Takes what nobody owns.
    async fn own(&mut self) {
        self.heartbeat.join("http://a-replica");
        self.heartbeat.tick().await.unwrap();
        self.sweeper.scan().await.unwrap();
    }

    /// Runs every loop on the path of a delivery until nothing is left to do now.
    async fn settle(&mut self) {
        self.heartbeat.tick().await.unwrap();
        loop {
            let loaded = self.sweeper.tick().await.unwrap().loaded;
            let started = self.pump.tick();
            self.pump.settle().await;
            let committed = self.committer.tick().await;
            assert_ne!(committed, BatchResult::Failed, "the database is there");
            if (committed, loaded, started) == (BatchResult::Idle, 0, 0) {
                return;
            }
        }
    }

    /// Moves time and lets everything happen that is due by then.
    async fn pass(&mut self, time: Duration) {
        self.env.clock.advance(time);
        self.settle().await;
    }

    /// Answers a call that waits for commits.
    async fn during<T: Send + 'static>(&mut self, call: impl Future<Output = T> + Send + 'static) -> T {
        let call = tokio::spawn(call);
        while !call.is_finished() {
            self.committer.tick().await;
            tokio::task::yield_now().await;
        }
        call.await.unwrap()
    }

    /// Submits requests on one stream and waits for all answers.
    async fn submit(&mut self, requests: Vec<wire::SubmitRequest>) -> Vec<wire::SubmitResponse> {
        let service = self.service.clone();
        let mut answers = self
            .during(async move {
                use futures::StreamExt;
                let requests = futures::stream::iter(requests.into_iter().map(Ok));
                let answers = service
                    .submit(internal_request(boxed(requests)))
                    .await
                    .unwrap()
                    .into_inner();
                answers.map(Result::unwrap).collect::<Vec<_>>().await
            })
            .await;
        answers.sort_by_key(|answer| answer.sequence);
        answers
    }

    /// Submits one event to channels.
    async fn emit(&mut self, id: &str, channels: &[ChannelId]) -> wire::SubmitResponse {
        let request = request(&self.env, id, channels);
        let answer = self.submit(vec![request]).await.remove(0);
        assert_eq!(answer.error, None);
        answer
    }

    /// All deliveries of the story's team, oldest first.
    async fn deliveries(&self) -> Vec<wire::Delivery> {
        let request = wire::ListDeliveriesRequest {
            team_id: self.env.team.to_string(),
            page_size: 1000,
            ..Default::default()
        };
        let answer = self
            .service
            .list_deliveries(internal_request(request))
            .await
            .unwrap()
            .into_inner();
        answer.deliveries.into_iter().rev().collect()
    }

    /// The only delivery there is, with its attempts.
    async fn delivery(&self) -> wire::Delivery {
        let all = self.deliveries().await;
        assert_eq!(all.len(), 1);
        self.get(&all[0].id).await
    }

    async fn get(&self, id: &str) -> wire::Delivery {
        let request = wire::GetDeliveryRequest {
            team_id: self.env.team.to_string(),
            delivery_id: id.to_owned(),
        };
        self.service
            .get_delivery(internal_request(request))
            .await
            .unwrap()
            .into_inner()
            .delivery
            .unwrap()
    }

    /// A value as Prometheus gets it.
    fn measured(&self, series: &str) -> Option<f64> {
        let text = self.measures.encode().unwrap();
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map(|value| value.parse().unwrap())
    }

    async fn states(&self) -> Vec<State> {
        self.deliveries()
            .await
            .iter()
            .map(|delivery| State::from_number(delivery.state).unwrap())
            .collect()
    }
}

/// A request to submit an event of HIGH severity.
fn request(env: &TestEnv, id: &str, channels: &[ChannelId]) -> wire::SubmitRequest {
    wire::SubmitRequest {
        sequence: 0,
        team_id: env.team.to_string(),
        event: Some(event(env, id)),
        routes: channels.iter().map(|channel| to_channel(*channel)).collect(),
        traceparent: String::new(),
        email: None,
        alert: None,
    }
}

fn event(env: &TestEnv, id: &str) -> event_wire::Event {
    event_wire::Event {
        id: id.to_owned(),
        r#type: "finding.created".to_owned(),
        severity: Severity::High.to_wire(),
        category: Category::SecurityAlert.to_wire(),
        occurred_at: Some(timestamp(env.now())),
        title: format!("Finding {id}"),
        payload: Some(event_wire::event::Payload::DataJson(
            br#"{"n":1}"#.to_vec().into(),
        )),
        ..Default::default()
    }
}

fn to_channel(channel: ChannelId) -> event_wire::Route {
    event_wire::Route {
        kind: ChannelKind::Webhook.to_wire(),
        target: Some(event_wire::route::Target::Channel(event_wire::ChannelTarget {
            channel_id: channel.to_string(),
        })),
        reason: Some(event_wire::Reason {
            code: "webhook_pattern".to_owned(),
            sentence: "The pattern * matches.".to_owned(),
            rule_id: String::new(),
        }),
        ..Default::default()
    }
}

fn to_inbox() -> event_wire::Route {
    event_wire::Route {
        kind: ChannelKind::InApp.to_wire(),
        target: Some(event_wire::route::Target::Inbox(event_wire::InboxTarget {})),
        ..Default::default()
    }
}

/// Makes a replica look silent for longer than the living are, and lets another one notice.
async fn presume_dead(dead: &Rig, by: &mut Rig) {
    let store = dead.core.db.store();
    if store.backend() == Backend::Postgres {
        let id = dead.core.owner();
        let sql = format!("UPDATE replicas SET heartbeat_at = heartbeat_at - 6000000 WHERE id = '{id}'");
        store.writer().execute_unprepared(&sql).await.unwrap();
        by.heartbeat.join("http://another-replica");
        by.heartbeat.tick().await.unwrap();
    }
}

/// Asks without waiting for the answer.
fn ask(rig: &Rig, id: &str, channels: &[ChannelId]) -> oneshot::Receiver<wire::SubmitResponse> {
    ask_for(rig, request(&rig.env, id, channels))
}

fn ask_for(rig: &Rig, request: wire::SubmitRequest) -> oneshot::Receiver<wire::SubmitResponse> {
    use futures::StreamExt;
    let (answer, answered) = oneshot::channel();
    let service = rig.service.clone();
    tokio::spawn(async move {
        let requests = boxed(futures::stream::iter([Ok(request)]));
        let mut answers = service
            .submit(internal_request(requests))
            .await
            .unwrap()
            .into_inner();
        if let Some(Ok(first)) = answers.next().await {
            let _ = answer.send(first);
        }
    });
    answered
}
