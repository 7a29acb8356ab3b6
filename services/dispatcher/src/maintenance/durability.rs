//! Tells the operator, in the log and by a gauge, when events that are accepted may be lost with the database's primary.

use std::sync::Arc;

use sea_orm::DbErr;

use crate::state::Core;

/// The loop.
pub(crate) struct Durability {
    pub(crate) core: Arc<Core>,
}

// === impl Durability ===

impl Durability {
    /// One look; whether there is a risk.
    pub(crate) async fn tick(&self) -> Result<bool, DbErr> {
        let risk = self.core.db.store().risk().await?;
        if let Some(risk) = &risk {
            tracing::warn!(%risk, "accepted events may be lost; see docs/high-availability.md");
        }
        self.core.metrics.at_risk(risk.is_some());
        Ok(risk.is_some())
    }
}
