//! Colours, or none.

use console::Style as Ansi;
use watchbell_model::Severity;

/// How to set words apart. Off, it returns them unchanged.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    on: bool,
}

impl Style {
    /// Colours when `on`.
    pub(crate) const fn new(on: bool) -> Self {
        Self { on }
    }

    fn paint(self, style: Ansi, text: &str) -> String {
        if self.on {
            style.force_styling(true).apply_to(text).to_string()
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint(Ansi::new().bold(), text)
    }

    /// For what may be skipped.
    pub(crate) fn faint(self, text: &str) -> String {
        self.paint(Ansi::new().dim(), text)
    }

    /// For names of things.
    pub(crate) fn name(self, text: &str) -> String {
        self.paint(Ansi::new().cyan(), text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.paint(Ansi::new().green(), text)
    }

    pub(crate) fn warn(self, text: &str) -> String {
        self.paint(Ansi::new().yellow(), text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.paint(Ansi::new().red(), text)
    }

    /// A severity in its colour.
    pub(crate) fn severity(self, severity: Severity) -> String {
        let word = severity.as_str();
        match severity {
            Severity::Critical => self.paint(Ansi::new().red().bold(), word),
            Severity::High => self.bad(word),
            Severity::Medium => self.warn(word),
            Severity::Low => self.paint(Ansi::new().blue(), word),
            Severity::Info => self.faint(word),
        }
    }

    /// The state of a delivery, a channel or an attempt, in the colour of how good that is.
    pub(crate) fn state(self, word: &str) -> String {
        match word {
            "DELIVERED" | "ACCEPTED" | "HEALTHY" | "SUBMITTED" => self.good(word),
            "FAILED" | "UNHEALTHY" | "PERMANENT" => self.bad(word),
            "PENDING" | "HELD" | "PARKED" | "RETRYABLE" => self.warn(word),
            _ => self.faint(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_words_stay_as_they_are() {
        let style = Style::new(false);
        assert_eq!(
            style.bad("x") + &style.state("FAILED") + &style.severity(Severity::High),
            "xFAILEDHIGH"
        );
        assert!(Style::new(true).bad("x").contains('\u{1b}'));
    }
}
