//! `truncate(text, count)`, for receivers that refuse longer texts.

use cel::common::types::{CelInt, CelString};
use cel::{Env, ExecutionError, add_overload};

/// Adds `truncate` to an environment.
pub(super) fn add_truncate(env: &mut Env) {
    let added = add_overload!(env, fn truncate: (CelString, CelInt) -> Result<CelString>);
    debug_assert!(added.is_ok(), "{added:?}");
}

/// The text with at most so many characters; one that is cut ends with an ellipsis.
fn truncate(text: &CelString<'_>, count: &CelInt) -> Result<CelString<'static>, ExecutionError> {
    let count = usize::try_from(*count.inner())
        .map_err(|_| ExecutionError::function_error("truncate", "a length is not negative"))?;
    Ok(CelString::from(cut(text.inner(), count)))
}

fn cut(text: &str, count: usize) -> String {
    if text.chars().nth(count).is_none() {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(count.saturating_sub(1)).collect();
    if count > 0 {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_at_most_so_many_characters() {
        for (count, expected) in [(9, "Grüße"), (5, "Grüße"), (4, "Grü…"), (1, "…"), (0, "")] {
            assert_eq!(cut("Grüße", count), expected);
        }
    }
}
