//! Numbers of waiting deliveries. Each lane is counted by index alone and up to a bound, so that the cost does not
//! depend on the number of rows.

use std::collections::HashMap;

use sea_orm::DbErr;
use watchbell_model::ChannelKind;
use watchbell_model::convert::FromWire;

use super::Db;
use super::indexes::{DUE, GATHERING, PARKED, with_lanes};
use crate::job::State;

/// Bound of the count per lane.
pub(crate) const MOST_PER_LANE: i64 = 100_000;

// === impl Db ===

impl Db {
    /// How many deliveries of all teams wait in the database, by kind and state; of one lane at most
    /// [`MOST_PER_LANE`] in each state count.
    pub(crate) async fn waiting_counts_all_teams(&self) -> Result<HashMap<(ChannelKind, State), i64>, DbErr> {
        let due = self.count(DUE, "").await?;
        let held = self.count(GATHERING, "AND d.state = 2").await?;
        let mut counts = HashMap::new();
        for (kind, due) in due {
            // Held deliveries have a due time, too.
            let held = held.get(&kind).copied().unwrap_or_default();
            counts.insert((kind, State::Pending), (due - held).max(0));
        }
        let folded = self.count(GATHERING, "AND d.state = 4").await?;
        let parked = self.count(PARKED, "").await?;
        for (state, found) in [
            (State::Held, held),
            (State::Folded, folded),
            (State::Parked, parked),
        ] {
            counts.extend(found.into_iter().map(|(kind, count)| ((kind, state), count)));
        }
        Ok(counts)
    }

    /// Jumps from lane to lane along an index, and counts each lane by `more`.
    async fn count(&self, index: &str, more: &str) -> Result<HashMap<ChannelKind, i64>, DbErr> {
        let lanes = with_lanes(index);
        let sql = format!(
            "{lanes}, counted(kind, waiting) AS (
                SELECT (SELECT d.kind FROM deliveries d WHERE {index} AND d.lane_id = lane.id LIMIT 1),
                    (SELECT COUNT(*) FROM (SELECT 1 FROM deliveries d WHERE {index} AND d.lane_id = lane.id {more}
                        LIMIT {MOST_PER_LANE}) AS bounded)
                FROM lane WHERE lane.id IS NOT NULL
            )
            SELECT kind, CAST(SUM(waiting) AS BIGINT) AS waiting FROM counted GROUP BY kind"
        );
        let mut counts = HashMap::new();
        for row in self.query(sql, vec![]).await? {
            let kind = ChannelKind::from_wire(i32::from(row.try_get::<i16>("", "kind")?));
            if let Some(kind) = kind.ok().flatten() {
                counts.insert(kind, row.try_get("", "waiting")?);
            }
        }
        Ok(counts)
    }
}
