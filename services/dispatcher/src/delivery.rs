//! The way of a delivery out of its lane: the checks before an attempt, the attempt, and what follows from it.

pub(crate) mod follow_up;
pub(crate) mod precheck;
pub(crate) mod pump;
pub(crate) mod summaries;
