//! Answers that tell how far they are, and last of all what came of it.

use std::io::IsTerminal as _;

use tonic::Streaming;

use crate::failure::{Outcome, present};

/// One answer.
pub(super) enum Step<R> {
    /// So many events were looked at.
    Progress(i64),
    Result(R),
}

/// Reads to the end. A terminal shows the progress, as so many `what`.
pub(super) async fn result_of<A, R>(
    mut answers: Streaming<A>,
    what: &str,
    step_of: impl Fn(A) -> Option<Step<R>>,
) -> Outcome<R> {
    let shows_progress = std::io::stderr().is_terminal();
    let mut result = None;
    while let Some(answer) = answers.message().await? {
        match step_of(answer) {
            Some(Step::Progress(count)) if shows_progress => eprint!("\r{count} {what}"),
            Some(Step::Result(last)) => result = Some(last),
            Some(Step::Progress(_)) | None => {}
        }
    }
    if shows_progress {
        eprintln!("\r");
    }
    present(result)
}
