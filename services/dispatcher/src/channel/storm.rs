//! Storm control: a chat channel gets at most a number of messages per window; the rest of the window is folded into
//! one summary. The decision is pure. Sent messages are counted in the memory of the shard's owner, starting from the
//! delivery log, so that a storm continues over a restart and a take-over.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::{Mutex, MutexGuard};
use sea_orm::DbErr;
use watchbell_contracts::config::v1 as config;
use watchbell_model::catalog::notices::NOTIFICATIONS_SUMMARY;
use watchbell_model::channel::StormLimit;
use watchbell_model::route::GROUP;
use watchbell_model::shard::ShardId;
use watchbell_model::{ChannelKind, Severity};

use crate::job::Job;
use crate::lanes::LaneId;
use crate::store::Db;

/// The longest possible window; earlier messages do not count. Instants are offset by it, so that messages sent
/// before this process began have one, too.
const LONGEST: Duration = Duration::from_secs(3600);

/// Messages recently sent to a channel.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// Of the channel's team.
    shard: Option<ShardId>,
    /// When, oldest first; never more than the limit.
    sent: VecDeque<Duration>,
    /// The current fold, if any.
    folding: Option<Folding>,
}

#[derive(Debug, Clone, Copy)]
struct Folding {
    limit: StormLimit,
    until: Duration,
    /// The same instant in UTC: one for all folded messages, so that they come due together.
    until_utc: DateTime<Utc>,
}

/// Whether a message of its own may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StormDecision {
    /// It may, and is counted.
    Send,
    /// It is folded into the summary at that time.
    Fold(DateTime<Utc>),
}

/// Messages recently sent to all channels.
#[derive(Debug, Default)]
pub(crate) struct Storms {
    lanes: Mutex<HashMap<LaneId, Recent>>,
}

// === impl Recent ===

impl Recent {
    /// From the delivery log: when messages were sent, oldest first, and until when messages are folded.
    fn restored(
        sent: &[DateTime<Utc>],
        until: Option<DateTime<Utc>>,
        limit: StormLimit,
        now: Duration,
        now_utc: DateTime<Utc>,
    ) -> Self {
        let ago = |at: &DateTime<Utc>| (now_utc - *at).to_std().unwrap_or_default();
        Self {
            shard: None,
            sent: sent.iter().map(|at| now.saturating_sub(ago(at))).collect(),
            folding: until.map(|until_utc| Folding {
                limit,
                until: now + (until_utc - now_utc).to_std().unwrap_or_default(),
                until_utc,
            }),
        }
    }

    /// Whether a message may go at `now`, which is `now_utc` by the calendar. What `must_go` always may, and counts
    /// like any other.
    pub(crate) fn decide(
        &mut self,
        limit: StormLimit,
        must_go: bool,
        now: Duration,
        now_utc: DateTime<Utc>,
    ) -> StormDecision {
        let max = limit.max_messages.max(1) as usize;
        while self.sent.front().is_some_and(|at| *at + limit.window <= now) {
            self.sent.pop_front();
        }
        if !must_go {
            // A changed limit starts a new window.
            self.folding = self
                .folding
                .filter(|folding| folding.limit == limit && now < folding.until);
            if let Some(folding) = self.folding {
                return StormDecision::Fold(folding.until_utc);
            }
            if let Some(excess) = self.sent.len().checked_sub(max) {
                let until = self.sent[excess] + limit.window;
                let wait = TimeDelta::from_std(until.saturating_sub(now)).unwrap_or_default();
                let until_utc = now_utc + wait;
                self.folding = Some(Folding {
                    limit,
                    until,
                    until_utc,
                });
                return StormDecision::Fold(until_utc);
            }
        }
        self.sent.push_back(now);
        while self.sent.len() > max {
            self.sent.pop_front();
        }
        StormDecision::Send
    }

    fn matters(&self, now: Duration) -> bool {
        self.sent.back().is_some_and(|at| *at + LONGEST > now)
    }
}

// === impl Storms ===

impl Storms {
    /// Until when a job that could go at `now`, which is `now_utc` by the calendar, is folded; `None` when it goes, which is
    /// counted.
    pub(crate) async fn folds(
        &self,
        db: &Db,
        job: &Job,
        limit: StormLimit,
        now: Duration,
        now_utc: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let now = LONGEST + now;
        if !self.lanes().contains_key(&job.lane) {
            let recent = read(db, job, limit, now, now_utc).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the delivery log is unavailable; storm control starts counting from zero");
                Recent::default()
            });
            self.lanes().entry(job.lane).or_insert(recent);
        }
        let mut lanes = self.lanes();
        let recent = lanes.entry(job.lane).or_default();
        recent.shard = Some(job.shard());
        match recent.decide(limit, must_go(job), now, now_utc) {
            StormDecision::Send => None,
            StormDecision::Fold(until) => Some(until),
        }
    }

    /// Forgets channels that were sent nothing for longer than any window.
    pub(crate) fn forget_idle(&self, now: Duration) {
        let now = LONGEST + now;
        self.lanes().retain(|_, recent| recent.matters(now));
    }

    /// Forgets the channels of shards that have another owner, which counts on from the delivery log.
    pub(crate) fn forget(&self, shards: &BTreeSet<ShardId>) {
        self.lanes()
            .retain(|_, recent| recent.shard.is_none_or(|shard| !shards.contains(&shard)));
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<LaneId, Recent>> {
        self.lanes.lock()
    }
}

/// Reads a channel's recent messages from the delivery log.
async fn read(
    db: &Db,
    job: &Job,
    limit: StormLimit,
    now: Duration,
    now_utc: DateTime<Utc>,
) -> Result<Recent, DbErr> {
    let Some(channel) = job.route.channel_id() else {
        return Ok(Recent::default());
    };
    let since = now_utc - TimeDelta::from_std(limit.window).unwrap_or_default();
    let sent = db
        .sent_since(job.team_id(), channel, since, limit.max_messages)
        .await?;
    let until = db.folded_until(job.lane, now_utc).await?;
    Ok(Recent::restored(&sent, until, limit, now, now_utc))
}

/// Whether a message is never folded: CRITICAL events, tests, replays, and summaries, but for those of groups.
fn must_go(job: &Job) -> bool {
    let event = &job.event;
    event.severity == Severity::Critical
        || event.test
        || job.replay_of.is_some()
        || (&*event.event_type == NOTIFICATIONS_SUMMARY && job.route.reason.code != GROUP)
}

/// A channel's limit: its own, else its kind's.
pub(crate) fn limit(channel: &config::Channel, kind: ChannelKind) -> Option<StormLimit> {
    StormLimit::read(channel.storm_control.as_ref(), kind).unwrap_or_else(|_| StormLimit::default_for(kind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> (Duration, DateTime<Utc>) {
        let delta = TimeDelta::milliseconds(i64::try_from(millis).unwrap());
        (Duration::from_millis(millis), DateTime::UNIX_EPOCH + delta)
    }

    fn limit_of(max_messages: u32, seconds: u64) -> StormLimit {
        StormLimit {
            max_messages,
            window: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn what_exceeds_the_limit_waits_until_the_first_of_them_is_a_window_ago() {
        let mut recent = Recent::default();
        let mut ask = |millis: u64| recent.decide(limit_of(2, 60), false, at(millis).0, at(millis).1);
        assert_eq!(ask(0), StormDecision::Send);
        assert_eq!(ask(10_000), StormDecision::Send);
        assert_eq!(ask(20_000), StormDecision::Fold(at(60_000).1));
        assert_eq!(ask(59_999), StormDecision::Fold(at(60_000).1));
        assert_eq!(ask(60_000), StormDecision::Send);
        assert_eq!(ask(60_001), StormDecision::Fold(at(70_000).1));
    }

    #[test]
    fn a_limit_that_is_raised_counts_at_once() {
        let mut recent = Recent::default();
        let mut ask = |max: u32| recent.decide(limit_of(max, 60), false, at(0).0, at(0).1);
        assert_eq!(ask(1), StormDecision::Send);
        assert_ne!(ask(1), StormDecision::Send);
        assert_eq!(ask(2), StormDecision::Send);
    }

    proptest! {
        #[test]
        fn no_window_has_more_than_the_limit_unless_it_must_go(
            max in 1_u32..6,
            seconds in 1_u64..20,
            steps in prop::collection::vec((0_u64..4_000, prop::bool::weighted(0.2)), 1..200),
        ) {
            let limit = limit_of(max, seconds);
            let mut recent = Recent::default();
            let (mut millis, mut sent, mut open) = (0, Vec::<Duration>::new(), None);
            for (step, must_go) in steps {
                millis += step;
                let (now, now_utc) = at(millis);
                let before = sent.iter().filter(|at| **at + limit.window > now).count();
                match recent.decide(limit, must_go, now, now_utc) {
                    StormDecision::Send => {
                        prop_assert!(must_go || before < max as usize, "{before} of {max} were sent already");
                        sent.push(now);
                    }
                    StormDecision::Fold(until) => {
                        prop_assert!(!must_go, "it had to go");
                        prop_assert!(before > 0, "nothing folds without a storm");
                        let window = TimeDelta::from_std(limit.window).unwrap();
                        prop_assert!(now_utc < until && until <= now_utc + window, "it waits a window at most");
                        if let Some(open) = open.filter(|open| now_utc < *open) {
                            prop_assert_eq!(until, open, "what is folded comes due together");
                        }
                        open = Some(until);
                    }
                }
            }
        }
    }
}
