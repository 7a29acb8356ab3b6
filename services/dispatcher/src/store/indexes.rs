//! Conditions of the partial indexes of waiting deliveries, whose first column is the lane. The table is named `d`.
//! `lease_owner` is the former release's, and NULL.

/// Pending or held.
pub(super) const DUE: &str = "d.lease_owner IS NULL AND d.state IN (1, 2)";
/// Held or folded.
pub(super) const GATHERING: &str = "d.lease_owner IS NULL AND d.due_at IS NOT NULL AND d.state IN (2, 4)";
/// Parked.
pub(super) const PARKED: &str = "d.state = 3";

/// The lanes of an index as the table `lane`, by jumps from lane to lane, however many rows each has.
pub(super) fn with_lanes(condition: &str) -> String {
    format!(
        "WITH RECURSIVE lane(id) AS (
            SELECT * FROM (SELECT d.lane_id FROM deliveries d WHERE {condition} ORDER BY d.lane_id LIMIT 1) AS first
            UNION ALL
            SELECT (SELECT d.lane_id FROM deliveries d WHERE {condition} AND d.lane_id > lane.id
                ORDER BY d.lane_id LIMIT 1)
            FROM lane WHERE lane.id IS NOT NULL
        )"
    )
}
