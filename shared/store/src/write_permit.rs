//! Whose turn it is to write.

use tokio::sync::OwnedMutexGuard;

/// The right to write. SQLite has one writer at a time, and its own way of waiting is to sleep and try again.
#[derive(Debug)]
pub struct WritePermit(#[expect(dead_code, reason = "it is held")] pub(crate) Option<OwnedMutexGuard<()>>);
