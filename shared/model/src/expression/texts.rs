//! `truncate(text, count)`, for receivers that refuse longer texts.

use cel::common::types::{CelInt, CelString};
use cel::{Env, ExecutionError, add_overload};

use crate::text::cut;

/// Adds `truncate` to an environment.
pub(super) fn add_truncate(env: &mut Env) {
    let added = add_overload!(env, fn truncate: (CelString, CelInt) -> Result<CelString>);
    debug_assert!(added.is_ok(), "{added:?}");
}

/// The text with at most so many characters; one that is cut ends with an ellipsis.
fn truncate(text: &CelString<'_>, count: &CelInt) -> Result<CelString<'static>, ExecutionError> {
    let count = usize::try_from(*count.inner())
        .map_err(|_| ExecutionError::function_error("truncate", "a length is not negative"))?;
    Ok(CelString::from(cut(text.inner(), count).into_owned()))
}
