//! Events shared by jobs in memory. Each lane loads its own deliveries of an event, at its own time; while a job of
//! the event exists, later ones share it instead of reading it again.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use sea_orm::DbErr;
use watchbell_model::accepted_event::AcceptedEvent;

use crate::event::InMemory as _;
use crate::store::{Db, EventKey, LoadedRow};

/// The events that were read for jobs, as long as a job has them.
#[derive(Debug, Default)]
pub(crate) struct SharedEvents(HashMap<EventKey, Weak<AcceptedEvent>>);

/// An event of which jobs are made.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) event: Arc<AcceptedEvent>,
    /// A job has it already.
    is_shared: bool,
}

// === impl Held ===

impl Held {
    const fn new(event: Arc<AcceptedEvent>, is_shared: bool) -> Self {
        Self { event, is_shared }
    }

    /// Memory of one more job of this event, in units.
    pub(crate) fn weight_of_next(&mut self) -> usize {
        match std::mem::replace(&mut self.is_shared, true) {
            true => self.event.weight_shared_by(usize::MAX),
            false => self.event.weight(),
        }
    }
}

// === impl SharedEvents ===

impl SharedEvents {
    /// The events of deliveries, from memory or read. One that is not there has been removed.
    pub(crate) async fn load(
        &mut self,
        db: &Db,
        rows: &[LoadedRow],
    ) -> Result<HashMap<EventKey, Held>, DbErr> {
        self.0.retain(|_, event| event.strong_count() > 0);
        let mut events = HashMap::with_capacity(rows.len());
        let mut missing = Vec::new();
        for LoadedRow { delivery: row, .. } in rows {
            let key = (row.team_id, row.event_id.clone());
            match self.0.get(&key).and_then(Weak::upgrade) {
                Some(event) => drop(events.insert(key, Held::new(event, true))),
                None => missing.push((row.team_id, row.event_id.as_str())),
            }
        }
        for (key, event) in db.events_of(missing).await? {
            self.0.insert(key.clone(), Arc::downgrade(&event));
            events.insert(key, Held::new(event, false));
        }
        Ok(events)
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.0.len()
    }
}
