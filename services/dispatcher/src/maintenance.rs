//! The loops that keep a replica alive, bring waiting deliveries back into memory, and remove old rows.

pub(crate) mod clock_skew;
pub(crate) mod durability;
pub(crate) mod failure_reporter;
pub(crate) mod gauges;
pub(crate) mod health_reporter;
pub(crate) mod heartbeat;
pub(crate) mod kept_receipts;
pub(crate) mod operational;
pub(crate) mod reminders;
pub(crate) mod replan;
pub(crate) mod retention;
pub(crate) mod shared_events;
pub(crate) mod silences;
pub(crate) mod sweeper;
pub(crate) mod unparker;
