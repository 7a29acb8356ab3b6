//! Sending many deliveries of a team again: one call or run at a time, and at a pace. The pace is in the times at which deliveries
//! are due, so that nobody waits for it and it survives a restart.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use uuid::Uuid;
use watchbell_model::ids::TeamId;
use watchbell_runtime::problem::Problem;

/// How long a run of several calls keeps others out after its last one.
const LEASE: Duration = Duration::from_secs(30);

/// What sends many deliveries again, or calls them off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resend {
    Reroute,
    Recover,
    Replay,
    CancelDeliveries,
}

/// Teams of which deliveries are sent again. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resends(Arc<Mutex<HashMap<TeamId, Team>>>);

#[derive(Debug, Default)]
struct Team {
    run: Option<Run>,
    /// When the next one may be due.
    paced_until: Option<DateTime<Utc>>,
}

#[derive(Debug)]
struct Run {
    what: Resend,
    id: String,
    /// By the monotonic clock; none while its call is under way.
    ends_at: Option<Duration>,
}

/// A call under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct ResendTurn {
    resends: Resends,
    team: TeamId,
    run: String,
}

// === impl Resend ===

impl fmt::Display for Resend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reroute => "Reroute",
            Self::Recover => "Recover",
            Self::Replay => "Replay",
            Self::CancelDeliveries => "CancelDeliveries",
        })
    }
}

// === impl Resends ===

impl Resends {
    /// Begins a call that sends everything itself.
    ///
    /// # Errors
    /// `FAILED_PRECONDITION` while another one is under way.
    pub(crate) fn begin(&self, team: TeamId, what: Resend, now: Duration) -> Result<ResendTurn, Problem> {
        let run = Uuid::now_v7().to_string();
        self.take(team, what, &run, now, None)?;
        Ok(ResendTurn {
            resends: self.clone(),
            team,
            run,
        })
    }

    /// Begins a run of several calls, or goes on with it.
    ///
    /// # Errors
    /// `FAILED_PRECONDITION` while another one is under way.
    pub(crate) fn go_on(&self, team: TeamId, what: Resend, run: &str, now: Duration) -> Result<(), Problem> {
        self.take(team, what, run, now, Some(now + LEASE))
    }

    /// Ends a run.
    pub(crate) fn end(&self, team: TeamId, run: &str) {
        if let Some(of_team) = self.0.lock().get_mut(&team)
            && of_team.run.as_ref().is_some_and(|under_way| under_way.id == run)
        {
            of_team.run = None;
        }
    }

    /// Whether nothing is known of what was asked for before: by another process, or by this one before it began anew.
    pub(crate) fn is_unknown(&self, team: TeamId) -> bool {
        let teams = self.0.lock();
        teams
            .get(&team)
            .is_none_or(|of_team| of_team.paced_until.is_none())
    }

    /// Goes on behind what was asked for before.
    pub(crate) fn go_behind(&self, team: TeamId, last_due: DateTime<Utc>, per_second: u32) {
        let mut teams = self.0.lock();
        let of_team = teams.entry(team).or_default();
        let next = last_due + step(1, per_second);
        of_team.paced_until = of_team.paced_until.max(Some(next));
    }

    /// When the next deliveries of a team are due, so many a second, behind those that were asked for before.
    pub(crate) fn pace(
        &self,
        team: TeamId,
        per_second: u32,
        count: usize,
        now: DateTime<Utc>,
    ) -> Vec<DateTime<Utc>> {
        let mut teams = self.0.lock();
        let of_team = teams.entry(team).or_default();
        let begin = of_team.paced_until.map_or(now, |until| until.max(now));
        let after = |number: usize| begin + step(number, per_second);
        of_team.paced_until = Some(after(count));
        (0..count).map(after).collect()
    }

    fn take(
        &self,
        team: TeamId,
        what: Resend,
        run: &str,
        now: Duration,
        ends_at: Option<Duration>,
    ) -> Result<(), Problem> {
        let mut teams = self.0.lock();
        let of_team = teams.entry(team).or_default();
        if let Some(other) = of_team.run.as_ref().filter(|other| other.id != run)
            && other.ends_at.is_none_or(|ends_at| now < ends_at)
        {
            return Err(under_way(other.what));
        }
        of_team.run = Some(Run {
            what,
            id: run.to_owned(),
            ends_at,
        });
        Ok(())
    }

    /// Forgets teams of which nothing is under way or to come.
    pub(crate) fn forget_idle(&self, wall: DateTime<Utc>, now: Duration) {
        self.0.lock().retain(|_, of_team| {
            let is_running = |run: &Run| run.ends_at.is_none_or(|ends_at| now < ends_at);
            of_team.run.as_ref().is_some_and(is_running)
                || of_team.paced_until.is_some_and(|until| until > wall)
        });
    }
}

/// How long so many take.
fn step(number: usize, per_second: u32) -> TimeDelta {
    let micros = number as u64 * 1_000_000 / u64::from(per_second.max(1));
    TimeDelta::microseconds(i64::try_from(micros).unwrap_or(i64::MAX))
}

fn under_way(what: Resend) -> Problem {
    Problem::Precondition {
        reason: "RESEND_UNDER_WAY",
        message: format!("a {what} of the team is under way; call again when it has ended"),
    }
}

impl Drop for ResendTurn {
    fn drop(&mut self) {
        self.resends.end(self.team, &self.run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn team(number: u128) -> TeamId {
        TeamId::from_uuid(Uuid::from_u128(number))
    }

    fn refusal<T: fmt::Debug>(result: Result<T, Problem>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn a_team_sends_again_by_one_call_or_run_at_a_time_and_the_second_is_told_which() {
        let resends = Resends::default();
        let turn = resends.begin(team(1), Resend::Recover, NOW).unwrap();
        let said = "a Recover of the team is under way; call again when it has ended";
        assert_eq!(refusal(resends.begin(team(1), Resend::Replay, NOW)), said);
        assert_eq!(refusal(resends.go_on(team(1), Resend::Reroute, "a", NOW)), said);
        resends.begin(team(2), Resend::Replay, NOW).unwrap();
        drop(turn);
        resends.go_on(team(1), Resend::Reroute, "a", NOW).unwrap();
        resends.go_on(team(1), Resend::Reroute, "a", NOW).unwrap();
        assert!(resends.go_on(team(1), Resend::Reroute, "b", NOW).is_err());
        resends.end(team(1), "b");
        assert!(refusal(resends.begin(team(1), Resend::Recover, NOW)).starts_with("a Reroute"));
        resends.end(team(1), "a");
        resends.begin(team(1), Resend::Recover, NOW).unwrap();
    }

    #[test]
    fn a_run_whose_caller_is_gone_keeps_others_out_for_a_while_only() {
        let resends = Resends::default();
        resends.go_on(team(1), Resend::Reroute, "gone", NOW).unwrap();
        let nearly = NOW + LEASE - Duration::from_millis(1);
        assert!(resends.go_on(team(1), Resend::Reroute, "next", nearly).is_err());
        resends
            .go_on(team(1), Resend::Reroute, "next", NOW + LEASE)
            .unwrap();
        assert!(
            resends
                .go_on(team(1), Resend::Reroute, "gone", NOW + LEASE)
                .is_err()
        );
    }

    #[test]
    fn what_is_sent_again_is_due_at_a_pace_and_behind_what_was_asked_for_before() {
        let resends = Resends::default();
        let begin = DateTime::UNIX_EPOCH;
        let at = |millis| begin + TimeDelta::milliseconds(millis);
        assert_eq!(
            resends.pace(team(1), 4, 3, begin),
            [at(0), at(250), at(500)],
            "four a second"
        );
        assert_eq!(resends.pace(team(1), 2, 2, at(100)), [at(750), at(1_250)]);
        assert_eq!(resends.pace(team(2), 2, 1, at(100)), [at(100)]);
        assert_eq!(resends.pace(team(1), 1, 1, at(9_000)), [at(9_000)]);
        resends.forget_idle(at(9_500), NOW);
        assert_eq!(resends.pace(team(1), 1, 1, at(9_500)), [at(10_000)]);
        resends.forget_idle(at(60_000), NOW);
        assert!(resends.0.lock().is_empty());
    }
}
