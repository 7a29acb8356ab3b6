//! Text for people: that of strangers, made fit to be shown on one line and in the order in which it is written, and times,
//! spans and numbers in words.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// The longest title, in characters.
pub const MAX_TITLE_CHARS: usize = 300;

/// One line without control characters or marks that reorder text. White space becomes one space.
#[must_use]
pub fn line(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        let mut word = word.chars().filter(|c| !reorders(*c)).peekable();
        if word.peek().is_some() && !clean.is_empty() {
            clean.push(' ');
        }
        clean.extend(word);
    }
    clean
}

/// At most `max` characters, the last an ellipsis when something was left out.
#[must_use]
pub fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max || text.chars().nth(max).is_none() {
        return Cow::Borrowed(text);
    }
    let Some(room) = max.checked_sub(1) else {
        return Cow::Borrowed("");
    };
    let kept: String = text.chars().take(room).collect();
    Cow::Owned(format!("{}…", kept.trim_end()))
}

/// Whether a character is a bidirectional control (UAX #9 §2) or a byte order mark. They show text in another order than
/// it has: `exe.fdp` of `pdf.exe`.
#[must_use]
pub const fn reorders(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

/// An instant for readers whose zone is unknown: `21 Nov 2026, 07:43 UTC`.
#[must_use]
pub fn time_text(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y, %H:%M UTC").to_string()
}

/// `1 rule`, `20 rules`.
#[must_use]
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, [one, many]: [&str; 2]) -> String {
    let noun = if count == N::from(1) { one } else { many };
    format!("{count} {noun}")
}

/// `once`, `20 times`.
#[must_use]
pub fn times<N: Copy + Display + PartialEq + From<u8>>(count: N) -> String {
    if count == N::from(1) {
        return "once".to_owned();
    }
    format!("{count} times")
}

/// `once`, `at most 20 times`.
#[must_use]
pub fn at_most<N: Copy + Display + PartialEq + From<u8>>(count: N) -> String {
    if count == N::from(1) {
        return "once".to_owned();
    }
    format!("at most {count} times")
}

/// A span as people say it: `90 s`, `45 min`, `4 h`, `1 h 30 min`, `2 days`.
#[must_use]
pub fn span_words(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    if seconds < 120 && !seconds.is_multiple_of(60) {
        return format!("{seconds} s");
    }
    let counted = [
        (days, if days == 1 { "day" } else { "days" }),
        (hours, "h"),
        (minutes, "min"),
        (seconds % 60, "s"),
    ];
    let words: Vec<_> = counted
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_at_most_so_many_characters() {
        for (count, expected) in [(9, "Grüße"), (5, "Grüße"), (4, "Grü…"), (1, "…"), (0, "")] {
            assert_eq!(cut("Grüße", count), expected);
        }
        assert_eq!(cut("ab cdef", 4), "ab…");
    }

    #[test]
    fn what_is_counted_is_one_or_several() {
        let rules = |count: u32| counted(count, ["rule", "rules"]);
        assert_eq!([rules(0), rules(1), rules(2)], ["0 rules", "1 rule", "2 rules"]);
        assert_eq!([times(1_i64), times(2)], ["once", "2 times"]);
        assert_eq!([at_most(1_u32), at_most(2)], ["once", "at most 2 times"]);
    }

    #[test]
    fn a_time_has_its_day() {
        let at = "2026-11-01T07:03:59Z".parse().unwrap();
        assert_eq!(time_text(at), "1 Nov 2026, 07:03 UTC");
    }

    #[test]
    fn a_span_is_said_as_people_say_it() {
        for (seconds, words) in [
            (90, "90 s"),
            (150, "2 min 30 s"),
            (300, "5 min"),
            (4 * 3_600, "4 h"),
            (5_400, "1 h 30 min"),
            (86_400, "1 day"),
            (2 * 86_400 + 60, "2 days 1 min"),
        ] {
            assert_eq!(span_words(Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn a_line_has_no_breaks_controls_or_reordering_marks() {
        assert_eq!(line(" a\r\nBcc: x\t\u{0}b\u{202e}c\u{61c} "), "a Bcc: x bc");
        assert_eq!(line("a \u{2067}\u{202e} \u{61c}"), "a");
    }
}
