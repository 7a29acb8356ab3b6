//! Delivery from a lane to its outcome: the checks before an attempt, the attempt, and its consequences.

pub(crate) mod follow_up;
mod groups;
pub(crate) mod precheck;
pub(crate) mod pump;
pub(crate) mod summaries;
mod summary;
