//! How a schedule goes: drawn once for each, so that some are calm and others are not.

use super::rng::Rng;

/// How this schedule goes: what goes wrong, in percent or by weight, and how narrow it is.
#[derive(Debug)]
pub(super) struct FaultProfile {
    pub(super) replicas: usize,
    pub(super) events: usize,
    pub(super) steps: usize,
    pub(super) fails: usize,
    pub(super) lost: usize,
    pub(super) refusals: usize,
    pub(super) crashes: usize,
    pub(super) pauses: usize,
    pub(super) outages: usize,
    pub(super) time_jumps: usize,
    pub(super) skew_ms: i64,
    pub(super) per_lane: usize,
    pub(super) total: usize,
    pub(super) in_flight: usize,
    pub(super) outcomes: usize,
    /// Events that belong to alerts.
    pub(super) alerts: usize,
    /// Events that a rule gathers.
    pub(super) groups: usize,
}

// === impl FaultProfile ===

impl FaultProfile {
    /// Drawn, so that each schedule exercises something else.
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let mut among = |of: &[usize]| *rng.pick(of);
        Self {
            replicas: among(&[1, 2, 2, 3]),
            events: among(&[2, 4, 6, 9, 14]),
            steps: among(&[60, 100, 160]),
            fails: among(&[0, 0, 3, 10]),
            lost: among(&[0, 0, 3, 10]),
            refusals: among(&[0, 10, 40]),
            crashes: among(&[0, 0, 1, 2]),
            pauses: among(&[0, 0, 1, 2]),
            outages: among(&[0, 0, 1]),
            time_jumps: among(&[0, 0, 10, 30]),
            skew_ms: among(&[0, 0, 3, 1500]) as i64,
            per_lane: among(&[1, 2, 4]),
            total: among(&[2, 4, 8]),
            in_flight: among(&[1, 2, 4]),
            outcomes: among(&[1, 2, 8]),
            alerts: among(&[0, 60, 100]),
            groups: among(&[0, 0, 50, 100]),
        }
    }
}
