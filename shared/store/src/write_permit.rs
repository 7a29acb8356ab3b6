//! Permit for writing.

use tokio::sync::OwnedMutexGuard;

/// Permission to write. SQLite has one writer at a time; its own way of waiting is to sleep and retry.
#[derive(Debug)]
pub struct WritePermit(#[expect(dead_code, reason = "it is held")] pub(crate) Option<OwnedMutexGuard<()>>);
