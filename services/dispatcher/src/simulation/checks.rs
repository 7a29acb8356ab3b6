//! What must hold, whatever happens in whatever order.

use std::collections::{BTreeMap, HashMap, HashSet};

use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;
use watchbell_store::Store;

use super::scheduler::{Actor, Carrying, Role};
use crate::job::State;

/// A replica may be buried after this silence, in microseconds.
const HEARTBEAT_TIMEOUT: i64 = 3_000_000;

/// A delivery as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    state: i32,
    owner: Option<Uuid>,
    event: String,
}

/// The account beside the database.
#[derive(Debug, Default)]
pub(super) struct Checks {
    rows: BTreeMap<Uuid, Row>,
    /// Heartbeats of replicas.
    replicas: BTreeMap<Uuid, i64>,
    /// Who inserted a delivery.
    inserted_by: HashMap<Uuid, usize>,
    leased_by: HashMap<Uuid, HashSet<Uuid>>,
    /// Owners that crashed, were buried, or left.
    gone: HashSet<Uuid>,
    /// Deliveries of which an answer was lost on the way.
    unheard: HashSet<Uuid>,
    held: HashSet<Uuid>,
    arrived: HashMap<Uuid, u32>,
    /// By replica and lane: the newest delivery that was started there first.
    started: HashMap<(usize, Uuid), Uuid>,
}

// === impl Row ===

impl Row {
    fn has_ended(&self) -> bool {
        self.state >= State::Delivered as i32
    }
}

// === impl Checks ===

impl Checks {
    /// After a step of an actor that writes.
    pub(super) async fn observe(
        &mut self,
        store: &Store,
        (actor, own): (Actor, &[Uuid]),
        now: i64,
        lost: bool,
    ) -> Result<(), String> {
        let (rows, replicas) = read(store).await;
        for (id, row) in &rows {
            let before = self.rows.get(id);
            if before == Some(row) {
                continue;
            }
            match before {
                None => drop(self.inserted_by.insert(*id, actor.replica)),
                Some(before) => self
                    .check_change(before, row, actor, own)
                    .map_err(|why| format!("{}: {why}: {before:?} became {row:?}", name(*id)))?,
            }
            if let Some(owner) = row.owner {
                self.leased_by.entry(*id).or_default().insert(owner);
            }
            if row.state == State::Held as i32 {
                self.held.insert(*id);
            }
            if lost {
                self.unheard.insert(*id);
            }
        }
        if let Some(id) = self.rows.keys().find(|id| !rows.contains_key(id)) {
            return Err(format!("{} is not there any more", name(*id)));
        }
        self.rows = rows;
        self.observe_replicas(replicas, own, now)
    }

    fn observe_replicas(
        &mut self,
        replicas: BTreeMap<Uuid, i64>,
        own: &[Uuid],
        now: i64,
    ) -> Result<(), String> {
        for (id, beat) in &self.replicas {
            if !replicas.contains_key(id) {
                self.gone.insert(*id);
                if !own.contains(id) && now - beat < HEARTBEAT_TIMEOUT {
                    return Err("a replica was buried that had not been silent for long".to_owned());
                }
            }
        }
        self.replicas = replicas;
        Ok(())
    }

    fn check_change(
        &self,
        before: &Row,
        after: &Row,
        actor: Actor,
        own: &[Uuid],
    ) -> Result<(), &'static str> {
        if before.has_ended() {
            return Err("what has ended was changed");
        }
        match before.owner {
            Some(owner) if own.contains(&owner) => {}
            Some(owner) if self.replicas.contains_key(&owner) => {
                return Err("the lease of a living replica was touched by another");
            }
            Some(_) if after.state != before.state => return Err("a fenced outcome changed a row"),
            Some(_) => {}
            None if matches!(actor.role, Role::Committer | Role::Outcomes) => {
                return Err("an outcome changed a row that nobody held");
            }
            None => {}
        }
        match after.owner {
            Some(owner) if after.owner != before.owner && !own.contains(&owner) => {
                Err("a lease was taken for somebody else")
            }
            _ => Ok(()),
        }
    }

    /// Somebody crashed or leaves.
    pub(super) fn goes(&mut self, owners: &[Uuid]) {
        self.gone.extend(owners);
    }

    /// The receiver has it.
    pub(super) fn arrives(&mut self, delivery: Uuid, heard: bool) {
        *self.arrived.entry(delivery).or_default() += 1;
        if !heard {
            self.unheard.insert(delivery);
        }
    }

    /// An attempt begins.
    pub(super) fn starts(&mut self, replica: usize, carrying: &Carrying) -> Result<(), String> {
        let id = carrying.delivery;
        if !carrying.first || !self.is_untroubled(id) || self.inserted_by.get(&id) != Some(&replica) {
            return Ok(());
        }
        match self.started.insert((replica, carrying.lane), id) {
            Some(newest) if newest > id => Err(format!(
                "{} starts after {}, which is newer",
                name(id),
                name(newest)
            )),
            _ => Ok(()),
        }
    }

    /// Nothing happened to it that excuses another order. What was held is due when its quiet hours end, and then comes
    /// behind what has been waiting in the database for longer.
    fn is_untroubled(&self, id: Uuid) -> bool {
        let owners = self.leased_by.get(&id);
        !self.unheard.contains(&id)
            && !self.held.contains(&id)
            && owners.is_none_or(|owners| owners.len() < 2 && owners.is_disjoint(&self.gone))
    }

    /// Whether a replica is entered.
    pub(super) fn lives(&self, owner: Uuid) -> bool {
        self.replicas.contains_key(&owner)
    }

    /// Deliveries of an event.
    pub(super) fn deliveries_of(&self, event: &str) -> usize {
        self.rows.values().filter(|row| row.event == event).count()
    }

    /// What keeps the database from being at rest.
    pub(super) fn unrest(&self) -> Option<String> {
        let (id, row) = self
            .rows
            .iter()
            .find(|(_, row)| !row.has_ended() || row.owner.is_some())?;
        Some(format!("{} is {row:?}", name(*id)))
    }

    /// When everything is at rest.
    pub(super) fn conclude(&self) -> Result<(), String> {
        for (id, row) in &self.rows {
            let arrived = self.arrived.get(id).copied().unwrap_or(0);
            if row.state != State::Delivered as i32 || arrived == 0 {
                return Err(format!("{} did not arrive: {row:?}", name(*id)));
            }
            let owners = self.leased_by.get(id);
            let taken_over = owners.is_some_and(|owners| !owners.is_disjoint(&self.gone));
            if arrived > 1 && !taken_over && !self.unheard.contains(id) {
                return Err(format!("{} arrived {arrived} times for no reason", name(*id)));
            }
        }
        Ok(())
    }
}

/// Deliveries are numbered.
pub(super) fn name(delivery: Uuid) -> String {
    format!("d{}", delivery.as_u128())
}

/// The deliveries, and the heartbeats of replicas.
async fn read(store: &Store) -> (BTreeMap<Uuid, Row>, BTreeMap<Uuid, i64>) {
    let reader = store.reader();
    let sql = "SELECT id, CAST(state AS INTEGER) AS state, lease_owner, event_id, CAST(0 AS BIGINT) AS beat FROM deliveries
        UNION ALL SELECT id, 0, NULL, '', heartbeat_at FROM replicas";
    let statement = Statement::from_string(reader.get_database_backend(), sql);
    let (mut rows, mut replicas) = (BTreeMap::new(), BTreeMap::new());
    for row in reader.query_all_raw(statement).await.unwrap() {
        let id: Uuid = row.try_get("", "id").unwrap();
        let event: String = row.try_get("", "event_id").unwrap();
        if event.is_empty() {
            replicas.insert(id, row.try_get("", "beat").unwrap());
            continue;
        }
        let state: i32 = row.try_get("", "state").unwrap();
        let owner = row.try_get("", "lease_owner").unwrap();
        rows.insert(id, Row { state, owner, event });
    }
    (rows, replicas)
}
