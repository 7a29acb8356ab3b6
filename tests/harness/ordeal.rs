//! An ordeal: a team with two endpoints, callers that emit all the time, and faults. Afterwards every accepted event has
//! arrived everywhere, nothing is stuck, and whatever arrived twice is explained by a fault.

use std::io::Write as _;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tonic::Code;
use watchbell_contracts::dispatcher::v1::{DeliveryState, ListDeliveriesRequest};
use watchbell_model::clock::{Clock as _, SystemClock};
use watchbell_model::ids::{ChannelId, TeamId};
use watchbell_model::shard::{SHARDS, ShardId};

use super::rows::Rows;
use super::takeovers::Takeovers;
use super::{Client, Database, Endpoint, Load, Platform, eventually};

/// Deliveries of each event: one to each endpoint, and one into the inbox.
const ROUTES: usize = 3;
/// How long after a fault what it interrupted may still arrive for the first time: requests that are with the system
/// already, and what a replica sends before it learns that others took its work over.
const GRACE: TimeDelta = TimeDelta::seconds(2);

/// What it is made of.
pub(crate) struct Ordeal {
    pub(crate) platform: Platform,
    pub(crate) load: Load,
    rows: Rows,
    team: String,
    endpoints: Vec<(Endpoint, ChannelId)>,
    clock: SystemClock,
    faults: Vec<Fault>,
    takeovers: Takeovers,
}

/// What arrived more than once.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Arrivals after the first.
    pub(crate) again: usize,
    /// Of these, at one fault.
    pub(crate) most: usize,
    /// Arrivals that the log does not know: whoever sent them died before the commit.
    pub(crate) unlogged: usize,
}

/// Something that can make a delivery arrive twice.
struct Fault {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Ordeal {
    /// Sets the team up and lets its callers begin.
    pub(crate) async fn begin(database: &Database, platform: Platform) -> Self {
        Self::paced(database, platform, Duration::ZERO).await
    }

    /// The same, each caller with one event in such a time.
    pub(crate) async fn paced(database: &Database, platform: Platform, pace: Duration) -> Self {
        let admin = platform.admin();
        let team = admin.team("Ordeal").await;
        let mut endpoints = Vec::new();
        for name in ["siem", "soar"] {
            let endpoint = Endpoint::start().await;
            let channel = endpoint.subscribe(admin, &team, name).await;
            endpoints.push((endpoint, channel));
        }
        let load = Load::start(&platform.clients("router"), &team, pace);
        load.proceeds(1).await;
        let dispatchers = platform.indices("dispatcher").len();
        Self {
            takeovers: Takeovers::watch(Rows::of_dispatcher(database).await, dispatchers),
            rows: Rows::of_dispatcher(database).await,
            clock: SystemClock::new(),
            faults: Vec::new(),
            platform,
            load,
            team,
            endpoints,
        }
    }

    /// Does something that can make what is under way arrive twice.
    pub(crate) async fn fault(&mut self, fault: impl AsyncFnOnce(&mut Self)) {
        let from = self.clock.now();
        fault(self).await;
        let until = self.clock.now();
        self.faults.push(Fault { from, until });
    }

    /// Waits until so many more events are accepted.
    pub(crate) async fn proceeds(&self, by: usize) {
        self.load.proceeds(by).await;
    }

    /// The team.
    pub(crate) fn team(&self) -> &str {
        &self.team
    }

    /// Dispatchers that count as alive.
    pub(crate) async fn replicas(&self) -> usize {
        self.rows.replicas().await.map_or(0, |replicas| replicas.len())
    }

    /// Waits until so many Dispatchers own all shards in equal parts.
    pub(crate) async fn has_shares(&self, dispatchers: usize) {
        let least = i64::try_from(SHARDS / dispatchers).unwrap();
        eventually("all have their share", || async {
            let shares = self.rows.shares().await;
            (shares.len() == dispatchers && shares.values().all(|share| *share >= least)).then_some(())
        })
        .await;
    }

    /// The Dispatcher that owns the team.
    pub(crate) async fn owner(&self) -> usize {
        let team: TeamId = self.team.parse().unwrap();
        let address = self.rows.owner(ShardId::of(team)).await;
        let mut dispatchers = self.platform.indices("dispatcher").into_iter();
        let owner = dispatchers.find(|index| address.ends_with(&self.platform.address(*index).to_string()));
        owner.expect("it is one of the platform's")
    }

    /// Lets callers and deliveries finish, and looks at what became of everything.
    pub(crate) async fn end(mut self, what: &str) -> Outcome {
        self.platform.ready().await;
        let heard = self.load.end().await;
        let events = heard.accepted.len();
        assert!(
            heard.wrong.is_empty(),
            "callers were told what they should not be: {:?}",
            heard.wrong
        );
        for (endpoint, _) in &self.endpoints {
            eventually_proceeding("every accepted event arrives", || async {
                events.saturating_sub(endpoint.distinct())
            })
            .await;
        }
        let (rows, team) = (&self.rows, self.team.parse().unwrap());
        eventually_proceeding("no delivery waits", || async {
            usize::try_from(rows.unfinished(team).await).unwrap()
        })
        .await;
        for dispatcher in self.platform.clients("dispatcher") {
            assert_all_delivered(&dispatcher, &self.team).await;
        }
        assert_eq!(
            rows.deliveries_of(team).await,
            i64::try_from(events * ROUTES).unwrap(),
            "one delivery for each route"
        );
        let living = self.platform.indices("dispatcher").len();
        eventually("the dead are forgotten", || async {
            (self.replicas().await == living).then_some(())
        })
        .await;

        let faults = self.faults.len();
        let takeovers = self.takeovers.seen().into_iter();
        self.faults
            .extend(takeovers.map(|(from, until)| Fault { from, until }));
        let outcome = self.look_back().await;
        let _ = writeln!(
            std::io::stderr(),
            "{what}: {events} events, {} deliveries, {faults} faults, {} takeovers; {} arrived again, at most {} at one \
             fault, {} of them not in the log; callers: {} refused, {} broken, {} known",
            events * self.endpoints.len(),
            self.faults.len() - faults,
            outcome.again,
            outcome.most,
            outcome.unlogged,
            heard.refused,
            heard.broken,
            heard.known,
        );
        outcome
    }

    /// Compares what arrived with the log. Whatever arrived again must do so because of a fault.
    async fn look_back(&self) -> Outcome {
        let attempts = self.rows.attempts().await;
        let mut outcome = Outcome::default();
        let mut at_fault = vec![0; self.faults.len()];
        for (endpoint, channel) in &self.endpoints {
            for (event, arrivals) in endpoint.arrivals() {
                let logged = attempts
                    .get(&(channel.as_uuid(), event.clone()))
                    .copied()
                    .unwrap_or(0);
                assert!(
                    (1..=arrivals.len()).contains(&logged),
                    "{event}: {logged} attempts in the log, and it arrived {arrivals:?}"
                );
                outcome.unlogged += arrivals.len() - logged;
                for pair in arrivals.windows(2) {
                    let fault = self.fault_of(pair[0], pair[1]);
                    at_fault[fault
                        .unwrap_or_else(|| panic!("{event} arrived again without a fault: {pair:?}"))] += 1;
                    outcome.again += 1;
                }
            }
        }
        outcome.most = at_fault.into_iter().max().unwrap_or(0);
        outcome
    }

    /// Of the faults that explain why something arrived again, the nearest to its first arrival: that one kept it from the
    /// log. What several dead replicas had under way is taken over, and arrives again, at once.
    fn fault_of(&self, first: DateTime<Utc>, again: DateTime<Utc>) -> Option<usize> {
        let faults = self.faults.iter().enumerate();
        let explaining = faults.filter(|(_, fault)| fault.explains(first, again));
        let nearest = explaining.min_by_key(|(_, fault)| (fault.from - first).abs());
        nearest.map(|(position, _)| position)
    }
}

impl Fault {
    /// Whether what arrived at the one time may arrive at the other because of this.
    fn explains(&self, first: DateTime<Utc>, again: DateTime<Utc>) -> bool {
        first <= self.until + GRACE && again >= self.from
    }
}

/// Waits until nothing is left; fails when nothing happens for too long.
async fn eventually_proceeding<F: Future<Output = usize>>(what: &str, left: impl Fn() -> F) {
    let mut before = left().await;
    while before > 0 {
        before = eventually(&format!("{what} ({before} left)"), || async {
            let now = left().await;
            (now < before).then_some(now)
        })
        .await;
    }
}

async fn assert_all_delivered(dispatcher: &Client, team: &str) {
    let request = ListDeliveriesRequest {
        team_id: team.to_owned(),
        states: [
            DeliveryState::Pending,
            DeliveryState::Held,
            DeliveryState::Parked,
            DeliveryState::Folded,
            DeliveryState::Failed,
            DeliveryState::Cancelled,
        ]
        .map(i32::from)
        .to_vec(),
        ..Default::default()
    };
    // Config may still be on its way to a new primary.
    let listed = eventually("deliveries are listed", || async {
        match dispatcher.dispatcher().list_deliveries(request.clone()).await {
            Ok(listed) => Some(listed.into_inner()),
            Err(status) if status.code() == Code::Unavailable => None,
            Err(status) => panic!("{status:?}"),
        }
    })
    .await;
    assert!(
        listed.deliveries.is_empty(),
        "not delivered: {:?}",
        listed.deliveries
    );
}
