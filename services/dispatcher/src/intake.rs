//! The way of submissions and outcomes into the database: group commit with backpressure.

pub(crate) mod backpressure;
pub(crate) mod committer;
pub(crate) mod lock_wait;
