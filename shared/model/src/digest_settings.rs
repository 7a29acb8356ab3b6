//! When a team's digest goes out, and to whom. The cron expression is in the team's zone; what lies between two of its
//! moments is one period, and each period has exactly one digest.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::Cron;
use watchbell_contracts::config::v1 as wire;

use crate::email::{self, EmailAddress};
use crate::text::counted;
use crate::violation::{Violations, reason};

/// The most addresses a digest goes to.
pub const MAX_RECIPIENTS: usize = 50;

/// A team's digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DigestSettings {
    /// When; the default when absent.
    pub schedule: Option<CronSchedule>,
    /// To whom; when empty, to the members whose topic `weekly_digest` is on, Owners by default.
    pub recipients: Vec<EmailAddress>,
    /// No digest at all.
    pub paused: bool,
}

/// A cron expression of five fields that has a next moment.
#[derive(Clone, PartialEq, Eq)]
pub struct CronSchedule {
    source: String,
    cron: Cron,
}

/// The longest, in bytes.
const MAX_CRON: usize = 200;

/// A text that is not a cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a cron expression of five fields like `0 9 * * MON`: {0}")]
pub struct InvalidCron(String);

// === impl DigestSettings ===

impl TryFrom<&wire::DigestSettings> for DigestSettings {
    type Error = Violations;

    fn try_from(message: &wire::DigestSettings) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let schedule: Option<CronSchedule> = match message.cron.trim() {
            "" => None,
            text => violations.parse("cron", reason::MALFORMED, text),
        };
        if schedule
            .as_ref()
            .is_some_and(|schedule| !schedule.is_hourly_at_most())
        {
            violations.add("cron", reason::OUT_OF_RANGE, "must come once an hour at most");
        }
        let recipients = email::list(&message.recipients, "recipients", MAX_RECIPIENTS, &mut violations);
        violations.into_result(Self {
            schedule,
            recipients,
            paused: message.paused,
        })
    }
}

impl From<&DigestSettings> for wire::DigestSettings {
    fn from(settings: &DigestSettings) -> Self {
        Self {
            cron: settings
                .schedule
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            recipients: settings.recipients.iter().map(ToString::to_string).collect(),
            paused: settings.paused,
            ..Self::default()
        }
    }
}

// === impl CronSchedule ===

impl CronSchedule {
    /// Monday at 09:00.
    pub const DEFAULT: &'static str = "0 9 * * MON";

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// The first moment after `at`. A local time that the clocks skip counts as the moment of the change; one that comes
    /// twice counts once.
    #[must_use]
    pub fn next_after(&self, at: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        self.cron
            .find_next_occurrence(&at.with_timezone(&zone), false)
            .ok()
            .map(|next| next.to_utc())
    }

    /// Whether it never comes twice within an hour, but for the day on which the zone's clocks change.
    #[must_use]
    pub fn is_hourly_at_most(&self) -> bool {
        // Minutes and hours are chosen apart: with more than one minute to the hour, two of any three moments in a row
        // share their hour.
        let mut moments =
            std::iter::successors(Some(asked_from()), |at| self.next_after(*at, Tz::UTC)).skip(1);
        let (first, second, third) = (moments.next(), moments.next(), moments.next());
        let is_far = |from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>| {
            from.zip(to)
                .is_none_or(|(from, to)| to - from >= TimeDelta::hours(1))
        };
        is_far(first, second) && is_far(second, third)
    }

    /// The last moment that is not after `at`: the end of the period that is complete by then.
    #[must_use]
    pub fn last_until(&self, at: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        self.cron
            .find_previous_occurrence(&at.with_timezone(&zone), true)
            .ok()
            .map(|last| last.to_utc())
    }
}

/// A fixed day to ask from: every pattern that ever fires does so again.
fn asked_from() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default()
}

impl FromStr for CronSchedule {
    type Err = InvalidCron;

    fn from_str(text: &str) -> Result<Self, InvalidCron> {
        let source = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let fields = source.split(' ').count();
        if source.len() > MAX_CRON {
            return Err(InvalidCron(format!("it has more than {MAX_CRON} bytes")));
        }
        if fields != 5 {
            return Err(InvalidCron(format!(
                "it has {}",
                counted(fields, ["field", "fields"])
            )));
        }
        let cron = Cron::from_str(&source).map_err(|error| InvalidCron(error.to_string()))?;
        // The 30th of February parses.
        if cron.find_next_occurrence(&asked_from(), false).is_err() {
            return Err(InvalidCron("it never comes".to_owned()));
        }
        Ok(Self { source, cron })
    }
}

impl Default for CronSchedule {
    #[allow(clippy::expect_used, reason = "a constant, parsed by a test")]
    fn default() -> Self {
        Self::DEFAULT.parse().expect("the default is a cron expression")
    }
}

impl fmt::Display for CronSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl fmt::Debug for CronSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_wrong_with_a_schedule_is_said() {
        let wrong = |text: &str| text.parse::<CronSchedule>().unwrap_err().to_string();
        assert!(wrong("0 9 * *").ends_with(": it has 4 fields"));
        assert!(wrong("@weekly").ends_with(": it has 1 field"));
        let hours = vec!["9"; 200].join(",");
        assert!(wrong(&format!("0 {hours} * * MON")).ends_with(": it has more than 200 bytes"));
    }

    #[test]
    fn a_digest_goes_out_on_monday_at_nine_in_the_teams_zone() {
        let schedule = CronSchedule::default();
        let berlin = chrono_tz::Europe::Berlin;
        assert_eq!(
            schedule.next_after(at("2026-03-23T08:00:00Z"), berlin),
            Some(at("2026-03-30T07:00:00Z"))
        );
        assert_eq!(
            schedule.last_until(at("2026-03-30T07:00:00Z"), berlin),
            Some(at("2026-03-30T07:00:00Z"))
        );
        assert_eq!(
            schedule.last_until(at("2026-03-30T06:59:59Z"), berlin),
            Some(at("2026-03-23T08:00:00Z"))
        );
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in [
            "",
            "* * * *",
            "0 9 * * MON 2026",
            "61 * * * *",
            "0 9 30 2 *",
            "@weekly",
            "a b c d e",
        ] {
            assert!(text.parse::<CronSchedule>().is_err(), "{text}");
        }
        assert_eq!(
            "  0 9   * * 1 ".parse::<CronSchedule>().unwrap().as_str(),
            "0 9 * * 1"
        );
    }

    #[test]
    fn a_schedule_with_two_minutes_to_the_hour_comes_more_than_hourly() {
        for (text, hourly) in [
            ("* * * * *", false),
            ("*/30 * * * *", false),
            ("0,59 * * * *", false),
            ("0,1 9 29 2 *", false),
            ("*/60 * * * *", true),
            ("15 * * * *", true),
            ("0 9 * * MON", true),
            ("0 0 29 2 *", true),
        ] {
            assert_eq!(
                text.parse::<CronSchedule>().unwrap().is_hourly_at_most(),
                hourly,
                "{text}"
            );
        }
    }

    #[test]
    fn every_wrong_field_of_the_settings_is_named_and_right_ones_read_back() {
        let message = wire::DigestSettings {
            cron: " 0 9  * * 1 ".to_owned(),
            recipients: vec!["ann@example.com".to_owned()],
            paused: true,
            ..wire::DigestSettings::default()
        };
        let settings = DigestSettings::try_from(&message).unwrap();
        assert_eq!(wire::DigestSettings::from(&settings).cron, "0 9 * * 1");
        assert_eq!(DigestSettings::try_from(&(&settings).into()), Ok(settings));
        let wrong = wire::DigestSettings {
            cron: "* * * * *".to_owned(),
            recipients: ["ann@example.com", "Ann@Example.com", "x", ""]
                .map(str::to_owned)
                .to_vec(),
            ..wire::DigestSettings::default()
        };
        let violations = DigestSettings::try_from(&wrong).unwrap_err();
        let fields: Vec<_> = violations
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        assert_eq!(
            fields,
            ["cron", "recipients[1]", "recipients[2]", "recipients[3]"]
        );
    }

    proptest! {
        /// Periods neither overlap nor leave a gap: the end of one is the start of the next.
        #[test]
        fn the_last_moment_before_the_next_is_where_we_are(
            seconds in 1_700_000_000_i64..1_900_000_000,
            zone in proptest::sample::select(vec![
                chrono_tz::UTC, chrono_tz::Europe::Berlin, chrono_tz::Australia::Lord_Howe, chrono_tz::America::Sao_Paulo,
            ]),
            text in proptest::sample::select(vec!["0 9 * * MON", "30 2 * * *", "0 0 1 * *", "15 */6 * * 1-5"]),
        ) {
            let schedule: CronSchedule = text.parse().unwrap();
            let now = DateTime::from_timestamp(seconds, 0).unwrap();
            let last = schedule.last_until(now, zone).unwrap();
            let next = schedule.next_after(now, zone).unwrap();
            prop_assert!(last <= now && now < next);
            prop_assert_eq!(schedule.next_after(last, zone), Some(next));
            prop_assert_eq!(schedule.last_until(next, zone), Some(next));
        }
    }
}
