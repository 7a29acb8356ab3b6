//! How often and how long a connection may be used again.
//!
//! A server that closes an idle connection just as the next request is sent costs that request. So connections are
//! given up earlier than servers do it, by what the server says in `Keep-Alive` or by what common servers do. A
//! connection has an age as well: a name may have moved to another address since it was dialled.

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use tokio::time::Instant;

/// Node.js and Apache close a connection that was idle for 5 s; most others wait longer.
const IDLE: Duration = Duration::from_secs(4);
/// So much earlier than the server says: its answer has been on the way, and the next request will be.
const MARGIN: Duration = Duration::from_secs(1);
/// From the dialling to the last request.
const AGE: Duration = Duration::from_secs(90);

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Until when, and for how many requests, one connection may be used again.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeepAlive {
    retires: Instant,
    idle_until: Instant,
    answers: u32,
    spent: bool,
}

impl KeepAlive {
    /// Of a connection that was opened at `now`.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            retires: now + AGE,
            idle_until: now + IDLE,
            answers: 0,
            spent: false,
        }
    }

    /// Notes an answer, whose `Keep-Alive` header says how long the server keeps the connection (`timeout`, in seconds)
    /// and how many requests it takes (`max`). Some servers count `max` down and some do not, so that the smaller
    /// reading holds.
    pub(super) fn answered(&mut self, headers: &HeaderMap, now: Instant) {
        self.answers = self.answers.saturating_add(1);
        let timeout = parameter(headers, "timeout").map(|seconds| Duration::from_secs(seconds.into()));
        let idle = timeout.map_or(IDLE, |timeout| timeout.saturating_sub(MARGIN).min(AGE));
        self.idle_until = now + idle;
        self.spent = parameter(headers, "max").is_some_and(|max| max <= 1 || max <= self.answers);
    }

    /// Notes the use of a connection whose server says nothing about keeping it (HTTP/2 has no `Keep-Alive`).
    pub(super) fn used(&mut self, now: Instant) {
        self.idle_until = now + IDLE;
    }

    /// Whether another request may be sent at `now`.
    pub(super) fn holds(&self, now: Instant) -> bool {
        !self.spent && now < self.idle_until && now < self.retires
    }
}

fn parameter(headers: &HeaderMap, name: &str) -> Option<u32> {
    let values = headers.get_all(KEEP_ALIVE).iter();
    let mut parameters = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|parameter| parameter.split_once('='));
    let (_, value) = parameters.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
    value.trim().trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For how many seconds a connection is kept whose server said `said` with each of so many answers.
    fn kept(said: &str, answers: u32) -> u64 {
        let begin = tokio::time::sleep(Duration::ZERO).deadline();
        let mut headers = HeaderMap::new();
        headers.insert(KEEP_ALIVE, said.parse().unwrap());
        let mut keep_alive = KeepAlive::new(begin);
        for _ in 0..answers {
            keep_alive.answered(&headers, begin);
        }
        (0..1000)
            .find(|second| !keep_alive.holds(begin + Duration::from_secs(*second)))
            .unwrap()
    }

    #[tokio::test]
    async fn a_connection_is_given_up_before_its_server_does_it() {
        for (said, seconds) in [
            ("", 4),
            ("timeout=5", 4),
            ("timeout=5, max=100", 4),
            ("Timeout = 30", 29),
            ("timeout=\"15\"", 14),
            ("timeout=3600", 90),
            ("timeout=1", 0),
            ("timeout=0", 0),
            ("timeout=soon", 4),
            ("max=1", 0),
            ("max=0", 0),
            ("max=2", 4),
        ] {
            assert_eq!(kept(said, 1), seconds, "{said}");
        }
    }

    #[tokio::test]
    async fn a_server_that_repeats_its_maximum_is_not_asked_more_often() {
        assert_eq!(kept("max=3", 2), 4);
        assert_eq!(kept("max=3", 3), 0);
    }
}
