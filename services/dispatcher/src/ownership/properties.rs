//! Ownership under a simulated clock: replicas that beat, stand still, die and come back, on a table that is a value.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;
use uuid::Uuid;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::{SHARDS, ShardId};

use super::*;

const REPLICAS: usize = 4;

/// The database: rows of replicas by their heartbeat, rows of shards, and what was committed under the fence.
#[derive(Default)]
struct Database {
    beats: BTreeMap<Uuid, Duration>,
    shards: BTreeMap<ShardId, (Option<Uuid>, i64)>,
    owner_of_epoch: BTreeMap<(ShardId, i64), Option<Uuid>>,
    committed: BTreeMap<ShardId, i64>,
}

/// A process.
struct Process {
    id: Uuid,
    ownership: Ownership,
    /// What it read, and acts on later.
    seen: Option<(ShardTable, Duration)>,
}

struct World {
    now: Duration,
    ids: u128,
    database: Database,
    processes: Vec<Process>,
}

#[derive(Debug, Clone)]
enum Step {
    Pass(u64),
    Beat(usize),
    Read(usize),
    Act(usize),
    Commit(usize, u8),
    Send(usize, u8),
    Leave(usize),
    Restart(usize),
}

/// A team of each shard.
static TEAMS: LazyLock<BTreeMap<ShardId, TeamId>> = LazyLock::new(|| {
    let teams = (0..10_000).map(|number| TeamId::from_uuid(Uuid::from_u128(number)));
    teams.map(|team| (ShardId::of(team), team)).collect()
});

fn team_of(shard: ShardId) -> TeamId {
    TEAMS[&shard]
}

// === impl Database ===

impl Database {
    fn set_owner(&mut self, shard: ShardId, owner: Option<Uuid>) {
        let row = self.shards.entry(shard).or_default();
        *row = (owner, row.1 + 1);
        let before = self.owner_of_epoch.insert((shard, row.1), owner);
        assert_eq!(before, None, "an epoch has one owner");
    }

    fn table(&self, now: Duration) -> ShardTable {
        let replica = |(id, beat): (&Uuid, &Duration)| {
            let address = id.to_string().into();
            let row = ReplicaRow {
                address,
                owns_shards: true,
                is_of_this_release: true,
                silence: now - *beat,
            };
            (*id, row)
        };
        let owned = self.shards.iter().filter_map(|(shard, (owner, epoch))| {
            let owner = owner.filter(|owner| self.beats.contains_key(owner))?;
            Some((*shard, (owner, *epoch)))
        });
        ShardTable {
            replicas: self.beats.iter().map(replica).collect(),
            owners: owned.collect(),
            ..ShardTable::default()
        }
    }

    fn take(&mut self, me: Uuid, most: usize) {
        let owned = |owner: &Option<Uuid>| owner.is_some_and(|owner| self.beats.contains_key(&owner));
        let free = self.shards.iter().filter(|(_, (owner, _))| !owned(owner));
        let free: Vec<ShardId> = free.map(|(shard, _)| *shard).take(most).collect();
        for shard in free {
            self.set_owner(shard, Some(me));
        }
    }

    fn hand_over(&mut self, me: Uuid, shards: &BTreeSet<ShardId>, successor: Uuid) {
        for shard in shards {
            if self.shards[shard].0 == Some(me) {
                self.set_owner(*shard, Some(successor));
            }
        }
    }

    /// A transaction under the fence.
    fn commit(&mut self, me: Uuid, shard: ShardId, epoch: i64) {
        if self.shards[&shard] == (Some(me), epoch) {
            let before = self.committed.insert(shard, epoch).unwrap_or(0);
            assert!(before <= epoch, "an older epoch commits after a newer one");
        }
    }
}

// === impl World ===

impl World {
    fn new() -> Self {
        let mut world = Self {
            now: Duration::from_secs(100),
            ids: 0,
            database: Database::default(),
            processes: Vec::new(),
        };
        world.database.shards = ShardId::all().map(|shard| (shard, (None, 0))).collect();
        for _ in 0..REPLICAS {
            let process = world.process();
            world.processes.push(process);
        }
        world
    }

    fn process(&mut self) -> Process {
        self.ids += 1;
        let id = Uuid::from_u128(self.ids);
        self.database.beats.insert(id, self.now);
        Process {
            id,
            ownership: Ownership::default(),
            seen: None,
        }
    }

    fn step(&mut self, step: &Step) {
        let (now, database) = (self.now, &mut self.database);
        match *step {
            Step::Pass(millis) => self.now += Duration::from_millis(millis),
            Step::Beat(index) => {
                let process = &mut self.processes[index];
                match database.beats.get_mut(&process.id) {
                    Some(beat) => {
                        *beat = now;
                        process.ownership.renewed(now);
                    }
                    None => self.processes[index] = self.process(),
                }
            }
            Step::Read(index) => {
                let process = &mut self.processes[index];
                process.seen = Some((database.table(now), now));
            }
            Step::Act(index) => self.act(index),
            Step::Commit(index, shard) => {
                let process = &self.processes[index];
                let shard = ShardId::from_number(shard.into()).unwrap();
                if let Some(epoch) = process.ownership.epoch(shard) {
                    database.commit(process.id, shard, epoch);
                }
            }
            Step::Send(index, shard) => {
                let process = &self.processes[index];
                let shard = ShardId::from_number(shard.into()).unwrap();
                if let Some(epoch) = process.ownership.epoch(shard)
                    && process.ownership.may_send(team_of(shard), epoch, now)
                {
                    let row = database.shards[&shard];
                    assert_eq!(row, (Some(process.id), epoch), "only the owner sends");
                }
            }
            Step::Leave(index) => {
                let id = self.processes[index].id;
                for (successor, shards) in database.table(now).successors(id) {
                    self.processes[index].ownership.leave(&shards);
                    database.hand_over(id, &shards, successor);
                }
                database.beats.remove(&id);
                self.processes[index] = self.process();
            }
            Step::Restart(index) => self.processes[index] = self.process(),
        }
    }

    /// What it does after reading the table, which may have changed since.
    fn act(&mut self, index: usize) {
        let (now, database) = (self.now, &mut self.database);
        let process = &mut self.processes[index];
        let Some((table, begun)) = process.seen.take() else {
            return;
        };
        process.ownership.observe(process.id, table.clone(), begun);
        let held = process.ownership.owned();
        process.ownership.ready(&held);
        if table.has_silent() {
            let me = process.id;
            database
                .beats
                .retain(|id, beat| *id == me || *beat + LEASE >= now);
        }
        let plan = table.plan(process.id);
        if database.beats.contains_key(&process.id) {
            database.take(process.id, plan.take);
        }
        for (successor, shards) in plan.give {
            process.ownership.leave(&shards);
            database.hand_over(process.id, &shards, successor);
        }
    }

    /// Everybody beats for a while.
    fn settle(&mut self) {
        for _ in 0..20 {
            self.step(&Step::Pass(500));
            for index in 0..REPLICAS {
                for step in [Step::Beat(index), Step::Read(index), Step::Act(index)] {
                    self.step(&step);
                }
            }
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let replica = 0..REPLICAS;
    prop_oneof![
        3 => prop::sample::select(vec![1, 50, 200, 500, 1000, 2600, 3100]).prop_map(Step::Pass),
        4 => replica.clone().prop_map(Step::Beat),
        4 => replica.clone().prop_map(Step::Read),
        4 => replica.clone().prop_map(Step::Act),
        3 => (replica.clone(), any::<u8>()).prop_map(|(index, shard)| Step::Commit(index, shard)),
        6 => (replica.clone(), any::<u8>()).prop_map(|(index, shard)| Step::Send(index, shard)),
        1 => replica.clone().prop_map(Step::Leave),
        1 => replica.prop_map(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_shard_has_one_owner_who_alone_commits_and_sends(steps in prop::collection::vec(step(), 1..300)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
    }

    #[test]
    fn in_the_end_all_shards_are_owned_in_equal_shares(steps in prop::collection::vec(step(), 0..100)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.settle();
        for process in &world.processes {
            prop_assert_eq!(process.ownership.owned().len(), SHARDS / REPLICAS);
        }
    }
}

#[test]
fn a_new_owner_sends_what_waits_first_and_a_leaving_one_starts_nothing() {
    let mut ownership = Ownership::default();
    let me = Uuid::from_u128(1);
    let shard = ShardId::from_number(7).unwrap();
    let shards = BTreeSet::from([shard]);
    let mut table = ShardTable::default();
    table.owners.insert(shard, (me, 3));
    let changes = ownership.observe(me, table.clone(), Duration::ZERO);
    assert_eq!(changes.gained, shards);
    ownership.renewed(Duration::ZERO);
    assert!(!ownership.is_ready(team_of(shard)) && ownership.may_load(team_of(shard)));
    ownership.ready(&shards);
    assert!(ownership.is_ready(team_of(shard)));
    assert!(ownership.may_send(team_of(shard), 3, Duration::from_millis(2_499)));
    assert!(
        !ownership.may_send(team_of(shard), 3, Duration::from_millis(2_500)),
        "the lease is about to end"
    );
    assert!(
        !ownership.may_send(team_of(shard), 2, Duration::ZERO),
        "a job of an earlier epoch"
    );
    ownership.leave(&shards);
    assert!(!ownership.may_send(team_of(shard), 3, Duration::ZERO) && !ownership.may_load(team_of(shard)));
    assert!(ownership.owns(shard), "submissions are still committed");
    ownership.stay(&shards);
    assert!(!ownership.is_ready(team_of(shard)) && ownership.may_load(team_of(shard)));
    table.owners.insert(shard, (me, 5));
    let changes = ownership.observe(me, table, Duration::ZERO);
    assert_eq!(
        (changes.lost, changes.gained),
        (shards.clone(), shards),
        "it was another's meanwhile"
    );
}

#[test]
fn a_team_that_is_elsewhere_is_not_served_and_is_begun_anew_when_it_is_back() {
    let (me, shard) = (Uuid::from_u128(1), ShardId::from_number(7).unwrap());
    let (team, other) = (team_of(shard), TeamId::from_uuid(Uuid::from_u128(10_001)));
    let mut ownership = Ownership::default();
    let table = |count, absent: &[(TeamId, Absence)]| ShardTable {
        owners: BTreeMap::from([(shard, (me, 3))]),
        moves: BTreeMap::from([(shard, count)]),
        absent: Some(absent.iter().cloned().collect()),
        ..ShardTable::default()
    };
    ownership.renewed(Duration::ZERO);
    ownership.observe(me, table(0, &[]), Duration::ZERO);
    ownership.ready(&BTreeSet::from([shard]));
    let before = ownership.fence([shard]);
    assert!(ownership.is_ready(team) && ownership.may_send(team, 3, Duration::ZERO));

    ownership.quieten(team);
    assert!(ownership.serves(team), "what comes is still stored");
    assert!(!ownership.may_load(team) && !ownership.may_send_later(team, 3) && !ownership.is_ready(team));

    let changes = ownership.observe(me, table(1, &[(team, Absence::Frozen)]), Duration::ZERO);
    assert_eq!((changes.gone, changes.arrived.len()), (BTreeSet::from([team]), 0));
    ownership.unquieten(team);
    assert!(!ownership.serves(team) && !ownership.may_load(team) && ownership.has_frozen());
    assert!(ownership.owns(shard) && ownership.absence(other).is_none());
    assert_ne!(ownership.fence([shard]).moves, before.moves);

    let unchanged = ShardTable {
        absent: None,
        ..table(1, &[])
    };
    assert_eq!(
        ownership.observe(me, unchanged, Duration::ZERO),
        Changes::default()
    );
    assert!(!ownership.serves(team), "nothing was read");

    ownership.ready(&BTreeSet::from([shard]));
    let changes = ownership.observe(me, table(2, &[]), Duration::ZERO);
    assert_eq!(changes.arrived, BTreeSet::from([team]));
    assert!(ownership.serves(team) && ownership.may_load(team));
    assert!(!ownership.is_ready(team), "what waits in the database goes first");
}
