//! The closest of known names to one that is not known, for "did you mean".

/// More slips than this make another name.
const MAX_SLIPS: usize = 3;

/// The known name that was most likely meant; none when all are too different: one slip in four letters is allowed. It compares
/// every pair of letters, so it is for the few names of people, not for lists that others make long.
pub fn closest<'n>(given: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let given = given.to_lowercase();
    let allowed = (given.chars().count() / 4).clamp(1, MAX_SLIPS);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&given, &name.to_lowercase()), name))
        .filter(|(slips, _)| *slips <= allowed)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood_and_another_word_is_not() {
        let known = [
            "finding.created",
            "finding.resolved",
            "scan.failed",
            "#incidents",
            "rob@acme.example",
        ];
        for (given, meant) in [
            ("finding.creatd", Some("finding.created")),
            ("Finding.Ceated", Some("finding.created")),
            ("scan.fialed", Some("scan.failed")),
            ("incidents", Some("#incidents")),
            ("bob@acme.example", Some("rob@acme.example")),
            ("nobody@acme.example", None),
            ("backup.done", None),
            ("", None),
        ] {
            assert_eq!(closest(given, known), meant, "{given}");
        }
    }
}
