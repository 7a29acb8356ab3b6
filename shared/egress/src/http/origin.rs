//! What a connection leads to.

use std::sync::Arc;

use crate::guard::GuardedUrl;

/// Scheme, host and port: requests to the same may share connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) tls: bool,
    /// Host and port as a URL has them, which leaves the scheme's own port out.
    pub(super) authority: Arc<str>,
}

impl Origin {
    pub(super) fn of(url: &GuardedUrl) -> Self {
        Self {
            tls: url.is_tls(),
            authority: url.authority().into(),
        }
    }
}
