//! A set of severities: what a filter asks for, what passes quiet hours, what a person wants to hear of.
//! Where a set is a condition, the empty one means "no condition"; where it is a choice, it means "none".

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::vocabulary::Severity;

/// A set of severities, written as a list from least to most.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Severity>", into = "Vec<Severity>")]
pub struct SeveritySet(u8);

// === impl SeveritySet ===

impl SeveritySet {
    /// No severity.
    pub const EMPTY: Self = Self(0);
    /// `CRITICAL` alone.
    pub const CRITICAL: Self = Self::of(&[Severity::Critical]);
    /// `CRITICAL` and `HIGH`.
    pub const HIGH_AND_ABOVE: Self = Self::of(&[Severity::High, Severity::Critical]);

    /// The set of these.
    #[must_use]
    pub const fn of(severities: &[Severity]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < severities.len() {
            bits |= 1 << severities[index].rank();
            index += 1;
        }
        Self(bits)
    }

    /// The severity and all above it.
    #[must_use]
    pub fn at_least(least: Severity) -> Self {
        Severity::ALL
            .iter()
            .copied()
            .filter(|severity| *severity >= least)
            .collect()
    }

    /// Whether it has the severity.
    #[must_use]
    pub const fn contains(self, severity: Severity) -> bool {
        self.0 & (1 << severity.rank()) != 0
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// From least to most.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Severity> {
        Severity::ALL
            .iter()
            .copied()
            .filter(move |severity| self.contains(*severity))
    }
}

impl FromIterator<Severity> for SeveritySet {
    fn from_iter<I: IntoIterator<Item = Severity>>(severities: I) -> Self {
        Self(
            severities
                .into_iter()
                .fold(0, |bits, severity| bits | (1 << severity.rank())),
        )
    }
}

impl From<Vec<Severity>> for SeveritySet {
    fn from(severities: Vec<Severity>) -> Self {
        severities.into_iter().collect()
    }
}

impl From<SeveritySet> for Vec<Severity> {
    fn from(set: SeveritySet) -> Self {
        set.iter().collect()
    }
}

/// From most to least, as people say it: `CRITICAL, HIGH`.
impl fmt::Display for SeveritySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        let mut separator = "";
        for severity in Severity::ALL
            .iter()
            .rev()
            .filter(|severity| self.contains(**severity))
        {
            write!(f, "{separator}{severity}")?;
            separator = ", ";
        }
        Ok(())
    }
}

impl fmt::Debug for SeveritySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_it_was_made_of() {
        assert_eq!(SeveritySet::at_least(Severity::High), SeveritySet::HIGH_AND_ABOVE);
        assert!(!SeveritySet::HIGH_AND_ABOVE.contains(Severity::Medium));
        assert!(SeveritySet::EMPTY.is_empty() && SeveritySet::at_least(Severity::Info).iter().count() == 5);
        assert_eq!(SeveritySet::HIGH_AND_ABOVE.to_string(), "CRITICAL, HIGH");
    }

    #[test]
    fn it_is_written_as_a_list_of_words() {
        let json = serde_json::to_string(&SeveritySet::HIGH_AND_ABOVE).unwrap();
        assert_eq!(json, r#"["HIGH","CRITICAL"]"#);
        assert_eq!(
            serde_json::from_str::<SeveritySet>(&json).unwrap(),
            SeveritySet::HIGH_AND_ABOVE
        );
        assert_eq!(
            serde_json::from_str::<SeveritySet>(r#"["moderate"]"#).unwrap(),
            SeveritySet::of(&[Severity::Medium])
        );
    }
}
