//! Answers of HTTP endpoints: a status, `---`, a `Retry-After`, `---`, a body.

use std::time::Duration;

use watchbell_dispatcher::fuzzing::{Classification, classifications};

use crate::input::three_parts;

/// Nobody may stop a lane for longer by one answer.
const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// What is kept of a body, in bytes; one that is not UTF-8 may become three times as long.
const MAX_KEPT: usize = 3 * 4096;
/// Is in the channel's URL, and must not be kept.
const SECRET: &str = "T0001/B0002/correcthorsebattery";

pub(super) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (status, retry_after, body) = three_parts(&text);
    let Ok(status) = status.trim().parse::<u16>() else {
        return;
    };
    if !(100..=999).contains(&status) {
        return;
    }
    let url = format!("https://hooks.example.com/{SECRET}");
    for outcome in classifications(status, retry_after, body.as_bytes(), &url) {
        let Classification {
            kind,
            got_through,
            retries_after,
            kept,
            error_code,
            error,
            ..
        } = &outcome;
        assert!(!kept.contains(SECRET) && !error.contains(SECRET), "{outcome:?}");
        assert!(kept.len() <= MAX_KEPT && !kept.contains('\0'), "{outcome:?}");
        assert!(retries_after.is_none_or(|wait| wait <= MAX_WAIT), "{outcome:?}");
        assert!(!got_through || (200..300).contains(&status), "{outcome:?}");
        assert_eq!(*got_through, error.is_empty(), "{outcome:?}");
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte);
        assert!(
            *got_through == error_code.is_empty() && error_code.bytes().all(is_word),
            "{outcome:?}"
        );
        if *kind == "webhook" {
            assert_eq!(*got_through, (200..300).contains(&status), "{outcome:?}");
            assert_eq!(outcome.permanent, matches!(status, 401 | 410), "{outcome:?}");
        }
    }
}
