use chrono::{Days, TimeZone};
use proptest::prelude::*;

use super::*;

fn window(days: &[Weekday], start: &str, end: &str) -> Window {
    Window {
        days: days.to_vec(),
        start: start.parse().unwrap(),
        end: end.parse().unwrap(),
    }
}

fn hours(zone: Tz, windows: Vec<Window>) -> QuietHours {
    QuietHours::try_new(zone, windows, SeveritySet::CRITICAL, false).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The definition, word for word and minute for minute: quiet when the local clock stands inside a window that started
/// today, or yesterday and runs over midnight; or when it did and will again inside the same one, on the same day.
fn oracle(zone: Tz, windows: &[Window], now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let local = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
    let started_on = |window: &Window, at: DateTime<Utc>| {
        let local = local(at);
        let time = u16::try_from(local.hour() * 60 + local.minute()).unwrap();
        let starts_on = |day: Weekday| window.days.is_empty() || window.days.contains(&day);
        let (start, end) = (window.start.0, window.end.0);
        let over_midnight = end <= start;
        let (today, yesterday) = (local.date(), local.date().pred_opt().unwrap());
        if starts_on(today.weekday()) && time >= start && (over_midnight || time < end) {
            Some(today)
        } else {
            (over_midnight && starts_on(yesterday.weekday()) && time < end).then_some(yesterday)
        }
    };
    let hours = TimeDelta::hours(4);
    let quiet = |at: DateTime<Utc>| {
        if windows.iter().any(|window| started_on(window, at).is_some()) {
            return true;
        }
        if local(at - hours) + hours + hours == local(at + hours) {
            return false;
        }
        let minutes = |sign: i64| (0..=240).map(move |minute| at + TimeDelta::minutes(sign * minute));
        windows.iter().any(|window| {
            let before: Vec<_> = minutes(-1).filter_map(|at| started_on(window, at)).collect();
            minutes(1)
                .filter_map(|at| started_on(window, at))
                .any(|day| before.contains(&day))
        })
    };
    // Every zone's offset is a whole number of minutes in our days.
    let mut minute = now - TimeDelta::seconds(now.timestamp().rem_euclid(60)) - sub_second(now);
    if !quiet(minute) {
        return None;
    }
    loop {
        minute += TimeDelta::minutes(1);
        if !quiet(minute) {
            return Some(minute);
        }
    }
}

fn sub_second(at: DateTime<Utc>) -> TimeDelta {
    TimeDelta::nanoseconds(at.timestamp_subsec_nanos().into())
}

#[test]
fn a_night_is_one_window_with_its_start_inside_and_its_end_outside() {
    let night = hours(chrono_tz::Europe::Berlin, vec![window(&[], "22:00", "07:00")]);
    assert_eq!(night.holds_until(at("2026-01-10T20:59:59.999Z")), None);
    assert_eq!(
        night.holds_until(at("2026-01-10T21:00:00Z")),
        Some(at("2026-01-11T06:00:00Z"))
    );
    assert_eq!(
        night.holds_until(at("2026-01-11T05:59:59.5Z")),
        Some(at("2026-01-11T06:00:00Z"))
    );
    assert_eq!(night.holds_until(at("2026-01-11T06:00:00Z")), None);
}

#[test]
fn the_weekday_is_the_local_one_on_which_the_window_starts() {
    // Friday evening in Auckland is Friday morning in UTC.
    let friday = hours(
        chrono_tz::Pacific::Auckland,
        vec![window(&[Weekday::Fri], "20:00", "08:00")],
    );
    assert_eq!(
        friday.holds_until(at("2026-07-03T08:00:00Z")),
        Some(at("2026-07-03T20:00:00Z"))
    );
    assert_eq!(friday.holds_until(at("2026-07-02T08:00:00Z")), None);
    assert_eq!(friday.holds_until(at("2026-07-04T08:00:00Z")), None);
}

#[test]
fn a_weekend_of_touching_windows_is_one_hold() {
    let weekend = hours(
        chrono_tz::UTC,
        vec![
            window(&[Weekday::Fri], "18:00", "00:00"),
            window(&[Weekday::Sat, Weekday::Sun], "00:00", "00:00"),
            window(&[Weekday::Mon], "00:00", "08:00"),
        ],
    );
    assert_eq!(
        weekend.holds_until(at("2026-03-06T18:00:00Z")),
        Some(at("2026-03-09T08:00:00Z"))
    );
    assert_eq!(
        weekend.holds_until(at("2026-03-08T23:59:59Z")),
        Some(at("2026-03-09T08:00:00Z"))
    );
    assert_eq!(
        weekend.holds_until(at("2026-03-09T07:59:00Z")),
        Some(at("2026-03-09T08:00:00Z"))
    );
    assert_eq!(weekend.holds_until(at("2026-03-09T08:00:00Z")), None);
}

#[test]
fn the_end_is_by_the_wall_clock_when_the_clocks_change() {
    let night = hours(chrono_tz::Europe::Berlin, vec![window(&[], "22:00", "07:00")]);
    // The night of 29 March 2026 is an hour short, that of 25 October an hour long.
    assert_eq!(
        night.holds_until(at("2026-03-28T21:00:00Z")),
        Some(at("2026-03-29T05:00:00Z"))
    );
    assert_eq!(
        night.holds_until(at("2026-10-24T20:00:00Z")),
        Some(at("2026-10-25T06:00:00Z"))
    );
}

#[test]
fn an_end_that_the_clock_jumps_over_is_the_moment_of_the_jump() {
    let early = hours(chrono_tz::Europe::Berlin, vec![window(&[], "01:00", "02:30")]);
    assert_eq!(
        early.holds_until(at("2026-03-29T00:30:00Z")),
        Some(at("2026-03-29T01:00:00Z"))
    );
}

#[test]
fn a_window_is_one_stretch_when_an_hour_comes_twice() {
    let berlin = |start, end| hours(chrono_tz::Europe::Berlin, vec![window(&[], start, end)]);
    let until = |hours: &QuietHours, now: &str| hours.holds_until(at(now));
    // At 01:00Z the clocks go back from 03:00 to 02:00.
    let across = berlin("02:30", "03:30");
    assert_eq!(until(&across, "2026-10-25T00:29:59Z"), None);
    for now in [
        "2026-10-25T00:30:00Z",
        "2026-10-25T01:00:00Z",
        "2026-10-25T01:29:59Z",
        "2026-10-25T02:29:00Z",
    ] {
        assert_eq!(until(&across, now), Some(at("2026-10-25T02:30:00Z")), "{now}");
    }
    assert_eq!(until(&across, "2026-10-25T02:30:00Z"), None);
    let inside = berlin("02:00", "02:30");
    for now in [
        "2026-10-25T00:00:00Z",
        "2026-10-25T00:30:00Z",
        "2026-10-25T00:59:59.5Z",
        "2026-10-25T01:10:00Z",
    ] {
        assert_eq!(until(&inside, now), Some(at("2026-10-25T01:30:00Z")), "{now}");
    }
    let over_the_start = berlin("01:30", "02:15");
    assert_eq!(
        until(&over_the_start, "2026-10-25T00:20:00Z"),
        Some(at("2026-10-25T01:15:00Z"))
    );
    let late = berlin("01:30", "03:00");
    assert_eq!(
        until(&late, "2026-10-24T23:45:00Z"),
        Some(at("2026-10-25T02:00:00Z"))
    );
    let after = berlin("03:00", "04:00");
    assert_eq!(until(&after, "2026-10-25T01:30:00Z"), None);
}

#[test]
fn every_change_of_the_clocks_in_years_is_held_as_the_definition_says() {
    for zone in ZONES {
        let offset = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local() - at.naive_utc();
        let days = (0..365 * 3).map(|day| at("2024-01-01T00:00:00Z") + Days::new(day));
        for day in days.filter(|day| offset(*day) > offset(*day + Days::new(1))) {
            for (start, end) in [
                ("00:00", "00:20"),
                ("01:30", "02:15"),
                ("02:30", "03:30"),
                ("23:30", "00:30"),
            ] {
                let windows = vec![window(&[], start, end)];
                let hours = hours(zone, windows.clone());
                for minute in (0..24 * 60).step_by(15) {
                    let now = day + TimeDelta::minutes(minute);
                    let expected = oracle(zone, &windows, now);
                    assert_eq!(hours.holds_until(now), expected, "{zone} {start}-{end} {now}");
                }
            }
        }
    }
}

#[test]
fn a_zone_that_skips_a_whole_day_is_held_right() {
    // Samoa had no 30 December 2011.
    let apia = hours(
        chrono_tz::Pacific::Apia,
        vec![window(&[Weekday::Thu], "20:00", "06:00")],
    );
    // Thursday 29 was followed by Saturday 31, which is no day after a Thursday: the window ends at the jump.
    assert_eq!(
        apia.holds_until(at("2011-12-30T07:00:00Z")),
        Some(at("2011-12-30T10:00:00Z"))
    );
}

#[test]
fn what_is_critical_passes_unless_told_otherwise() {
    let night = hours(chrono_tz::UTC, vec![window(&[], "00:00", "12:00")]);
    let now = at("2026-01-10T03:00:00Z");
    assert_eq!(night.holds(Severity::Critical, now), None);
    assert_eq!(night.holds(Severity::High, now), Some(at("2026-01-10T12:00:00Z")));
}

#[test]
fn windows_that_never_end_or_are_none_are_refused() {
    let refused = |windows: Vec<Window>| {
        QuietHours::try_new(chrono_tz::UTC, windows, SeveritySet::CRITICAL, false).unwrap_err()
    };
    assert_eq!(refused(vec![window(&[], "09:00", "09:00")]).len(), 1);
    assert_eq!(
        refused(vec![window(&[], "09:00", "21:00"), window(&[], "20:00", "09:00")]).len(),
        1
    );
    assert_eq!(refused(vec![]).len(), 1);
    assert_eq!(
        refused(vec![window(&[], "09:00", "10:00"); MAX_WINDOWS + 1]).len(),
        1
    );
}

#[test]
fn times_are_read_strictly() {
    assert_eq!("7:05".parse::<LocalTime>().unwrap().to_string(), "07:05");
    for text in ["", "24:00", "12:60", "12", "12:5", "+1:00", "12:00:00", " 12:00"] {
        assert_eq!(text.parse::<LocalTime>(), Err(InvalidLocalTime), "{text}");
    }
}

#[test]
fn quiet_hours_read_back_from_json_and_default_to_critical() {
    let json = r#"{"time_zone":"Asia/Kathmandu","windows":[{"days":["MON","friday"],"start":"22:00","end":"06:30"}]}"#;
    let read: QuietHours = serde_json::from_str(json).unwrap();
    assert_eq!(read.passing(), SeveritySet::CRITICAL);
    assert_eq!(read.windows()[0].days, [Weekday::Mon, Weekday::Fri]);
    let again = serde_json::to_string(&read).unwrap();
    assert_eq!(serde_json::from_str::<QuietHours>(&again).unwrap(), read);
    assert!(serde_json::from_str::<QuietHours>(r#"{"time_zone":"UTC","windows":[]}"#).is_err());
}

/// Odd offsets, changes of half an hour, changes at midnight, a date line that moved, and none at all.
const ZONES: [Tz; 12] = [
    chrono_tz::UTC,
    chrono_tz::Europe::Berlin,
    chrono_tz::America::New_York,
    chrono_tz::America::St_Johns,
    chrono_tz::America::Sao_Paulo,
    chrono_tz::Africa::Casablanca,
    chrono_tz::Africa::Cairo,
    chrono_tz::Asia::Kathmandu,
    chrono_tz::Asia::Tehran,
    chrono_tz::Australia::Lord_Howe,
    chrono_tz::Pacific::Chatham,
    chrono_tz::Pacific::Apia,
];

fn any_window() -> impl Strategy<Value = Window> {
    let days = proptest::sample::subsequence(
        vec![
            Weekday::Mon,
            Weekday::Tue,
            Weekday::Wed,
            Weekday::Thu,
            Weekday::Fri,
            Weekday::Sat,
            Weekday::Sun,
        ],
        0..=7,
    );
    // Starts and ends crowd around midnight and the hours in which clocks change.
    let minute = prop_oneof![3 => 0_u16..300, 1 => 1_200_u16..1_440, 1 => 0_u16..1_440];
    (days, minute.clone(), minute).prop_map(|(days, start, end)| Window {
        days,
        start: LocalTime(start),
        end: LocalTime(end),
    })
}

/// Half of the moments lie within a day of a change of the zone's offset.
fn any_moment() -> impl Strategy<Value = (Tz, DateTime<Utc>)> {
    let year = 2009_i32..2028;
    (
        proptest::sample::select(ZONES.to_vec()),
        year,
        0_u64..365,
        0_i64..86_400_000,
        any::<bool>(),
    )
        .prop_map(|(zone, year, day, millis, near)| {
            let new_year = Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap();
            let mut date = new_year + Days::new(day);
            if near {
                let offset = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local() - at.naive_utc();
                let change = (0..366)
                    .map(|ahead| date + Days::new(ahead))
                    .find(|date| offset(*date) != offset(*date + Days::new(1)));
                date = change.unwrap_or(date);
            }
            (zone, date + TimeDelta::milliseconds(millis))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_hold_ends_when_the_oracle_says_so(
        windows in proptest::collection::vec(any_window(), 1..4),
        (zone, now) in any_moment(),
    ) {
        let Ok(hours) = QuietHours::try_new(zone, windows.clone(), SeveritySet::CRITICAL, false) else {
            return Ok(());
        };
        prop_assert_eq!(hours.holds_until(now), oracle(zone, &windows, now));
    }
}
