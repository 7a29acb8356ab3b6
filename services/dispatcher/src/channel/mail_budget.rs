//! Hourly budget of a team's mail through the platform's mail server, which protects the server's reputation. Mail
//! over the budget waits for the next hour. Counted in memory, per replica, from zero after a restart.

use std::collections::HashMap;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use parking_lot::Mutex;
use watchbell_model::ids::TeamId;
use watchbell_model::route::Route;
use watchbell_model::text::{counted, time_text};

use crate::channel::policy::ChannelPolicy;
use crate::senders::Via;

/// Messages of all teams in the current hour.
#[derive(Debug)]
pub(crate) struct Budgets {
    per_hour: u32,
    spent: Mutex<Hour>,
}

#[derive(Debug, Default)]
struct Hour {
    begin: DateTime<Utc>,
    of: HashMap<TeamId, u32>,
}

/// A team's hour is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Over {
    per_hour: u32,
    /// When the next one begins.
    pub(crate) until: DateTime<Utc>,
}

// === impl Budgets ===

impl Budgets {
    pub(crate) fn new(per_hour: u32) -> Self {
        Self {
            per_hour,
            spent: Mutex::default(),
        }
    }

    /// Counts messages that are about to be sent on these policy, unless they are too many. Mail by a team's own server
    /// costs nothing, and notices of Watchbell's own do not either.
    pub(crate) fn spend(
        &self,
        policy: &ChannelPolicy,
        route: &Route,
        messages: usize,
        now: DateTime<Utc>,
    ) -> Option<Over> {
        if !by_platform(&policy.channel.via) || route.is_notice() {
            return None;
        }
        self.count(policy.channel.team_id, messages, now)
    }

    fn count(&self, team: TeamId, messages: usize, now: DateTime<Utc>) -> Option<Over> {
        let begin = now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now);
        let mut hour = self.spent.lock();
        if hour.begin != begin {
            *hour = Hour {
                begin,
                of: HashMap::new(),
            };
        }
        let spent = hour.of.entry(team).or_default();
        let after = spent.saturating_add(u32::try_from(messages).unwrap_or(u32::MAX));
        if after > self.per_hour {
            return Some(Over {
                per_hour: self.per_hour,
                until: begin + TimeDelta::hours(1),
            });
        }
        *spent = after;
        None
    }
}

/// Whether mail goes by the platform's server.
pub(crate) fn by_platform(via: &Via) -> bool {
    use watchbell_contracts::config::v1::channel::Destination;
    match via {
        Via::PlatformMail => true,
        Via::Channel { channel, .. } => {
            matches!(&channel.destination, Some(Destination::Email(email)) if email.smtp.is_none())
        }
    }
}

// === impl Over ===

impl Over {
    /// Explanation for users.
    pub(crate) fn message(&self) -> String {
        format!(
            "held until {}: the team has used its {} per hour through the platform's mail server",
            time_text(self.until),
            counted(self.per_hour, ["email", "emails"])
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_has_so_many_messages_for_each_team_and_the_next_as_many_again() {
        let budgets = Budgets::new(3);
        let now: DateTime<Utc> = "2026-11-21T09:40:00Z".parse().unwrap();
        let (ann, bob) = (TeamId::generate(now), TeamId::generate(now));
        assert_eq!(budgets.count(ann, 2, now), None);
        let over = budgets.count(ann, 2, now).unwrap();
        assert_eq!(over.until.to_rfc3339(), "2026-11-21T10:00:00+00:00");
        assert_eq!(
            over.message(),
            "held until 21 Nov 2026, 10:00 UTC: the team has used its 3 emails per hour through the platform's mail server"
        );
        assert_eq!(budgets.count(ann, 1, now), None, "what fits still goes");
        assert_eq!(budgets.count(bob, 3, now), None, "another team");
        assert_eq!(budgets.count(ann, 3, over.until), None);
    }
}
