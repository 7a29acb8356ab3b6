//! A team's document. What is read is printed in one way: printed again, it is the same.

use watchbell_config::fuzzing::reprint;

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    match reprint(text) {
        Ok(printed) => {
            let again = reprint(&printed);
            assert_eq!(again.as_ref(), Ok(&printed), "from {text}");
        }
        Err(violations) => {
            assert!(
                (1..=100).contains(&violations.len()),
                "{} violations",
                violations.len()
            );
            for violation in violations.iter() {
                assert!(
                    !violation.field.is_empty() && !violation.description.is_empty(),
                    "{violation:?}"
                );
            }
        }
    }
}
