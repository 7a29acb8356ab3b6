//! Beginning and committing changes of a team, each with its entry in the history and its announcement.

use watchbell_model::ids::TeamId;

use crate::author::Author;
use crate::error::Result;
use crate::history;
use crate::service::Service;
use crate::store::changes::Change;

// === impl Service ===

impl Service {
    /// Begins to change a team.
    pub(crate) async fn change(&self, team: TeamId, by: impl Into<Author>) -> Result<Change> {
        Change::begin(self.store(), team, self.now(), by.into()).await
    }

    /// Commits a change with its entry in the history, announces it, and waits until the followers of the feed have acknowledged it; or, with
    /// `validate_only`, rolls it back.
    pub(crate) async fn finish(&self, change: Change, validate_only: bool) -> Result<()> {
        if validate_only {
            return change.roll_back().await;
        }
        history::keep(self.keyring(), &change).await?;
        let cursor = change.commit().await?;
        self.followers().announce(self.store(), cursor).await;
        self.followers().acknowledged(cursor).await;
        Ok(())
    }
}
