//! When a team's digest is due and what it covers. Pure: a cron, a zone and an instant give a period. Periods run from
//! one firing of the cron to the next, start inclusive and end exclusive, so that one follows the other without gap or
//! overlap, daylight saving included.
//!
//! A change of cron or zone must neither lose what happened in between nor send twice in a row: the period after a
//! digest begins where that digest ended, and one that would be less than half as long as the cron asks for waits for
//! the next firing.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use watchbell_model::digest_settings::{CronSchedule, InvalidCron};

/// A cron in a zone.
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: CronSchedule,
    zone: Tz,
}

/// A cron or a zone that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not five fields of cron, or none that ever comes.
    #[error("the digest's cron {0}")]
    Cron(#[from] InvalidCron),
    /// Not a zone of the IANA database.
    #[error("the team's time zone {0:?} is not known")]
    Zone(String),
}

/// What a digest covers, and what it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Where the period before begins; it ends at `start`.
    pub previous_start: DateTime<Utc>,
    /// Inclusive.
    pub start: DateTime<Utc>,
    /// Exclusive.
    pub end: DateTime<Utc>,
}

/// Whether a digest is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Of this period.
    Now(Period),
    /// The last digest covers what there is to tell.
    Covered,
    /// The cron has not fired twice yet.
    Never,
}

// === impl Schedule ===

impl Schedule {
    /// Reads five fields of cron (the default when empty) and an IANA zone (UTC when empty).
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn parse(cron: &str, zone: &str) -> Result<Self, ScheduleError> {
        let zone = if zone.is_empty() { "UTC" } else { zone };
        Ok(Self {
            cron: if cron.trim().is_empty() {
                CronSchedule::default()
            } else {
                cron.parse()?
            },
            zone: zone.parse().map_err(|_| ScheduleError::Zone(zone.to_owned()))?,
        })
    }

    /// The zone in which people read the digest's dates.
    #[must_use]
    pub const fn zone(&self) -> Tz {
        self.zone
    }

    /// The first firing after `now`.
    #[must_use]
    pub fn next_after(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.cron.next_after(now, self.zone)
    }

    /// The last whole period at `now`.
    #[must_use]
    pub fn period_at(&self, now: DateTime<Utc>) -> Option<Period> {
        let end = self.cron.last_until(now, self.zone)?;
        let start = self.firing_before(end)?;
        let previous_start = self.firing_before(start).unwrap_or(start - (end - start));
        Some(Period {
            previous_start,
            start,
            end,
        })
    }

    /// What is due at `now` when the last digest covered everything up to `covered_until`.
    #[must_use]
    pub fn due(&self, now: DateTime<Utc>, covered_until: Option<DateTime<Utc>>) -> Due {
        let Some(period) = self.period_at(now) else {
            return Due::Never;
        };
        match covered_until {
            // Whole periods that were missed are let go: only the last one is caught up.
            None => Due::Now(period),
            Some(until) if until <= period.previous_start || until == period.start => Due::Now(period),
            Some(until) if until >= period.end => Due::Covered,
            Some(until) => {
                let length = period.end - until;
                if length * 2 < period.end - period.start {
                    return Due::Covered;
                }
                Due::Now(Period {
                    previous_start: until - length,
                    start: until,
                    end: period.end,
                })
            }
        }
    }

    /// Firings lie on whole minutes.
    fn firing_before(&self, firing: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.cron.last_until(firing - TimeDelta::seconds(1), self.zone)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn berlin(cron: &str) -> Schedule {
        Schedule::parse(cron, "Europe/Berlin").unwrap()
    }

    fn period(previous_start: &str, start: &str, end: &str) -> Period {
        Period {
            previous_start: at(previous_start),
            start: at(start),
            end: at(end),
        }
    }

    #[test]
    fn the_default_is_monday_at_nine_in_the_teams_zone() {
        let week = period(
            "2026-11-02T08:00:00Z",
            "2026-11-09T08:00:00Z",
            "2026-11-16T08:00:00Z",
        );
        let schedule = berlin("");
        assert_eq!(
            schedule.period_at(at("2026-11-16T08:00:00Z")),
            Some(week),
            "the end belongs to the next period"
        );
        assert_eq!(schedule.period_at(at("2026-11-23T07:59:59.999Z")), Some(week));
        assert_eq!(
            schedule.next_after(at("2026-11-16T08:00:00Z")),
            Some(at("2026-11-23T08:00:00Z"))
        );
    }

    #[test]
    fn a_week_with_a_change_of_the_clocks_is_an_hour_shorter_or_longer() {
        let spring = berlin("").period_at(at("2026-03-30T12:00:00Z")).unwrap();
        assert_eq!(
            spring,
            period(
                "2026-03-16T08:00:00Z",
                "2026-03-23T08:00:00Z",
                "2026-03-30T07:00:00Z"
            )
        );
        let autumn = berlin("").period_at(at("2026-10-26T12:00:00Z")).unwrap();
        assert_eq!(autumn.end - autumn.start, TimeDelta::hours(7 * 24 + 1));
    }

    #[test]
    fn a_local_time_that_does_not_exist_fires_when_the_gap_ends_and_one_that_comes_twice_fires_once() {
        let schedule = berlin("30 2 * * *");
        assert_eq!(
            schedule.period_at(at("2026-03-29T12:00:00Z")).unwrap().end,
            at("2026-03-29T01:00:00Z")
        );
        let autumn = schedule.period_at(at("2026-10-25T12:00:00Z")).unwrap();
        assert_eq!(autumn.end - autumn.start, TimeDelta::hours(24));
        assert_eq!(
            schedule.next_after(autumn.end).unwrap() - autumn.end,
            TimeDelta::hours(25)
        );
    }

    #[test]
    fn what_was_sent_is_covered_and_a_missed_week_is_caught_up_until_the_next_one_is_due() {
        let schedule = berlin("");
        let week = period(
            "2026-11-02T08:00:00Z",
            "2026-11-09T08:00:00Z",
            "2026-11-16T08:00:00Z",
        );
        for now in ["2026-11-16T08:00:00Z", "2026-11-22T23:00:00Z"] {
            assert_eq!(schedule.due(at(now), None), Due::Now(week));
            assert_eq!(schedule.due(at(now), Some(week.start)), Due::Now(week));
            assert_eq!(
                schedule.due(at(now), Some(at("2026-10-05T07:00:00Z"))),
                Due::Now(week),
                "long away"
            );
            assert_eq!(schedule.due(at(now), Some(week.end)), Due::Covered);
        }
    }

    #[test]
    fn a_change_of_cron_loses_nothing_and_sends_nothing_twice() {
        let sent = at("2026-11-16T08:00:00Z");
        let an_hour_later = berlin("0 10 * * MON");
        assert_eq!(
            an_hour_later.due(at("2026-11-16T10:00:00Z"), Some(sent)),
            Due::Covered
        );
        let next = an_hour_later.due(at("2026-11-23T10:00:00Z"), Some(sent));
        let Due::Now(next) = next else { panic!("{next:?}") };
        assert_eq!((next.start, next.end), (sent, at("2026-11-23T09:00:00Z")));

        let daily = berlin("0 9 * * *").due(at("2026-11-17T09:00:00Z"), Some(sent));
        assert!(matches!(daily, Due::Now(day) if day.start == sent));
        let friday = berlin("0 9 * * FRI").due(at("2026-11-20T09:00:00Z"), Some(sent));
        assert!(
            matches!(friday, Due::Now(days) if days.start == sent),
            "four days are more than half a week"
        );
        let other_zone = Schedule::parse("", "America/New_York").unwrap();
        assert_eq!(
            other_zone.due(at("2026-11-16T18:00:00Z"), Some(sent)),
            Due::Covered
        );
    }

    #[test]
    fn what_cannot_be_read_or_never_comes_is_refused() {
        assert!(matches!(
            Schedule::parse("0 9 * *", ""),
            Err(ScheduleError::Cron(_))
        ));
        assert!(
            matches!(Schedule::parse("0 0 9 * * MON", ""), Err(ScheduleError::Cron(_))),
            "seconds"
        );
        assert!(matches!(
            Schedule::parse("0 0 30 2 *", ""),
            Err(ScheduleError::Cron(_))
        ));
        assert_eq!(
            Schedule::parse("", "Mars").unwrap_err(),
            ScheduleError::Zone("Mars".to_owned())
        );
    }

    const CRONS: [&str; 9] = [
        "0 9 * * MON",
        "30 2 * * *",
        "0 0 1 * *",
        "*/20 * * * *",
        "15 6 * * MON,THU",
        "0 3 * * SUN",
        "0 0 29 2 *",
        "0 * * * *",
        "59 23 L * *",
    ];
    const ZONES: [&str; 6] = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Africa/Cairo",
    ];

    fn schedules() -> impl Strategy<Value = Schedule> {
        (0..CRONS.len(), 0..ZONES.len())
            .prop_map(|(cron, zone)| Schedule::parse(CRONS[cron], ZONES[zone]).unwrap())
    }

    /// Seconds of 2024 to 2032.
    fn instants() -> impl Strategy<Value = DateTime<Utc>> {
        (1_704_067_200_i64..1_956_528_000).prop_map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn a_period_contains_its_start_ends_by_now_and_is_the_same_until_the_next_firing(
            schedule in schedules(), now in instants(), share in 0.0_f64..1.0,
        ) {
            let period = schedule.period_at(now).unwrap();
            let next = schedule.next_after(now).unwrap();
            prop_assert!(period.previous_start < period.start && period.start < period.end);
            prop_assert!(period.end <= now && now < next);
            #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
            let within = (((next - period.end).num_seconds() - 1) as f64 * share) as i64;
            let other = period.end + TimeDelta::seconds(within);
            prop_assert_eq!(schedule.period_at(other), Some(period));
            prop_assert_eq!(schedule.next_after(other), Some(next));
        }

        #[test]
        fn periods_follow_one_another_without_gap_or_overlap(schedule in schedules(), now in instants()) {
            let period = schedule.period_at(now).unwrap();
            let next = schedule.next_after(now).unwrap();
            let following = schedule.period_at(next).unwrap();
            prop_assert_eq!((following.previous_start, following.start, following.end), (period.start, period.end, next));
        }

        /// Whoever asks at whatever times under whatever crons: digests sent one after the other never overlap, and
        /// two that follow each other closely enough leave no gap.
        #[test]
        fn digests_of_changing_crons_never_overlap(
            changes in prop::collection::vec((schedules(), 0_i64..12 * 86_400), 1..20), begin in instants(),
        ) {
            let mut now = begin;
            let mut covered = None;
            for (schedule, wait) in changes {
                now += TimeDelta::seconds(wait);
                let Due::Now(period) = schedule.due(now, covered) else { continue };
                prop_assert!(period.start < period.end && period.end <= now);
                prop_assert!(covered.is_none_or(|until| until <= period.start));
                prop_assert_eq!(schedule.due(now, Some(period.end)), Due::Covered);
                covered = Some(period.end);
            }
        }

        /// A replica whose clock is off by up to a minute sees the same period, the one before or the one after.
        #[test]
        fn skewed_clocks_agree_on_the_periods_themselves(
            schedule in schedules(), now in instants(), skew in -60_i64..=60,
        ) {
            let there = schedule.period_at(now + TimeDelta::seconds(skew)).unwrap();
            let here = schedule.period_at(now).unwrap();
            prop_assert!(there == here || there.start == here.end || there.end == here.start);
        }
    }
}
