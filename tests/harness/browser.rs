//! Who opens pages, and what they say.

use std::time::Duration;

use http::HeaderMap;
use watchbell_egress::{Answer, EgressPolicy, Guard, HttpClient};

/// A browser that follows a link when it is told to.
pub(crate) struct Browser(HttpClient, Guard);

impl Browser {
    pub(crate) fn new() -> Self {
        let guard = Guard::new(EgressPolicy::allowing_loopback());
        Self(HttpClient::new(guard.clone()), guard)
    }

    pub(crate) async fn open(&self, url: &str) -> Answer {
        let url = self.1.check_url(url).expect("a URL");
        let opened = self
            .0
            .get(&url, HeaderMap::new(), Duration::from_secs(10), 64 * 1024);
        opened.await.expect("an answer")
    }
}

/// What a page says.
pub(crate) fn text(page: &Answer) -> String {
    String::from_utf8_lossy(&page.body_prefix).into_owned()
}
