//! Intake of submissions and outcomes: group commit with backpressure.

pub(crate) mod backpressure;
pub(crate) mod committer;
pub(crate) mod lock_wait;
