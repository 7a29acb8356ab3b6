//! One schedule: replicas, clients and receivers, and a seed that says who goes next and what goes wrong.

mod settle;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;
use watchbell_contracts::config::v1 as config;
use watchbell_model::ChannelKind;
use watchbell_model::alert::AlertState;
use watchbell_model::convert::FromWire as _;
use watchbell_model::filter::Filter;
use watchbell_model::ids::{ChannelId, SilenceId, TeamId};
use watchbell_model::silence::{Silence, SilenceMode};
use watchbell_store::Store;
use watchbell_testkit::TestClock;

use super::alerts::{self, AtRest, BEGIN, Event, Said};
use super::checks::{Checks, HAND_OVER_TIMEOUT, TEAM, name};
use super::clients::{Client, draw_group};
use super::fault_profile::FaultProfile;
use super::replica::Replica;
use super::rng::Rng;
use super::scheduler::{self, Actor, Carrying, Request, Role, StepResult};
use crate::scenarios::fakes::FakeConfig;
use crate::senders::{AttemptOutcome, AttemptResult};
use crate::settings::Settings;
use crate::store::{DbStep, micros};

/// Attempts of one delivery that fail at most, so that its schedule is never exhausted.
const MAX_FAILURES: u32 = 4;

/// More than any schedule needs.
const MAX_STEPS: usize = 20_000;

/// An attempt under way.
#[derive(Debug, Clone, Copy)]
struct UnderWay {
    delivery: Uuid,
    lane: Uuid,
    /// Whose, and in which epoch it began.
    owner: Uuid,
    epoch: i64,
    since: Duration,
}

/// The cluster of one schedule.
pub(super) struct Cluster<'s> {
    store: &'s Store,
    rng: Rng,
    faults: FaultProfile,
    clock: TestClock,
    config: Arc<FakeConfig>,
    team: TeamId,
    channels: HashMap<Uuid, usize>,
    lanes: Vec<(ChannelId, ChannelKind)>,
    replicas: Vec<Replica>,
    started: usize,
    clients: Vec<Client>,
    planned: u128,
    failures: HashMap<Uuid, u32>,
    /// Who has a transaction open.
    holder: Option<Actor>,
    /// The newest request whose attempt has been looked at.
    seen: u64,
    /// By request.
    under_way: HashMap<u64, UnderWay>,
    checks: Checks,
    /// Steps granted.
    pub(super) steps: usize,
    pub(super) trace: Vec<String>,
}

// === impl Cluster ===

impl<'s> Cluster<'s> {
    pub(super) fn new(store: &'s Store, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let clock = TestClock::parse(BEGIN).unwrap();
        let mut cluster = Self {
            store,
            faults: FaultProfile::draw(&mut rng),
            team: TEAM,
            clock,
            config: Arc::default(),
            channels: HashMap::new(),
            lanes: Vec::new(),
            replicas: Vec::new(),
            started: 0,
            clients: Vec::new(),
            planned: 0,
            failures: HashMap::new(),
            holder: None,
            seen: 0,
            under_way: HashMap::new(),
            checks: Checks::default(),
            steps: 0,
            trace: Vec::new(),
            rng,
        };
        for number in 0..cluster.rng.below(3) + 1 {
            cluster.add_channel(number);
        }
        cluster
    }

    fn add_channel(&mut self, number: usize) {
        let id = ChannelId::from_uuid(Uuid::from_u128(100 + number as u128));
        let concurrency = *self.rng.pick(&[1, 1, 2, 3]);
        let quiet = self.rng.percent(20);
        let seconds = |seconds| prost_types::Duration { seconds, nanos: 0 };
        let kind = *self.rng.pick(&[ChannelKind::Webhook, ChannelKind::Slack]);
        let is_stormy = kind == ChannelKind::Slack && self.rng.percent(20);
        self.config.add(self.team, id, kind, "a channel");
        self.config.change(self.team, id, |channel| {
            channel.delivery = Some(config::DeliveryPolicy {
                max_concurrency: concurrency,
                retry_delays: [1, 1, 2, 2, 3, 3].map(seconds).to_vec(),
                ..Default::default()
            });
            channel.quiet_hours = quiet.then(|| config::QuietHours {
                time_zone: "UTC".to_owned(),
                windows: vec![config::QuietWindow {
                    weekdays: vec![],
                    start: "08:00".to_owned(),
                    end: "09:00".to_owned(),
                }],
                ..Default::default()
            });
            channel.storm_control = is_stormy.then(|| config::StormControl {
                max_messages: 1,
                window: Some(seconds(1)),
            });
        });
        self.channels.insert(id.as_uuid(), concurrency as usize);
        self.lanes.push((id, kind));
        if self.rng.percent(15) {
            let start = self.clock.shared().now();
            let seconds = *self.rng.pick(&[1, 5, 20]);
            self.config.silence(&Silence {
                id: SilenceId::from_uuid(id.as_uuid()),
                filter: Filter::default(),
                channels: vec![id],
                kinds: vec![],
                start,
                end: start + TimeDelta::seconds(seconds),
                comment: "a silence".to_owned(),
                author: "somebody".to_owned(),
                mode: SilenceMode::Hold,
            });
        }
    }

    /// Runs the schedule to its end.
    pub(super) async fn run(&mut self) -> Result<(), String> {
        scheduler::clear();
        self.tell_time();
        self.trace.push(format!("{:?}", self.faults));
        for table in [
            "deliveries",
            "events",
            "attempts",
            "alerts",
            "reminders",
            "replicas",
            "channel_health",
        ] {
            let sql = format!("DELETE FROM {table}");
            self.store.writer().execute_unprepared(&sql).await.unwrap();
        }
        let unowned = "UPDATE shards SET owner = NULL";
        self.store.writer().execute_unprepared(unowned).await.unwrap();
        for _ in 0..self.faults.replicas {
            self.start().await?;
        }
        for _ in 0..self.faults.steps {
            self.step().await?;
        }
        let result = self.settle().await;
        for replica in self.replicas.drain(..) {
            replica.crash().await;
        }
        scheduler::clear();
        result?;
        self.checks.conclude()?;
        self.check_alerts().await
    }

    /// The alerts, once everything is at rest.
    async fn check_alerts(&self) -> Result<(), String> {
        let chats = self.lanes.iter().filter(|(_, kind)| *kind == ChannelKind::Slack);
        let rest = AtRest {
            rows: self.checks.rows(),
            arrived: self.checks.arrived(),
            chats: &chats.map(|(id, _)| id.as_uuid()).collect(),
            open: &open_alerts(self.store).await,
        };
        let mut by_key: BTreeMap<&str, Vec<Event<'_>>> = BTreeMap::new();
        for id in self.checks.alert_events() {
            let client = self.clients.iter().find(|client| client.event == *id);
            let Some((client, said)) = client.and_then(|client| Some((client, client.said.as_ref()?))) else {
                return Err(format!("nobody has submitted {id}"));
            };
            by_key.entry(&said.key).or_default().push(Event {
                id,
                said,
                lanes: client.lanes.iter().map(|(id, _)| id.as_uuid()).collect(),
            });
        }
        by_key.iter().try_for_each(|(key, events)| {
            alerts::check(key, events, &rest).map_err(|why| format!("the alert {key}: {why}"))
        })
    }

    fn note(&mut self, what: impl std::fmt::Display) {
        let now = watchbell_model::clock::Clock::monotonic(&self.clock);
        self.trace.push(format!("{:7}ms  {what}", now.as_millis()));
    }

    fn now(&self) -> Duration {
        self.clock.shared().monotonic()
    }

    fn tell_time(&self) {
        scheduler::set_database_now(micros(self.clock.shared().now()));
    }

    fn advance(&mut self, by: Duration) {
        self.clock.advance(by);
        self.tell_time();
    }

    /// Something happens.
    async fn step(&mut self) -> Result<(), String> {
        let faults = &self.faults;
        let (crashes, pauses, outages) = (faults.crashes, faults.pauses, faults.outages);
        let dice = self.rng.below(100);
        match dice {
            0..10 => self.submit(),
            10..20 => {
                let time_jumps = self.rng.percent(self.faults.time_jumps);
                let waits: &[u64] = if time_jumps {
                    &[1000, 2000, 4000, 7000]
                } else {
                    &[1, 5, 100, 250, 500]
                };
                let by = *self.rng.pick(waits);
                self.advance(Duration::from_millis(by));
                self.note(format_args!("time passes: {by} ms"));
                self.after().await?;
            }
            20..26 => {
                let kind = self.rng.below(6);
                match kind {
                    0..2 if self.rng.below(3) < crashes => self.crash().await?,
                    2..4 if self.rng.below(3) < pauses => self.pause(),
                    4 if self.rng.below(3) < outages => self.outage(),
                    5 if self.replicas.len() < self.faults.replicas && self.holder.is_none() => {
                        self.start().await?;
                    }
                    _ => self.go().await?,
                }
            }
            _ => self.go().await?,
        }
        Ok(())
    }

    async fn start(&mut self) -> Result<(), String> {
        let number = self.started;
        self.started += 1;
        let mut settings = Settings::new(self.store.settings().clone());
        settings.max_jobs_per_lane = self.faults.per_lane;
        settings.max_jobs = self.faults.total;
        settings.max_attempts_in_flight = Some(self.faults.in_flight);
        settings.outcome_queue = self.faults.outcomes;
        settings.hand_over_wait = Duration::ZERO;
        let skew = TimeDelta::milliseconds(self.faults.skew_ms * (number % 3) as i64);
        let clock = (self.clock.shared(), skew);
        let config = Arc::clone(&self.config);
        let replica = Replica::start(number, self.store, settings, config, clock).await;
        let actor = Actor {
            replica: number,
            role: Role::Heartbeat,
        };
        let owners = replica.owners.clone();
        self.replicas.push(replica);
        self.note(format_args!("r{number} starts"));
        let now = micros(self.clock.shared().now());
        self.checks
            .observe(self.store, (actor, &owners), now, false)
            .await?;
        self.after().await
    }

    /// A replica dies, or stops in an orderly way.
    async fn crash(&mut self) -> Result<(), String> {
        if self.replicas.is_empty() {
            return Ok(());
        }
        let index = self.rng.below(self.replicas.len());
        let number = self.replicas[index].number;
        self.checks.goes(&self.replicas[index].owners);
        self.holder = self.holder.filter(|holder| holder.replica != number);
        if self.rng.percent(25) && !self.replicas[index].paused {
            self.note(format_args!("r{number} leaves"));
            self.replicas[index].leave().await;
        } else {
            self.note(format_args!("r{number} crashes"));
            self.replicas.swap_remove(index).crash().await;
        }
        self.after().await
    }

    fn pause(&mut self) {
        if self.replicas.is_empty() {
            return;
        }
        let index = self.rng.below(self.replicas.len());
        let replica = &mut self.replicas[index];
        let number = replica.number;
        // Whoever holds the database open holds up everybody; that is another story.
        if self.holder.is_none_or(|holder| holder.replica != number) {
            replica.paused = !replica.paused;
            let what = if replica.paused { "stands still" } else { "goes on" };
            self.note(format_args!("r{number} {what}"));
        }
    }

    fn outage(&mut self) {
        if self.replicas.is_empty() {
            return;
        }
        let index = self.rng.below(self.replicas.len());
        let replica = &mut self.replicas[index];
        replica.away = !replica.away;
        let (number, away) = (replica.number, replica.away);
        self.note(format_args!("r{number} reaches the database: {}", !away));
    }

    /// A client submits, for the first time or again.
    fn submit(&mut self) {
        if self.replicas.is_empty() {
            return;
        }
        // Who was refused comes after the others, so that each has its turn.
        let mut clients = self.clients.iter();
        let again = clients
            .position(|client| client.is_idle() && !client.refused)
            .or_else(|| self.clients.iter().position(Client::is_idle));
        let client = match again {
            Some(index) => index,
            None if self.clients.len() < self.faults.events => {
                let mut lanes = self.lanes.clone();
                lanes.retain(|_| self.rng.percent(70));
                let said = self
                    .rng
                    .percent(self.faults.alerts)
                    .then(|| Said::draw(&mut self.rng));
                if let Some(said) = &said {
                    let said = format!("e{} {said:?}", self.clients.len());
                    self.note(said);
                }
                let is_gathered = self.rng.percent(self.faults.groups);
                let group = is_gathered.then(|| draw_group(&mut self.rng));
                self.clients
                    .push(Client::new(self.clients.len(), lanes, said, group));
                self.clients.len() - 1
            }
            None => return,
        };
        let index = self.rng.below(self.replicas.len());
        // Microseconds pass between any two.
        self.advance(Duration::from_micros(1));
        let (replica, client) = (&self.replicas[index], &mut self.clients[client]);
        let before = self.planned;
        client.submit(self.team, &replica.core, &mut self.planned);
        let ids: Vec<_> = (before + 1..=self.planned)
            .map(|number| format!("d{number}"))
            .collect();
        let what = format!("{} → r{}: {}", client.event, replica.number, ids.join(" "));
        self.note(what);
    }

    /// One of those who wait for something that may happen goes on.
    async fn go(&mut self) -> Result<(), String> {
        let open = self.open();
        if open.is_empty() {
            return Ok(());
        }
        let (id, actor, request) = self.rng.pick(&open).clone();
        let fate = self.fate(actor, &request);
        self.grant(id, actor, request, fate).await
    }

    fn open(&self) -> Vec<(u64, Actor, Request)> {
        let now = self.now();
        let mut open = scheduler::pending();
        open.retain(|(_, actor, request)| {
            let Some(replica) = self.replicas.iter().find(|it| it.number == actor.replica) else {
                return false;
            };
            let free = self.holder.is_none_or(|holder| holder == *actor);
            !replica.paused
                && match request {
                    Request::Turn(at) => *at <= now,
                    Request::Batch => replica.has_queued(actor.role),
                    Request::DbStep(DbStep::Begin | DbStep::Write) => free,
                    _ => true,
                }
        });
        open
    }

    fn fate(&mut self, actor: Actor, request: &Request) -> StepResult {
        let away = self
            .replicas
            .iter()
            .any(|it| it.number == actor.replica && it.away);
        match request {
            Request::DbStep(_) if away || self.rng.percent(self.faults.fails) => StepResult::Fails,
            Request::DbStep(DbStep::Commit | DbStep::Write | DbStep::Read)
                if self.rng.percent(self.faults.lost) =>
            {
                StepResult::Lost
            }
            Request::Carry(carrying) => {
                let failures = self.failures.entry(carrying.delivery).or_default();
                if *failures < MAX_FAILURES && self.rng.percent(self.faults.refusals) {
                    *failures += 1;
                    let wait = [None, None, Some(Duration::from_secs(1))];
                    StepResult::Reports(AttemptResult {
                        ambiguous: self.rng.percent(20),
                        outcome: AttemptOutcome::Retryable {
                            retry_after: *self.rng.pick(&wait),
                        },
                        ..AttemptResult::retryable("refused", "")
                    })
                } else {
                    StepResult::Reports(AttemptResult::delivered(200, Duration::from_millis(1)))
                }
            }
            _ => StepResult::Goes,
        }
    }

    async fn grant(
        &mut self,
        id: u64,
        actor: Actor,
        request: Request,
        fate: StepResult,
    ) -> Result<(), String> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err("it goes round and round".to_owned());
        }
        let lost = matches!(fate, StepResult::Lost);
        let fails = matches!(fate, StepResult::Fails);
        let mut what = format!("r{} {:?}: {request:?}", actor.replica, actor.role);
        match (&request, &fate) {
            (Request::Carry(carrying), StepResult::Reports(result)) => {
                if result.got_through() || result.ambiguous {
                    self.checks.arrives(carrying.delivery, result.got_through());
                }
                what = format!(
                    "r{} sends {}: {:?}",
                    actor.replica,
                    name(carrying.delivery),
                    result.outcome
                );
            }
            (Request::DbStep(DbStep::Begin), StepResult::Goes) => self.holder = Some(actor),
            _ if lost || fails => what = format!("{what} → {fate:?}"),
            _ => {}
        }
        self.note(what);
        scheduler::grant(id, fate);
        scheduler::quiesce().await;
        if let Request::DbStep(step @ (DbStep::Commit | DbStep::Write)) = request {
            if step == DbStep::Commit {
                self.holder = None;
            }
            if !fails {
                let owners = self.owners(actor.replica);
                let now = micros(self.clock.shared().now());
                self.checks
                    .observe(self.store, (actor, &owners), now, lost)
                    .await?;
            }
        }
        self.after().await
    }

    fn owners(&mut self, number: usize) -> Vec<Uuid> {
        let Some(replica) = self.replicas.iter_mut().find(|it| it.number == number) else {
            return Vec::new();
        };
        let owner = replica.core.owner();
        if !replica.owners.contains(&owner) {
            replica.owners.push(owner);
        }
        replica.owners.clone()
    }

    /// Looks at everything that is not in the database.
    async fn after(&mut self) -> Result<(), String> {
        scheduler::quiesce().await;
        self.hear()?;
        self.replicas.retain_mut(|replica| !replica.has_left());
        let pending = scheduler::pending();
        // Whoever is fenced gives its transaction up without a step.
        let commits = |holder: &Actor| {
            let mut asked = pending.iter();
            asked.any(|(_, actor, request)| {
                actor == holder && matches!(request, Request::DbStep(DbStep::Commit))
            })
        };
        self.holder = self.holder.filter(commits);
        let mut carried = HashMap::new();
        for (id, actor, request) in &pending {
            let Request::Carry(carrying) = request else {
                continue;
            };
            if *id > self.seen {
                let attempt = self.begins(actor.replica, carrying)?;
                self.under_way.insert(*id, attempt);
            }
            if let Some(attempt) = self.under_way.get(id) {
                carried.insert(*id, *attempt);
            }
        }
        self.under_way = carried;
        self.check_concurrency()?;
        self.seen = pending.last().map_or(self.seen, |(id, ..)| self.seen.max(*id));
        for replica in &self.replicas {
            let audit = replica.core.lanes().audit(1);
            audit.map_err(|why| format!("the lanes of r{}: {why}", replica.number))?;
            let asleep = |(_, actor, request): &(u64, Actor, Request)| {
                let pump = actor.replica == replica.number && actor.role == Role::Pump;
                pump && matches!(request, Request::Turn(at) if *at > Duration::ZERO)
            };
            if pending.iter().any(asleep) && replica.core.lanes().oversleeps(self.now()) {
                return Err(format!("the pump of r{} oversleeps", replica.number));
            }
        }
        Ok(())
    }

    fn begins(&mut self, replica: usize, carrying: &Carrying) -> Result<UnderWay, String> {
        self.note(format_args!("r{replica} starts {}", name(carrying.delivery)));
        let owner = self
            .replicas
            .iter()
            .find(|it| it.number == replica)
            .map(|it| it.core.owner());
        let owner = owner.filter(|owner| self.checks.owns(*owner));
        let owner = owner.ok_or(format!("r{replica} starts an attempt and does not own the shard"))?;
        // Where several go at a time, they race one another anyway.
        let ordered = self.channels[&carrying.lane] == 1;
        self.checks.starts(replica, carrying, ordered)?;
        Ok(UnderWay {
            delivery: carrying.delivery,
            lane: carrying.lane,
            owner,
            epoch: self.checks.shard().epoch,
            since: self.now(),
        })
    }

    /// No lane sends too much at a time, whoever sends. What a dead owner has under way cannot be called back, and a
    /// hand-over waits no longer than so long.
    fn check_concurrency(&mut self) -> Result<(), String> {
        let now = self.now();
        let mut by_lane: HashMap<Uuid, usize> = HashMap::new();
        for attempt in self.under_way.values() {
            let is_slow = attempt.since + HAND_OVER_TIMEOUT <= now;
            if is_slow {
                self.checks.outlasts(attempt.delivery);
            }
            let is_present = attempt.epoch == self.checks.shard().epoch;
            if is_present || (self.checks.is_there(attempt.owner) && !is_slow) {
                let among = by_lane.entry(attempt.lane).or_default();
                *among += 1;
                if *among > self.channels[&attempt.lane] {
                    return Err("a lane sends too much at a time".to_owned());
                }
            }
        }
        Ok(())
    }

    /// What clients are told.
    fn hear(&mut self) -> Result<(), String> {
        for client in &mut self.clients {
            if client.hears() && self.checks.deliveries_of(&client.event) < client.lanes.len() {
                return Err(format!("{} was accepted and is not there", client.event));
            }
        }
        Ok(())
    }
}

/// Alerts by key, and whether each is open.
async fn open_alerts(store: &Store) -> BTreeMap<String, bool> {
    let reader = store.reader();
    let sql = "SELECT key, CAST(state AS INTEGER) AS state FROM alerts";
    let statement = Statement::from_string(reader.get_database_backend(), sql);
    let rows = reader.query_all_raw(statement).await.unwrap();
    rows.iter()
        .map(|row| {
            let state: i32 = row.try_get("", "state").unwrap();
            (
                row.try_get("", "key").unwrap(),
                state != AlertState::Resolved.to_wire(),
            )
        })
        .collect()
}
