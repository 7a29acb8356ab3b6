//! Quiet hours of a channel: windows of weekdays and local times, during which what is not urgent is held. A window is one
//! stretch of time: from the first moment at which the clock on the wall of the zone shows a time inside of it, start
//! inclusive and end exclusive, to the last. So a window means the same on the days on which the clocks change: none is
//! interrupted by an hour that comes twice.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use watchbell_contracts::config::v1 as wire;

use crate::convert::words;
use crate::severities::SeveritySet;
use crate::violation::{Violations, reason};
use crate::vocabulary::Severity;

/// The most windows of one channel.
pub const MAX_WINDOWS: usize = 20;

/// When a channel holds, and what passes anyway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct QuietHours {
    zone: Tz,
    windows: Vec<Window>,
    passing: SeveritySet,
    coalesce: bool,
    /// Minutes of the local week in which it is quiet: sorted, apart, none empty. The last may reach into the next
    /// week, so that no end lies at the turn of the week unless it is one.
    merged: Vec<(u32, u32)>,
}

/// One window: on each of these days it starts, and it ends at `end`, on the next day if that is at or before `start`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The days on which it starts; every day when empty.
    #[serde(default, with = "weekday_words")]
    pub days: Vec<Weekday>,
    /// Inclusive.
    pub start: LocalTime,
    /// Exclusive.
    pub end: LocalTime,
}

/// A time of day, to the minute: `22:00`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LocalTime(u16);

/// A text that is not a time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a time of day like 22:00")]
pub struct InvalidLocalTime;

#[derive(Serialize, Deserialize)]
struct Written {
    time_zone: Tz,
    windows: Vec<Window>,
    #[serde(default = "critical")]
    passing_severities: SeveritySet,
    #[serde(default)]
    coalesce: bool,
}

const DAY: u32 = 24 * 60;
const WEEK: u32 = 7 * DAY;

// === impl QuietHours ===

impl QuietHours {
    /// Checks and merges the windows. Windows that leave no minute of the week are refused: what is held would never be
    /// delivered. Paths are `windows` and those inside.
    pub fn try_new(
        zone: Tz,
        windows: Vec<Window>,
        passing: SeveritySet,
        coalesce: bool,
    ) -> Result<Self, Violations> {
        if windows.is_empty() {
            return Err(Violations::one(
                "windows",
                reason::REQUIRED,
                "must have at least one window",
            ));
        }
        if windows.len() > MAX_WINDOWS {
            let why = format!("must have at most {MAX_WINDOWS} windows");
            return Err(Violations::one("windows", reason::TOO_LONG, why));
        }
        let merged = merge(&windows);
        if merged.iter().map(|(start, end)| end - start).sum::<u32>() >= WEEK {
            let why = "must leave some minute of the week that is not quiet";
            return Err(Violations::one("windows", reason::OUT_OF_RANGE, why));
        }
        Ok(Self {
            zone,
            windows,
            passing,
            coalesce,
            merged,
        })
    }

    /// Reads quiet hours in the zone they name, else in the team's; none when there is no window.
    ///
    /// # Errors
    /// Unknown zones, days and times, and windows that leave no minute of the week.
    pub fn read(message: &wire::QuietHours, team_zone: Tz) -> Result<Option<Self>, Violations> {
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
        let windows = violations.take_each("windows", &message.windows, Window::try_from);
        if !violations.is_empty() {
            return Err(violations);
        }
        if windows.is_empty() {
            return Ok(None);
        }
        Self::try_new(zone, windows, passing, message.coalesce).map(Some)
    }

    /// The zone whose clock counts.
    #[must_use]
    pub const fn zone(&self) -> Tz {
        self.zone
    }

    /// The windows as they were given.
    #[must_use]
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// What is delivered although it is quiet.
    #[must_use]
    pub const fn passing(&self) -> SeveritySet {
        self.passing
    }

    /// Whether what was held is delivered as one summary.
    #[must_use]
    pub const fn coalesce(&self) -> bool {
        self.coalesce
    }

    /// Until when something of that severity waits if it is to go out now; none when it may go.
    #[must_use]
    pub fn holds(&self, severity: Severity, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.passing.contains(severity) {
            None
        } else {
            self.holds_until(now)
        }
    }

    /// The first moment after `now` that is not quiet; none when `now` itself is not.
    #[must_use]
    pub fn holds_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // Between two changes of the zone's offset the local clock runs evenly, so the end of a window is reached by
        // adding. A change jumps the local clock, into, within or out of a window: look again from there.
        const STRIDE: TimeDelta = TimeDelta::hours(6);
        let mut at = now;
        loop {
            if let Some(left) = self.quiet_for(self.local(at)) {
                let next = at + left.min(STRIDE);
                at = self.offset_change(at, next).unwrap_or(next);
            } else if let Some(resumed) = self.resumes(at) {
                at = resumed;
            } else {
                return (at != now).then_some(at);
            }
        }
    }

    /// When a window goes on that has begun, for a moment between the two parts that a clock which is set back makes of
    /// it; none for any other moment that is outside of all windows.
    fn resumes(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // No zone has set its clock back further since the 19th century.
        const FARTHEST: TimeDelta = TimeDelta::hours(4);
        let local = self.local(at);
        if let Some(change) = self.offset_change(at, at + FARTHEST) {
            // The hours between these two local times come twice, and this is the first time.
            let (first, last) = (self.local(change), local + (change - at));
            if first <= local && local < last {
                return self
                    .window_near(local, |_, end| first < end && end <= local)
                    .map(|start| change + (start.max(first) - first));
            }
        }
        let before = at - FARTHEST;
        let change = self.offset_change(before, at)?;
        // This is the second time.
        let last = self.local(before) + (change - before);
        self.window_near(local, |start, _| local < start && start < last)
            .map(|start| at + (start - local))
    }

    /// When a window starts by the local clock, of those around a local time that are meant.
    fn window_near(
        &self,
        local: NaiveDateTime,
        is_meant: impl Fn(NaiveDateTime, NaiveDateTime) -> bool,
    ) -> Option<NaiveDateTime> {
        let into_week = TimeDelta::days(local.weekday().num_days_from_monday().into());
        let monday = (local - into_week).date().and_time(NaiveTime::MIN);
        let weeks = [-1, 0, 1].map(|week| monday + TimeDelta::weeks(week));
        weeks.into_iter().find_map(|monday| {
            let at = |minute: u32| monday + TimeDelta::minutes(minute.into());
            let windows = self.merged.iter().map(|(start, end)| (at(*start), at(*end)));
            windows
                .filter(|(start, end)| is_meant(*start, *end))
                .map(|(start, _)| start)
                .next()
        })
    }

    fn local(&self, at: DateTime<Utc>) -> NaiveDateTime {
        at.with_timezone(&self.zone).naive_local()
    }

    /// How long the window around that local time still lasts by the local clock; none outside of all windows.
    fn quiet_for(&self, local: NaiveDateTime) -> Option<TimeDelta> {
        let minute = local.weekday().num_days_from_monday() * DAY + local.hour() * 60 + local.minute();
        let into_minute =
            TimeDelta::seconds(local.second().into()) + TimeDelta::nanoseconds(local.nanosecond().into());
        [minute, minute + WEEK].into_iter().find_map(|minute| {
            let (_, end) = self
                .merged
                .iter()
                .find(|(start, end)| (*start..*end).contains(&minute))?;
            Some(TimeDelta::minutes((end - minute).into()) - into_minute)
        })
    }

    /// The first moment in `(from, to]` at which the zone's offset is no longer that of `from`, to the second. The two
    /// are hours apart, in which a zone changes at most once.
    fn offset_change(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let offset = |at: DateTime<Utc>| at.with_timezone(&self.zone).naive_local() - at.naive_utc();
        let before = offset(from);
        if offset(to) == before {
            return None;
        }
        let (mut low, mut high) = (from.timestamp(), to.timestamp());
        if to.timestamp_subsec_nanos() > 0 {
            high += 1;
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let at = DateTime::from_timestamp(middle, 0)?;
            if offset(at) == before {
                low = middle;
            } else {
                high = middle;
            }
        }
        DateTime::from_timestamp(high, 0)
    }
}

/// The windows as intervals of minutes of the week, overlapping and touching ones made one.
fn merge(windows: &[Window]) -> Vec<(u32, u32)> {
    let every_day = [
        Weekday::Mon,
        Weekday::Tue,
        Weekday::Wed,
        Weekday::Thu,
        Weekday::Fri,
        Weekday::Sat,
        Weekday::Sun,
    ];
    let mut intervals = Vec::new();
    for window in windows {
        let days = if window.days.is_empty() {
            &every_day[..]
        } else {
            &window.days
        };
        let (start, mut end) = (u32::from(window.start.0), u32::from(window.end.0));
        if end <= start {
            end += DAY;
        }
        for day in days {
            let midnight = day.num_days_from_monday() * DAY;
            intervals.push((midnight + start, midnight + end));
        }
    }
    intervals.sort_unstable();
    let mut merged: Vec<(u32, u32)> = Vec::new();
    for (start, end) in intervals {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    // What reaches over Sunday's midnight swallows what Monday starts with.
    while let (Some(&(first_start, first_end)), Some(&(last_start, last_end))) =
        (merged.first(), merged.last())
    {
        if merged.len() < 2 || last_end < WEEK + first_start {
            break;
        }
        merged.remove(0);
        if let Some(last) = merged.last_mut() {
            *last = (last_start, last_end.max(WEEK + first_end));
        }
    }
    merged
}

const fn critical() -> SeveritySet {
    SeveritySet::CRITICAL
}

impl TryFrom<Written> for QuietHours {
    type Error = Violations;

    fn try_from(written: Written) -> Result<Self, Violations> {
        Self::try_new(
            written.time_zone,
            written.windows,
            written.passing_severities,
            written.coalesce,
        )
    }
}

impl From<QuietHours> for Written {
    fn from(hours: QuietHours) -> Self {
        Self {
            time_zone: hours.zone,
            windows: hours.windows,
            passing_severities: hours.passing,
            coalesce: hours.coalesce,
        }
    }
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

// === impl Window ===

impl TryFrom<&wire::QuietWindow> for Window {
    type Error = Violations;

    fn try_from(message: &wire::QuietWindow) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let mut days = Vec::new();
        for (index, number) in message.weekdays.iter().enumerate() {
            match wire::Weekday::try_from(*number).ok().and_then(day) {
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
            (Some(start), Some(end)) if violations.is_empty() => Ok(Self { days, start, end }),
            _ => Err(violations),
        }
    }
}

fn day(day: wire::Weekday) -> Option<Weekday> {
    match day {
        wire::Weekday::Unspecified => None,
        wire::Weekday::Monday => Some(Weekday::Mon),
        wire::Weekday::Tuesday => Some(Weekday::Tue),
        wire::Weekday::Wednesday => Some(Weekday::Wed),
        wire::Weekday::Thursday => Some(Weekday::Thu),
        wire::Weekday::Friday => Some(Weekday::Fri),
        wire::Weekday::Saturday => Some(Weekday::Sat),
        wire::Weekday::Sunday => Some(Weekday::Sun),
    }
}

// === impl LocalTime ===

impl LocalTime {
    /// The time `hour:minute`; none when there is no such time.
    #[must_use]
    pub const fn new(hour: u16, minute: u16) -> Option<Self> {
        if hour < 24 && minute < 60 {
            Some(Self(hour * 60 + minute))
        } else {
            None
        }
    }
}

impl FromStr for LocalTime {
    type Err = InvalidLocalTime;

    fn from_str(text: &str) -> Result<Self, InvalidLocalTime> {
        let (hour, minute) = text.split_once(':').ok_or(InvalidLocalTime)?;
        let number = |digits: &str| {
            let plain = (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            if plain {
                digits.parse().map_err(|_| InvalidLocalTime)
            } else {
                Err(InvalidLocalTime)
            }
        };
        if minute.len() != 2 {
            return Err(InvalidLocalTime);
        }
        Self::new(number(hour)?, number(minute)?).ok_or(InvalidLocalTime)
    }
}

impl TryFrom<String> for LocalTime {
    type Error = InvalidLocalTime;

    fn try_from(text: String) -> Result<Self, InvalidLocalTime> {
        text.parse()
    }
}

impl From<LocalTime> for String {
    fn from(time: LocalTime) -> Self {
        time.to_string()
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl fmt::Debug for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Weekdays as `MON`, read also in full and in any case.
mod weekday_words {
    use chrono::Weekday;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(days: &[Weekday], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(days.iter().map(|day| day.to_string().to_uppercase()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Weekday>, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        words
            .iter()
            .map(|word| {
                word.parse()
                    .map_err(|_| D::Error::custom(format!("`{word}` is not a weekday")))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
