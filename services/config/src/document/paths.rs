//! Paths of violations: from the fields of a message to the keys of a document.

use watchbell_model::violation::Violations;

/// A path with its beginning renamed; a beginning ends where a name ends.
pub(super) fn renamed(path: &str, names: &[(&str, &str)]) -> String {
    for (from, to) in names {
        if let Some(rest) = path.strip_prefix(from)
            && (from.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
        {
            return match (to.is_empty(), rest.strip_prefix('.')) {
                (true, Some(rest)) => rest.to_owned(),
                _ => format!("{to}{rest}"),
            };
        }
    }
    path.to_owned()
}

/// Violations of a message, at the paths of the document.
pub(super) fn in_document(violations: Violations, names: &[(&str, &str)], path: &str) -> Violations {
    let renamed: Violations = violations
        .into_iter()
        .map(|mut violation| {
            violation.field = renamed(&violation.field, names);
            violation
        })
        .collect();
    renamed.under(path)
}
