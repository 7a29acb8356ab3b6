//! What people write on the command line, read: words in any case and with dashes, durations, moments, `@file`.
//! Each reader says what would do instead.

use std::fs;
use std::io::Read as _;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use watchbell_contracts::config::v1::{HttpHeader, QuietWindow, StormControl, Weekday};
use watchbell_model::Severity;
use watchbell_model::convert::{self, FromWire as _};
use watchbell_model::data::MAX_LEVELS;
use watchbell_model::json;
use watchbell_model::secret::Secret;
use watchbell_runtime::settings::read;

use crate::failure::{Failure, Outcome};

/// A word of a vocabulary, as a parser for clap: `system-error` is `SYSTEM_ERROR`.
pub(crate) fn word<T: FromStr>(text: &str) -> Result<T, T::Err> {
    text.trim().replace('-', "_").parse()
}

/// Severities with commas, where `others` would do, too.
pub(crate) fn severities(words: &str, others: &str) -> Result<Vec<i32>, String> {
    let number = |text| {
        word::<Severity>(text)
            .map(Severity::to_wire)
            .map_err(|error| format!("must be {others} or severities; {error}"))
    };
    words.split(',').map(number).collect()
}

/// A duration, as a parser for clap.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    read::parse_duration(text).ok_or_else(|| "must be a duration like 250ms, 30s, 5m, 2h or 90d".to_owned())
}

/// How many at most, as a parser for clap.
pub(crate) fn limit(text: &str) -> Result<usize, String> {
    let limit = text.parse().ok().filter(|limit| *limit > 0);
    limit.ok_or_else(|| "must be a number, 1 or more".to_owned())
}

/// A moment: RFC 3339, or how long ago (`2h`).
pub(crate) fn moment(text: &str, now: DateTime<Utc>) -> Outcome<DateTime<Utc>> {
    if let Some(ago) = read::parse_duration(text) {
        return chrono::TimeDelta::from_std(ago)
            .ok()
            .and_then(|ago| now.checked_sub_signed(ago))
            .ok_or_else(|| Failure::usage(format!("`{text}` is too long ago")));
    }
    DateTime::parse_from_rfc3339(text)
        .map(|moment| moment.to_utc())
        .map_err(|_| {
            Failure::usage(format!(
                "`{text}` is no moment; write 2026-11-21T09:00:00+01:00, or 2h for two hours ago"
            ))
        })
}

/// A text as given, or the content of `@file` (`@-` is standard input) without its last line break.
pub(crate) fn text_or_file(given: &str) -> Outcome<String> {
    let Some(path) = given.strip_prefix('@') else {
        return Ok(given.to_owned());
    };
    let text = read_file(path)?;
    Ok(text
        .strip_suffix('\n')
        .map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text))
        .to_owned())
}

/// A secret as given, or the content of `@file`.
pub(crate) fn secret(given: &str) -> Outcome<Secret> {
    text_or_file(given).map(Secret::new)
}

/// The content of a file; `-` is standard input.
pub(crate) fn read_file(path: &str) -> Outcome<String> {
    let text = if path == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(path)
    };
    text.map_err(|error| Failure::usage(format!("cannot read {path}: {error}")))
}

/// A JSON object as given, or of `@file`.
pub(crate) fn object(given: &str, what: &str) -> Outcome<Map<String, Value>> {
    match json::parse(&text_or_file(given)?, MAX_LEVELS) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Failure::usage(format!("{what} must be a JSON object"))),
        Err(error) => Err(Failure::usage(format!("{what} {error}"))),
    }
}

/// `Name: value`, as a parser for clap.
pub(crate) fn header(text: &str) -> Result<HttpHeader, String> {
    let (name, value) = text.split_once(':').ok_or("must look like `Name: value`")?;
    Ok(HttpHeader {
        name: name.trim().to_owned(),
        value: value.trim().to_owned(),
    })
}

/// `20/1m`, or `off`, as a parser for clap.
pub(crate) fn storm(text: &str) -> Result<StormControl, String> {
    const FORM: &str = "must look like 20/1m (at most 20 messages in a minute), or off";
    if text.eq_ignore_ascii_case("off") {
        return Ok(StormControl::default());
    }
    let (count, window) = text.split_once('/').ok_or(FORM)?;
    let window = read::parse_duration(window).ok_or(FORM)?;
    Ok(StormControl {
        max_messages: count.trim().parse().map_err(|_| FORM)?,
        window: Some(convert::duration(window)),
    })
}

/// `22:00-07:00`, or `Mon-Fri 22:00-07:00`, or `Sat,Sun 00:00-24:00`, as a parser for clap.
pub(crate) fn window(text: &str) -> Result<QuietWindow, String> {
    const FORM: &str = "must look like `22:00-07:00` or `Mon-Fri 22:00-07:00`";
    let (days, hours) = match text.trim().rsplit_once(' ') {
        Some((days, hours)) => (days.trim(), hours),
        None => ("", text.trim()),
    };
    let (start, end) = hours.split_once('-').ok_or(FORM)?;
    let mut weekdays = Vec::new();
    for part in days.split(',').filter(|part| !part.trim().is_empty()) {
        match part.split_once('-') {
            None => weekdays.push(weekday(part)?),
            Some((first, last)) => {
                let (first, last) = (weekday(first)?, weekday(last)?);
                let length = (last - first).rem_euclid(7);
                weekdays.extend((0..=length).map(|step| (first - 1 + step) % 7 + 1));
            }
        }
    }
    Ok(QuietWindow {
        weekdays,
        start: start.to_owned(),
        end: end.to_owned(),
    })
}

fn weekday(text: &str) -> Result<i32, String> {
    let text = text.trim().to_ascii_uppercase();
    (1..=7)
        .filter_map(|number| Weekday::try_from(number).ok())
        .find(|day| {
            let name = day.as_str_name().trim_start_matches("WEEKDAY_");
            text.len() >= 3 && name.starts_with(&text)
        })
        .map(|day| day as i32)
        .ok_or_else(|| format!("`{text}` is no weekday"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchbell_model::Category;

    #[test]
    fn words_take_any_case_and_dashes() {
        assert_eq!(word("system-error"), Ok(Category::SystemError));
        assert_eq!(word("moderate"), Ok(Severity::Medium));
        assert!(word::<Severity>("urgent").is_err());
    }

    #[test]
    fn moments_are_absolute_or_ago() {
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        assert_eq!(moment("2h", now).unwrap().timestamp(), 1_000_000 - 7_200);
        assert_eq!(moment("1970-01-01T01:00:00+01:00", now).unwrap().timestamp(), 0);
        assert_eq!(moment("yesterday", now).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn secrets_may_come_from_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "wbk_1\r\n").unwrap();
        assert_eq!(
            secret(&format!("@{}", file.path().display())).unwrap().expose(),
            "wbk_1"
        );
        assert_eq!(secret("wbk_2").unwrap().expose(), "wbk_2");
        assert!(secret("@/no/such/file").is_err());
    }

    #[test]
    fn data_must_be_an_object() {
        assert_eq!(object(r#"{"a": 1}"#, "--data").unwrap()["a"], 1);
        for wrong in ["[1]", "{", "text"] {
            assert_eq!(object(wrong, "--data").unwrap_err().exit_code(), 2, "{wrong}");
        }
    }

    #[test]
    fn windows_name_days_and_hours() {
        let read = |text| window(text).map(|window| (window.weekdays, window.start, window.end));
        let hours = |days: &[i32]| Ok((days.to_vec(), "22:00".to_owned(), "07:00".to_owned()));
        assert_eq!(read("22:00-07:00"), hours(&[]));
        assert_eq!(read("mon-wed 22:00-07:00"), hours(&[1, 2, 3]));
        assert_eq!(read("Sat-Mon 22:00-07:00"), hours(&[6, 7, 1]));
        assert_eq!(read("Tue,Saturday 22:00-07:00"), hours(&[2, 6]));
        assert!(read("22:00").is_err() && read("Fun 22:00-07:00").is_err());
    }

    #[test]
    fn storms_and_headers_have_one_form() {
        let twenty = storm("20/1m").unwrap();
        assert_eq!((twenty.max_messages, twenty.window.unwrap().seconds), (20, 60));
        assert_eq!(storm("off").unwrap(), StormControl::default());
        assert!(storm("20").is_err());
        let given = header("X-Team: blue: sky").unwrap();
        assert_eq!(
            (given.name.as_str(), given.value.as_str()),
            ("X-Team", "blue: sky")
        );
        assert!(header("nothing").is_err());
    }
}
