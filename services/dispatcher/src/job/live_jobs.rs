//! Registry of the deliveries with a job in this process, wherever the job is: in a lane, running, or waiting for the
//! commit of its outcome.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use uuid::Uuid;

/// Deliveries with a job in this process, and how many copies of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct LiveJobs(Arc<Mutex<HashMap<Uuid, u32>>>);

/// A part of a job, which makes its delivery known for as long as the job exists.
#[derive(Debug)]
pub(crate) struct JobGuard {
    id: Uuid,
    live_jobs: LiveJobs,
}

// === impl LiveJobs ===

impl LiveJobs {
    pub(crate) fn register(&self, id: Uuid) -> JobGuard {
        *self.lock().entry(id).or_default() += 1;
        JobGuard {
            id,
            live_jobs: self.clone(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, u32>> {
        self.0.lock()
    }
}

// === impl JobGuard ===

impl Clone for JobGuard {
    fn clone(&self) -> Self {
        self.live_jobs.register(self.id)
    }
}

impl Drop for JobGuard {
    fn drop(&mut self) {
        let mut held = self.live_jobs.lock();
        if let Some(copies) = held.get_mut(&self.id) {
            *copies -= 1;
            if *copies == 0 {
                held.remove(&self.id);
            }
        }
    }
}
