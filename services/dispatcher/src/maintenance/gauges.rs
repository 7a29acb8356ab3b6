//! Gauges of waiting deliveries.

use std::sync::Arc;

use sea_orm::DbErr;
use watchbell_model::ChannelKind;

use crate::job::State;
use crate::state::Core;

/// Loop that updates the gauges.
pub(crate) struct Gauges {
    pub(crate) core: Arc<Core>,
}

// === impl Gauges ===

impl Gauges {
    /// Runs once.
    pub(crate) async fn tick(&self) -> Result<(), DbErr> {
        let core = &self.core;
        let (held, in_flight) = {
            let lanes = core.lanes();
            (lanes.held(), lanes.in_flight())
        };
        core.metrics.in_memory(held, in_flight);
        core.metrics.channels_tried(core.clock.monotonic());
        let counts = core.db.waiting_counts_all_teams().await?;
        // Zero is recorded, too; else the last value would remain.
        for kind in ChannelKind::ALL {
            for state in [State::Pending, State::Held, State::Folded, State::Parked] {
                let count = counts.get(&(*kind, state)).copied();
                core.metrics.waiting(*kind, state, count.unwrap_or(0));
            }
        }
        Ok(())
    }
}
