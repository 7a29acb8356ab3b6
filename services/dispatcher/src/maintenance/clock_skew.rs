//! Repair after clock skew. Due times are stored as instants; due times written by a clock that ran fast would be
//! late by its skew once it is corrected, so they are pulled forward by it. A clock that is set forward makes waiting
//! deliveries due early, never late.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::DbErr;

use crate::state::Core;

/// Clocks of machines that are looked after differ by less.
const TOLERANCE: Duration = Duration::from_secs(5);

/// Loop that repairs due times.
pub(crate) struct ClockSkewRepair {
    pub(crate) core: Arc<Core>,
}

// === impl ClockSkewRepair ===

impl ClockSkewRepair {
    /// Runs once; returns how many deliveries were pulled forward.
    pub(crate) async fn tick(&self) -> Result<u64, DbErr> {
        let tolerance = i64::try_from(TOLERANCE.as_micros()).unwrap_or(i64::MAX);
        let moved = self.core.db.pull_forward_all_teams(tolerance).await?;
        if moved > 0 {
            tracing::warn!(
                deliveries = moved,
                "clock skew repaired: due times written by a fast clock were pulled forward"
            );
            self.core.sweep.notify_one();
        }
        Ok(moved)
    }
}
