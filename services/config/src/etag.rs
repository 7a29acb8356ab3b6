//! Etags: a row's version as an opaque text. An empty one in a request means "whatever it is now".

use watchbell_runtime::problem::Problem;

/// The etag of a version.
pub(crate) fn from_version(version: i64) -> String {
    format!("v{version}")
}

/// That the caller has read the present version, or does not care.
///
/// # Errors
/// [`Problem::StaleEtag`].
pub(crate) fn check(
    given: &str,
    version: i64,
    resource: &'static str,
    name: impl std::fmt::Display,
) -> Result<(), Problem> {
    if given.is_empty() || given == from_version(version) {
        return Ok(());
    }
    Err(Problem::StaleEtag {
        resource,
        name: name.to_string(),
    })
}
