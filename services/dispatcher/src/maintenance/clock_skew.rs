//! Clocks that are set back. Waits are kept as instants, so that they outlive processes; an instant that was reckoned by
//! a clock an hour ahead would come an hour late once the clock is right. What such a clock has written is due earlier
//! by as much. A clock that is set forward, or back from right to wrong, makes what waits due early, and never late.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::DbErr;

use crate::state::Core;

/// Clocks of machines that are looked after differ by less.
const TOLERANCE: Duration = Duration::from_secs(5);

/// The loop.
pub(crate) struct ClockSkewRepair {
    pub(crate) core: Arc<Core>,
}

// === impl ClockSkewRepair ===

impl ClockSkewRepair {
    /// One look; how many deliveries are due earlier now.
    pub(crate) async fn tick(&self) -> Result<u64, DbErr> {
        let tolerance = i64::try_from(TOLERANCE.as_micros()).unwrap_or(i64::MAX);
        let moved = self.core.db.pull_forward_all_teams(tolerance).await?;
        if moved > 0 {
            tracing::warn!(
                deliveries = moved,
                "a clock was ahead: what waited for it is due earlier"
            );
            self.core.sweep.notify_one();
        }
        Ok(moved)
    }
}
