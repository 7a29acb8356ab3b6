//! Which build of Watchbell this is.

use std::sync::LazyLock;

/// The release.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, if whoever built it has said so by `WATCHBELL_REVISION`.
pub const REVISION: Option<&str> = match option_env!("WATCHBELL_REVISION") {
    Some(revision) if !revision.is_empty() => Some(revision),
    _ => None,
};

/// Release and commit: `0.1.0 (4bf92f3)`.
#[must_use]
pub fn described() -> &'static str {
    static DESCRIBED: LazyLock<String> = LazyLock::new(|| match REVISION {
        Some(revision) => format!("{VERSION} ({revision})"),
        None => VERSION.to_owned(),
    });
    &DESCRIBED
}
