//! How often and how long a connection may be used again.
//!
//! A server that closes an idle connection just as the next request is sent costs that request. So connections are
//! closed earlier than servers do it, by what the server says in `Keep-Alive` or by what common servers do.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

/// Idle time-out when the server says nothing: Node.js and Apache close a connection that was idle for 5 s; most others
/// wait longer.
pub(super) const IDLE: Duration = Duration::from_secs(4);
/// Upper bound for what a server asks for.
const MAX_IDLE: Duration = Duration::from_secs(29);
/// So much earlier than the server says: its answer has been on the way, and the next request will be.
const MARGIN: Duration = Duration::from_secs(1);

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// The idle time-out that an answer's `Keep-Alive` header asks for by `timeout`, in seconds; [`IDLE`] when it says nothing. It is
/// zero when the server takes no further request over the connection (`max`).
pub(super) fn idle_timeout(headers: &HeaderMap) -> Duration {
    if !headers.contains_key(KEEP_ALIVE) {
        return IDLE;
    }
    if parameter(headers, "max").is_some_and(|max| max <= 1) {
        return Duration::ZERO;
    }
    let timeout = parameter(headers, "timeout").map(|seconds| Duration::from_secs(seconds.into()));
    timeout.map_or(IDLE, |timeout| timeout.saturating_sub(MARGIN).min(MAX_IDLE))
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

    #[test]
    fn a_connection_is_closed_before_its_server_does_it() {
        for (said, seconds) in [
            ("", 4),
            ("timeout=5", 4),
            ("timeout=5, max=100", 4),
            ("Timeout = 30", 29),
            ("timeout=\"15\"", 14),
            ("timeout=3600", 29),
            ("timeout=1", 0),
            ("timeout=0", 0),
            ("timeout=soon", 4),
            ("max=1", 0),
            ("max=0", 0),
            ("max=2", 4),
        ] {
            let headers = HeaderMap::from_iter([(KEEP_ALIVE, said.parse().unwrap())]);
            assert_eq!(idle_timeout(&headers), Duration::from_secs(seconds), "{said}");
        }
        assert_eq!(idle_timeout(&HeaderMap::new()), IDLE);
    }
}
