//! Quiet hours.

use crate::{
    quiet_hours::{QuietHours, Window},
    severities::SeveritySet,
    violation::{Violations, reason},
};
use chrono::Weekday as Day;
use chrono_tz::Tz;

use super::words;
use watchbell_contracts::config::v1::{self as wire, Weekday};

/// Quiet hours in the zone they name, else in the team's; none when there is no window.
///
/// # Errors
/// Unknown zones, days and times, and windows that leave no minute of the week.
pub fn quiet_hours(message: &wire::QuietHours, team_zone: Tz) -> Result<Option<QuietHours>, Violations> {
    let mut violations = Violations::new();
    let zone = time_zone(&message.time_zone, "time_zone", &mut violations).unwrap_or(team_zone);
    let passing: SeveritySet = words(&message.passing_severities, "passing_severities", &mut violations)
        .into_iter()
        .collect();
    let passing = if passing.is_empty() {
        SeveritySet::CRITICAL
    } else {
        passing
    };
    let mut windows = Vec::new();
    for (index, written) in message.windows.iter().enumerate() {
        windows.extend(violations.take_under(&format!("windows[{index}]"), window(written)));
    }
    if !violations.is_empty() {
        return Err(violations);
    }
    if windows.is_empty() {
        return Ok(None);
    }
    QuietHours::try_new(zone, windows, passing, message.coalesce).map(Some)
}

/// An IANA zone that may be left out.
pub fn time_zone(text: &str, field: &str, violations: &mut Violations) -> Option<Tz> {
    if text.is_empty() {
        return None;
    }
    let zone = text.parse().ok();
    if zone.is_none() {
        violations.add(
            field,
            reason::UNKNOWN_VALUE,
            "must be an IANA time zone such as `Europe/Berlin`",
        );
    }
    zone
}

fn window(message: &wire::QuietWindow) -> Result<Window, Violations> {
    let mut violations = Violations::new();
    let mut days = Vec::new();
    for (index, number) in message.weekdays.iter().enumerate() {
        match Weekday::try_from(*number).ok().and_then(day) {
            Some(day) => days.push(day),
            None => violations.add(
                format!("weekdays[{index}]"),
                reason::UNKNOWN_VALUE,
                "is not a weekday",
            ),
        }
    }
    let start = violations.parse("start", reason::MALFORMED, &message.start);
    let end = violations.parse("end", reason::MALFORMED, &message.end);
    match (start, end) {
        (Some(start), Some(end)) if violations.is_empty() => Ok(Window { days, start, end }),
        _ => Err(violations),
    }
}

fn day(day: Weekday) -> Option<Day> {
    match day {
        Weekday::Unspecified => None,
        Weekday::Monday => Some(Day::Mon),
        Weekday::Tuesday => Some(Day::Tue),
        Weekday::Wednesday => Some(Day::Wed),
        Weekday::Thursday => Some(Day::Thu),
        Weekday::Friday => Some(Day::Fri),
        Weekday::Saturday => Some(Day::Sat),
        Weekday::Sunday => Some(Day::Sun),
    }
}
