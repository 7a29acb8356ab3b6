//! Asks before what deletes or sends many. Where nobody can be asked, `--yes` must say it.

use std::io::{BufRead, IsTerminal as _, Write};

use clap::Args;
use watchbell_model::text;

use crate::failure::{Failure, Outcome};

/// Whether it is confirmed already.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Confirmation {
    /// Do it without asking; needed where there is no terminal
    #[arg(short, long)]
    pub(crate) yes: bool,
}

// === impl Confirmation ===

impl Confirmation {
    /// Goes on when it is confirmed. `what` says what would be done, and to how many.
    pub(crate) fn confirm(self, what: &str) -> Outcome {
        if self.yes {
            return Ok(());
        }
        let (stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
        if !stdin.is_terminal() || !stderr.is_terminal() {
            return Err(Failure::usage(format!("{what}: --yes confirms it")));
        }
        ask(what, stdin.lock(), &mut stderr)
    }
}

fn ask(what: &str, mut answer: impl BufRead, question: &mut impl Write) -> Outcome {
    write!(question, "{what}. Go ahead? [y/N] ")?;
    question.flush()?;
    let mut line = String::new();
    answer.read_line(&mut line)?;
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::message("nothing was done")),
    }
}

/// `1 rule`, `20 rules`; at the limit there may be more.
pub(crate) fn counted(count: usize, names: [&str; 2], limit: usize) -> String {
    let counted = text::counted(count, names);
    match count > 1 && count >= limit {
        true => format!("{counted} or more"),
        false => counted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_goes_ahead() {
        for (answer, goes_ahead) in [
            ("y\n", true),
            ("YES\n", true),
            ("\n", false),
            ("n\n", false),
            ("", false),
        ] {
            let mut question = Vec::new();
            let outcome = ask("This deletes 3 rules", answer.as_bytes(), &mut question);
            assert_eq!(outcome.is_ok(), goes_ahead, "{answer:?}");
            assert_eq!(question, b"This deletes 3 rules. Go ahead? [y/N] ");
        }
        assert!(
            Confirmation { yes: true }
                .confirm("This deletes everything")
                .is_ok()
        );
    }

    #[test]
    fn counts_are_words() {
        let rules = |count| counted(count, ["rule", "rules"], 10);
        assert_eq!((rules(0), rules(1)), ("0 rules".to_owned(), "1 rule".to_owned()));
        assert_eq!(
            (rules(9), rules(10)),
            ("9 rules".to_owned(), "10 rules or more".to_owned())
        );
    }
}
