//! What the tables of shards and replicas say, taken over by this replica.

use std::time::Duration;

use sea_orm::DbErr;

use super::Core;
use crate::ownership::{Changes, ShardTable};

// === impl Core ===

impl Core {
    /// Reads the tables of replicas and shards, and gives up what this replica no longer owns.
    pub(crate) async fn refresh_shards(&self) -> Result<ShardTable, DbErr> {
        let _refreshing = self.refreshing.lock().await;
        let begun = self.clock.monotonic();
        let known = self.ownership().move_counts();
        let table = self.db.shard_table(&known).await?;
        self.observe(table.clone(), begun);
        Ok(table)
    }

    /// Takes over the tables, whose reading began at `begun`.
    pub(crate) fn observe(&self, table: ShardTable, begun: Duration) {
        let changes = self.ownership().observe(self.owner(), table, begun);
        self.drop_jobs(&changes.lost);
        self.feed.end(&changes.lost);
        for team in &changes.gone {
            self.drop_jobs_of(*team);
            self.feed.end_team(*team);
        }
        for team in &changes.arrived {
            self.positions.forget(*team);
        }
        if changes != Changes::default() {
            self.health.look();
            self.sweep.notify_one();
        }
        self.refreshes.send_modify(|count| *count += 1);
    }
}
