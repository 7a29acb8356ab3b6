//! The schedule of a digest: a cron expression, `---`, a time zone, `---`, an instant in seconds.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use watchbell_model::digest_settings::CronSchedule;

use crate::input::{reads_back, three_parts};

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let (expression, zone, instant) = three_parts(text);
    let Some(schedule) = reads_back::<CronSchedule>(expression) else {
        return;
    };
    let zone: Tz = zone.trim().parse().unwrap_or(Tz::UTC);
    let Some(at) = instant_of(instant) else { return };
    let Some(next) = schedule.next_after(at, zone) else {
        return;
    };
    assert!(next > at, "{schedule} in {zone}: {next} is not after {at}");
    let last = schedule.last_until(next, zone);
    assert_eq!(
        last,
        Some(next),
        "{schedule} in {zone}: the last until its own moment"
    );
    if let Some(last) = schedule.last_until(at, zone) {
        assert!(last <= at, "{schedule} in {zone}: {last} is after {at}");
    }
    // Where clocks change, an hour may be shorter.
    if schedule.is_hourly_at_most()
        && let Some(first) = schedule.next_after(at, Tz::UTC)
        && let Some(second) = schedule.next_after(first, Tz::UTC)
    {
        assert!(
            second - first >= TimeDelta::hours(1),
            "{schedule}: {first}, then {second}"
        );
    }
}

/// An instant of the years in which Watchbell runs.
pub(super) fn instant_of(text: &str) -> Option<DateTime<Utc>> {
    let seconds = text.trim().parse::<i64>().unwrap_or(1_800_000_000);
    (1_600_000_000..4_000_000_000)
        .contains(&seconds)
        .then(|| DateTime::from_timestamp(seconds, 0))?
}
