//! Intake of submissions and outcomes: group commit with backpressure.

pub(crate) mod alerts;
pub(crate) mod backpressure;
mod commit;
pub(crate) mod committer;
mod groups;
mod reminders;
mod settle;
