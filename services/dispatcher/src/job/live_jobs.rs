//! Which deliveries this process has jobs for, wherever the jobs are: in a lane, under way, or waiting for the commit of
//! their outcome.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

/// Deliveries with a job in this process, and how many copies of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holdings(Arc<Mutex<HashMap<Uuid, u32>>>);

/// A part of a job, which makes its delivery known for as long as the job exists.
#[derive(Debug)]
pub(crate) struct Hold {
    id: Uuid,
    holdings: Holdings,
}

// === impl Holdings ===

impl Holdings {
    pub(crate) fn hold(&self, id: Uuid) -> Hold {
        *self.lock().entry(id).or_default() += 1;
        Hold {
            id,
            holdings: self.clone(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Hold ===

impl Clone for Hold {
    fn clone(&self) -> Self {
        self.holdings.hold(self.id)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.holdings.lock();
        if let Some(copies) = held.get_mut(&self.id) {
            *copies -= 1;
            if *copies == 0 {
                held.remove(&self.id);
            }
        }
    }
}
