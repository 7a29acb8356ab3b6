//! Detection of rows written by a clock that ran fast: they were created, or last tried, in the future.

use sea_orm::DbErr;

use super::Db;

/// Conditions of the partial indexes of rows whose waits are durations. Quiet hours wait for a time of day instead,
/// which a corrected clock computes correctly.
const WAITING: [(&str, &str); 2] = [
    ("d.lease_owner IS NULL AND d.state IN (1, 2)", "AND d.state = 1"),
    (
        "d.lease_owner IS NULL AND d.due_at IS NOT NULL AND d.state IN (2, 4)",
        "AND d.state = 4",
    ),
];

// === impl Db ===

impl Db {
    /// Pulls deliveries of all teams forward that were written by a clock more than `tolerance` microseconds ahead of
    /// the database's, by its skew; returns their number. Their due time is then before their write time, which marks
    /// them as repaired.
    pub(crate) async fn pull_forward_all_teams(&self, tolerance: i64) -> Result<u64, DbErr> {
        let now = self.database_now();
        let mut clock_skew = 0;
        for (index, more) in WAITING {
            let ahead = self.ahead(index, more);
            // Nearly always there is nothing to do, and no need to ask the writer for it.
            let any = format!("{ahead} SELECT id FROM late WHERE stamp > {now} + $1 LIMIT 1");
            if self.query(any, vec![tolerance.into()]).await?.is_empty() {
                continue;
            }
            let sql = format!(
                "{ahead} UPDATE deliveries SET due_at = CASE
                    WHEN deliveries.due_at - late.stamp + {now} < late.stamp THEN deliveries.due_at - late.stamp + {now}
                    ELSE late.stamp - 1 END
                 FROM late WHERE deliveries.id = late.id AND late.stamp > {now} + $1
                    AND deliveries.due_at >= late.stamp AND deliveries.lease_owner IS NULL"
            );
            clock_skew += self.execute(sql, vec![tolerance.into()]).await?;
        }
        Ok(clock_skew)
    }

    /// Rows that are not due yet, with their write time. Jumps from lane to lane along an index, so that due rows
    /// cost nothing.
    fn ahead(&self, index: &str, more: &str) -> String {
        let now = self.database_now();
        format!(
            "WITH RECURSIVE lane(id) AS (
                SELECT * FROM (SELECT d.lane_id FROM deliveries d WHERE {index} ORDER BY d.lane_id LIMIT 1) AS first
                UNION ALL
                SELECT (SELECT d.lane_id FROM deliveries d WHERE {index} AND d.lane_id > lane.id
                    ORDER BY d.lane_id LIMIT 1)
                FROM lane WHERE lane.id IS NOT NULL
            ), waiting(id, due_at, stamp) AS (
                SELECT d.id, d.due_at,
                    COALESCE((SELECT MAX(a.started_at) FROM attempts a WHERE a.delivery_id = d.id), d.created_at)
                FROM lane JOIN deliveries d ON d.lane_id = lane.id AND {index} {more} AND d.due_at > {now}
            ), late(id, stamp) AS (SELECT id, stamp FROM waiting WHERE due_at >= stamp)"
        )
    }
}
