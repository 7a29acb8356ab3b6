//! What must hold, whatever happens in whatever order.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;
use watchbell_store::Store;

use super::scheduler::{Actor, Carrying};
use crate::job::State;

/// A replica may be buried after this silence, in microseconds.
const HEARTBEAT_TIMEOUT: i64 = 3_000_000;

/// The team of all events.
pub(super) const TEAM: TeamId = TeamId::from_uuid(Uuid::from_u128(1));

/// How long an attempt keeps its shard from being handed over.
pub(super) const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(15);

/// A delivery as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) state: i32,
    pub(super) event: String,
    pub(super) lane: Uuid,
    /// The summary that it is part of.
    pub(super) summary: Option<Uuid>,
    has_ended: bool,
}

/// What is looked at in the database.
#[derive(Default)]
struct Tables {
    rows: BTreeMap<Uuid, Row>,
    /// Heartbeats.
    replicas: BTreeMap<Uuid, i64>,
    /// Events of alerts, and when they were accepted.
    alert_events: Vec<(i64, String)>,
}

/// The only team's shard as the database has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shard {
    pub(super) owner: Option<Uuid>,
    pub(super) epoch: i64,
}

/// The account beside the database.
#[derive(Debug, Default)]
pub(super) struct Checks {
    rows: BTreeMap<Uuid, Row>,
    /// Heartbeats of replicas.
    replicas: BTreeMap<Uuid, i64>,
    shard: Shard,
    /// Epochs that began without a hand-over by the former owner.
    disorderly: BTreeSet<i64>,
    /// In which epoch a delivery was inserted, and in which it ended.
    inserted_in: HashMap<Uuid, i64>,
    ended_in: HashMap<Uuid, i64>,
    /// Epochs in which attempts of a delivery began.
    started_in: HashMap<Uuid, HashSet<i64>>,
    /// Owners that crashed, were buried, or left.
    gone: HashSet<Uuid>,
    /// Deliveries of which an answer was lost on the way.
    unheard: HashSet<Uuid>,
    /// Deliveries with an attempt that outlasted a hand-over.
    slow: HashSet<Uuid>,
    held: HashSet<Uuid>,
    arrived: HashMap<Uuid, u32>,
    /// By replica and lane: the newest delivery that was started there first.
    started: HashMap<(usize, Uuid), Uuid>,
    /// Events of alerts in the order in which they were committed.
    alert_events: Vec<String>,
}

// === impl Row ===

impl Row {
    /// It has ended without being sent, and not with a summary.
    pub(super) fn is_left_out(&self) -> bool {
        self.state == State::Folded as i32 && self.has_ended && self.summary.is_none()
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
        let Tables {
            rows,
            replicas,
            alert_events,
        } = read(store).await;
        self.observe_shard(shard(store).await, own, &replicas)?;
        let mut new = alert_events;
        new.retain(|(_, event)| !self.alert_events.contains(event));
        // Of one batch, in the order in which they were submitted.
        new.sort();
        self.alert_events.extend(new.into_iter().map(|(_, event)| event));
        for (id, row) in &rows {
            let before = self.rows.get(id);
            if before == Some(row) {
                continue;
            }
            if !self.shard.owner.is_some_and(|owner| own.contains(&owner)) {
                return Err(format!("{} was written by who does not own its shard", name(*id)));
            }
            match before {
                None => drop(self.inserted_in.insert(*id, self.shard.epoch)),
                Some(before) => self
                    .check_change(*id, before, row)
                    .map_err(|why| format!("{}: {why}: {before:?} became {row:?} by {actor:?}", name(*id)))?,
            }
            if row.has_ended {
                self.ended_in.insert(*id, self.shard.epoch);
            }
            if row.state == State::Held as i32 || row.state == State::Folded as i32 {
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

    fn observe_shard(
        &mut self,
        shard: Shard,
        own: &[Uuid],
        replicas: &BTreeMap<Uuid, i64>,
    ) -> Result<(), String> {
        let before = std::mem::replace(&mut self.shard, shard);
        if shard.epoch < before.epoch || (shard.epoch == before.epoch && shard != before) {
            return Err(format!("{before:?} became {shard:?}"));
        }
        let orderly = before.owner.is_some_and(|former| {
            own.contains(&former) && replicas.contains_key(&former) && !self.gone.contains(&former)
        });
        if shard.epoch > before.epoch && !orderly {
            self.disorderly.insert(shard.epoch);
        }
        Ok(())
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

    fn check_change(&self, id: Uuid, before: &Row, after: &Row) -> Result<(), &'static str> {
        let started = self.started_in.get(&id);
        if before.has_ended {
            return Err("what has ended was changed");
        }
        if after.state == State::Delivered as i32
            && !started.is_some_and(|epochs| epochs.contains(&self.shard.epoch))
        {
            return Err("an outcome of an older epoch was stored");
        }
        Ok(())
    }

    /// The shard as the database has it.
    pub(super) const fn shard(&self) -> Shard {
        self.shard
    }

    /// Whether an owner was not taken for dead, and did not crash or leave.
    pub(super) fn is_there(&self, owner: Uuid) -> bool {
        self.lives(owner) && !self.gone.contains(&owner)
    }

    /// An attempt took longer than a hand-over waits.
    pub(super) fn outlasts(&mut self, delivery: Uuid) {
        self.slow.insert(delivery);
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

    /// Whether a replica owns the shard. Only then it may begin attempts.
    pub(super) fn owns(&self, owner: Uuid) -> bool {
        self.shard.owner == Some(owner)
    }

    /// An attempt begins in a lane that sends one at a time, or several.
    pub(super) fn starts(
        &mut self,
        replica: usize,
        carrying: &Carrying,
        ordered: bool,
    ) -> Result<(), String> {
        let id = carrying.delivery;
        self.started_in.entry(id).or_default().insert(self.shard.epoch);
        // What the Dispatcher makes itself, summaries and ends of alerts, waits for other deliveries.
        let is_made_here = id.get_version_num() == 7;
        if !ordered || !carrying.first || is_made_here || !self.is_untroubled(id) {
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
        !self.unheard.contains(&id)
            && !self.held.contains(&id)
            && self.inserted_in.get(&id) == Some(&self.shard.epoch)
    }

    /// Whether a replica is entered.
    pub(super) fn lives(&self, owner: Uuid) -> bool {
        self.replicas.contains_key(&owner)
    }

    /// Deliveries of an event.
    pub(super) fn deliveries_of(&self, event: &str) -> usize {
        self.rows.values().filter(|row| row.event == event).count()
    }

    /// Events of alerts in the order in which they were committed.
    pub(super) fn alert_events(&self) -> &[String] {
        &self.alert_events
    }

    pub(super) fn rows(&self) -> &BTreeMap<Uuid, Row> {
        &self.rows
    }

    pub(super) fn arrived(&self) -> &HashMap<Uuid, u32> {
        &self.arrived
    }

    /// What keeps the database from being at rest.
    pub(super) fn unrest(&self) -> Option<String> {
        let (id, row) = self.rows.iter().find(|(_, row)| !row.has_ended)?;
        Some(format!("{} is {row:?}", name(*id)))
    }

    /// When everything is at rest.
    pub(super) fn conclude(&self) -> Result<(), String> {
        for (id, row) in &self.rows {
            let arrived = self.arrived.get(id).copied().unwrap_or(0);
            let is_sent = row.state == State::Delivered as i32 && arrived > 0;
            let is_folded = row.state == State::Folded as i32 && (row.is_left_out() || row.summary.is_some());
            if !is_sent && !is_folded {
                return Err(format!("{} did not arrive: {row:?}", name(*id)));
            }
            let (first, last) = (self.inserted_in[id], self.ended_in[id]);
            let taken_over = self
                .disorderly
                .iter()
                .any(|epoch| first < *epoch && *epoch <= last);
            let excused = taken_over || self.unheard.contains(id) || self.slow.contains(id);
            if row.summary.is_some() && arrived > 0 && !excused {
                return Err(format!("{} is told by a summary and by itself", name(*id)));
            }
            if arrived > 1 && !excused {
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

/// The deliveries, the heartbeats of replicas, and the events of alerts.
async fn read(store: &Store) -> Tables {
    let reader = store.reader();
    let sql = "SELECT id, CAST(state AS INTEGER) AS state, event_id, lane_id, folded_into, ended_at AS at FROM deliveries
        UNION ALL SELECT id, 0, '', id, id, heartbeat_at FROM replicas
        UNION ALL SELECT team_id, 0, id, team_id, team_id, accepted_at FROM events WHERE alert_key IS NOT NULL";
    let statement = Statement::from_string(reader.get_database_backend(), sql);
    let mut tables = Tables::default();
    for row in reader.query_all_raw(statement).await.unwrap() {
        let id: Uuid = row.try_get("", "id").unwrap();
        let event: String = row.try_get("", "event_id").unwrap();
        let state: i32 = row.try_get("", "state").unwrap();
        let at: Option<i64> = row.try_get("", "at").unwrap();
        if event.is_empty() {
            tables.replicas.insert(id, at.unwrap());
        } else if state == 0 {
            tables.alert_events.push((at.unwrap(), event));
        } else {
            let row = Row {
                state,
                event,
                lane: row.try_get("", "lane_id").unwrap(),
                summary: row.try_get("", "folded_into").unwrap(),
                has_ended: at.is_some(),
            };
            tables.rows.insert(id, row);
        }
    }
    tables
}

/// The only team's shard. All others are of no interest.
async fn shard(store: &Store) -> Shard {
    let reader = store.reader();
    let shard = ShardId::of(TEAM).number();
    let sql = format!("SELECT owner, epoch FROM shards WHERE id = {shard}");
    let statement = Statement::from_string(reader.get_database_backend(), sql);
    let row = reader.query_one_raw(statement).await.unwrap().unwrap();
    Shard {
        owner: row.try_get("", "owner").unwrap(),
        epoch: row.try_get("", "epoch").unwrap(),
    }
}
