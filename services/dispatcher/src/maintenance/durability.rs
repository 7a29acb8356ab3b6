//! Warns the operator, by the log and a gauge, when a fail-over of the database may lose accepted events.

use std::sync::Arc;

use sea_orm::DbErr;

use crate::state::Core;

/// Loop that checks the database's replication.
pub(crate) struct Durability {
    pub(crate) core: Arc<Core>,
}

// === impl Durability ===

impl Durability {
    /// Runs once; returns whether there is a risk.
    pub(crate) async fn tick(&self) -> Result<bool, DbErr> {
        let risk = self.core.db.store().risk().await?;
        if let Some(risk) = &risk {
            tracing::warn!(%risk, "accepted events may be lost; see docs/high-availability.md");
        }
        self.core.metrics.at_risk(risk.is_some());
        Ok(risk.is_some())
    }
}
