//! Who opens pages, and what they say.

use std::time::Duration;

use parking_lot::Mutex;

use http::{HeaderMap, HeaderValue, header};
use watchbell_egress::{Answer, EgressPolicy, Guard, HttpClient};

/// A browser that follows a link when it is told to, and keeps cookies.
pub(crate) struct Browser(HttpClient, Guard, Mutex<Vec<String>>);

impl Browser {
    pub(crate) fn new() -> Self {
        let guard = Guard::new(EgressPolicy::allowing_loopback());
        Self(HttpClient::new(guard.clone()), guard, Mutex::default())
    }

    pub(crate) async fn open(&self, url: &str) -> Answer {
        let url = self.1.check_url(url).expect("a URL");
        let cookies = self.2.lock().join("; ");
        let mut headers = HeaderMap::new();
        if !cookies.is_empty() {
            headers.insert(header::COOKIE, HeaderValue::try_from(cookies).expect("a header"));
        }
        let opened = self.0.get(&url, headers, Duration::from_secs(10), 64 * 1024);
        let answer = opened.await.expect("an answer");
        for set in answer.headers.get_all(header::SET_COOKIE) {
            let pair = set
                .to_str()
                .expect("a text")
                .split(';')
                .next()
                .unwrap_or_default();
            self.2.lock().push(pair.to_owned());
        }
        answer
    }
}

/// What a page says.
pub(crate) fn text(page: &Answer) -> String {
    String::from_utf8_lossy(&page.body_prefix).into_owned()
}
