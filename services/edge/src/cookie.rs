//! The cookie that ties "Add to Slack" to the browser that began it: a link that somebody else made and finished half-way
//! must not connect their channel by your click. It holds nothing but a hash of the state, so the Edge keeps none.

use http::{HeaderMap, HeaderValue, header};
use sha2::{Digest as _, Sha256};
use url::Url;

/// As long as a state lives, in seconds.
const LIFE: u32 = 600;

/// How cookies are written for the address at which browsers reach the Edge.
#[derive(Debug, Clone)]
pub(crate) struct Cookies {
    /// With a slash at its end.
    path: String,
    secure: bool,
}

// === impl Cookies ===

impl Cookies {
    pub(crate) fn new(public_url: &Url) -> Self {
        Self {
            path: format!("{}/integrations/slack/", public_url.path().trim_end_matches('/')),
            secure: public_url.scheme() == "https",
        }
    }

    /// `set-cookie` for the browser that begins with this state.
    pub(crate) fn begun(&self, state: &str) -> Option<HeaderValue> {
        self.written(state, LIFE)
    }

    /// `set-cookie` when it has ended.
    pub(crate) fn ended(&self, state: &str) -> Option<HeaderValue> {
        self.written(state, 0)
    }

    fn written(&self, state: &str, seconds: u32) -> Option<HeaderValue> {
        let (name, value) = pair(state);
        let secure = if self.secure { "; Secure" } else { "" };
        let path = &self.path;
        let cookie =
            format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::try_from(cookie).ok()
    }
}

/// Whether the browser that sent these headers began with this state.
pub(crate) fn began(headers: &HeaderMap, state: &str) -> bool {
    let (name, value) = pair(state);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .any(|cookie| cookie == (&name, &value))
}

/// A name of its own for each state, since several tabs may have begun; and a value that only the state's holder knows.
fn pair(state: &str) -> (String, String) {
    let hash: String = Sha256::digest(state)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let (name, value) = hash.split_at(16);
    (format!("slack-install-{name}"), value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(cookie: &HeaderValue) -> HeaderMap {
        let pair = cookie.to_str().unwrap().split(';').next().unwrap();
        let cookies = format!("theme=dark; {pair}");
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::try_from(cookies).unwrap())])
    }

    #[test]
    fn a_browser_is_known_by_the_state_that_it_began_with_and_by_no_other() {
        let cookies = Cookies::new(&"https://bell.example.com/w/".parse().unwrap());
        let begun = cookies.begun("state-1").unwrap();
        assert!(began(&sent(&begun), "state-1"));
        assert!(!began(&sent(&begun), "state-2"));
        assert!(!began(&HeaderMap::new(), "state-1"));
    }

    #[test]
    fn a_cookie_is_short_lived_and_for_these_pages_alone() {
        let attributes = |url: &str| {
            let cookies = Cookies::new(&url.parse().unwrap());
            let cookie = cookies.begun("s").unwrap();
            let (_, attributes) = cookie.to_str().unwrap().split_once("; ").unwrap();
            attributes.to_owned()
        };
        assert_eq!(
            attributes("https://bell.example.com/w/"),
            "Path=/w/integrations/slack/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            attributes("http://localhost:7700"),
            "Path=/integrations/slack/; Max-Age=600; HttpOnly; SameSite=Lax"
        );
    }
}
