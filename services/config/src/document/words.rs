//! Texts of the document for durations (`5m`, `1h30m`) and windows of quiet hours (`mon-fri 22:00-07:00`), both ways.

use std::fmt::Display;
use std::time::Duration;

use chrono::Weekday as Day;
use watchbell_contracts::config::v1::{QuietWindow, Weekday};
use watchbell_model::quiet_hours::LocalTime;

/// Units in nanoseconds, from the largest; days are read and never written.
const UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];
const DAYS: [Day; 7] = [
    Day::Mon,
    Day::Tue,
    Day::Wed,
    Day::Thu,
    Day::Fri,
    Day::Sat,
    Day::Sun,
];

/// `5m`, `1h30m`, `500ms`: numbers, each with its unit.
pub(super) fn parse_span(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    loop {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit())?;
        let (amount, tail) = rest.split_at(unit_at);
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at(end);
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(amount.parse::<u64>().ok()?.checked_mul(*nanos)?)?;
        if after.is_empty() {
            return Some(Duration::from_nanos(total));
        }
        rest = after;
    }
}

/// What [`parse_span`] reads back.
pub(super) fn print_span(span: Duration) -> String {
    let mut left = span.as_nanos();
    let mut text = String::new();
    for (name, nanos) in UNITS.iter().skip(1) {
        let amount = left / u128::from(*nanos);
        if amount > 0 {
            left %= u128::from(*nanos);
            text += &format!("{amount}{name}");
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// `22:00-07:00` for every day, or with days before it: `mon-fri`, `sat,sun`.
pub(super) fn parse_window(text: &str) -> Option<QuietWindow> {
    let text = text.trim();
    let (named, hours) = text.split_at(text.find(|c: char| c.is_ascii_digit())?);
    let (start, end) = hours.split_once('-')?;
    let time = |text: &str| text.trim().parse::<LocalTime>().ok().map(|time| time.to_string());
    let weekdays = match named.trim() {
        "" => Vec::new(),
        named => {
            let named = days(named)?;
            DAYS.into_iter().filter(|day| named.contains(day)).collect()
        }
    };
    Some(QuietWindow {
        weekdays: weekdays.into_iter().map(|day| wire(day).into()).collect(),
        start: time(start)?,
        end: time(end)?,
    })
}

fn days(text: &str) -> Option<Vec<Day>> {
    let day = |text: &str| text.trim().parse::<Day>().ok();
    let mut days = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            None => days.push(day(part)?),
            Some((first, last)) => {
                let last = day(last)?;
                let mut next = day(first)?;
                days.push(next);
                while next != last {
                    next = next.succ();
                    days.push(next);
                }
            }
        }
    }
    Some(days)
}

/// What [`parse_window`] reads back: every window that means the same is written the same.
pub(super) fn print_window(window: &QuietWindow) -> String {
    let time = |text: &str| {
        text.parse::<LocalTime>()
            .map_or(text.to_owned(), |time| time.to_string())
    };
    let hours = format!("{}-{}", time(&window.start), time(&window.end));
    let on = |day: Day| window.weekdays.contains(&wire(day).into());
    if !DAYS.iter().any(|day| on(*day)) || DAYS.iter().all(|day| on(*day)) {
        return hours;
    }
    let name = |day: &Day| day.to_string().to_lowercase();
    let mut runs: Vec<String> = Vec::new();
    for run in DAYS.split(|day| !on(*day)) {
        match run {
            [first, _, .., last] => runs.push(format!("{}-{}", name(first), name(last))),
            few => runs.extend(few.iter().map(name)),
        }
    }
    format!("{} {hours}", runs.join(","))
}

fn wire(day: Day) -> Weekday {
    match day {
        Day::Mon => Weekday::Monday,
        Day::Tue => Weekday::Tuesday,
        Day::Wed => Weekday::Wednesday,
        Day::Thu => Weekday::Thursday,
        Day::Fri => Weekday::Friday,
        Day::Sat => Weekday::Saturday,
        Day::Sun => Weekday::Sunday,
    }
}

/// A word of a vocabulary as people write it.
pub(super) fn lower(word: impl Display) -> String {
    word.to_string().to_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_need_a_unit() {
        for (text, seconds) in [
            ("5m", 300),
            ("1h30m", 5_400),
            ("90s", 90),
            ("2d", 172_800),
            (" 1m1s ", 61),
        ] {
            assert_eq!(parse_span(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "5",
            "m",
            "5 m",
            "-5m",
            "1.5h",
            "5min",
            "99999999999999999999s",
            "99999999999d",
        ] {
            assert_eq!(parse_span(text), None, "{text}");
        }
        assert_eq!(print_span(Duration::from_secs(5_430)), "1h30m30s");
        assert_eq!(print_span(Duration::ZERO), "0s");
    }

    #[test]
    fn windows_of_one_meaning_are_written_one_way() {
        for (text, written) in [
            ("22:00-07:00", "22:00-07:00"),
            ("7:05 - 9:00", "07:05-09:00"),
            ("mon-fri 22:00-07:00", "mon-fri 22:00-07:00"),
            ("Sunday, sat 00:00-00:00", "sat,sun 00:00-00:00"),
            ("fri-mon 20:00-21:00", "mon,fri-sun 20:00-21:00"),
            ("mon-sun 20:00-21:00", "20:00-21:00"),
        ] {
            assert_eq!(print_window(&parse_window(text).unwrap()), written, "{text}");
        }
        for text in [
            "",
            "22:00",
            "22-07",
            "25:00-07:00",
            "someday 22:00-07:00",
            "mon- 22:00-07:00",
            "mon",
        ] {
            assert_eq!(parse_window(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(nanos: u64, days in prop::collection::vec(1..=7i32, 0..7), at in 0..1_440u32) {
            let span = Duration::from_nanos(nanos);
            prop_assert_eq!(parse_span(&print_span(span)), Some(span));
            let time = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
            let window = QuietWindow { weekdays: days, start: time(at), end: time(1_439 - at) };
            let text = print_window(&window);
            prop_assert_eq!(print_window(&parse_window(&text).unwrap()), text);
        }
    }
}
