//! What a regular expression costs. Matching takes time proportional to its positions, repetitions written out, times the
//! length of the text; compiled, it takes memory by its characters' ranges.

use regex_syntax::hir::{Class, Hir, HirKind};

/// What one regular expression costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PatternCost {
    /// Places at which a character is compared.
    pub(crate) positions: u64,
    /// Ranges of characters, of all positions together; some hundred bytes each.
    pub(crate) compiled: u64,
}

// === impl PatternCost ===

impl PatternCost {
    /// The cost of a pattern in the syntax of the crate `regex`. One that does not parse does not compile either, and
    /// costs nothing.
    pub(crate) fn of(pattern: &str) -> Self {
        regex_syntax::parse(pattern).map_or(Self::default(), |parsed| cost(&parsed))
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            positions: self.positions.saturating_add(other.positions),
            compiled: self.compiled.saturating_add(other.compiled),
        }
    }
}

/// Recursion is bounded by the parser's limit on nesting.
fn cost(pattern: &Hir) -> PatternCost {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => PatternCost::default(),
        HirKind::Literal(literal) => {
            let bytes = literal.0.len() as u64;
            PatternCost {
                positions: bytes,
                compiled: bytes,
            }
        }
        HirKind::Class(class) => PatternCost {
            positions: 1,
            compiled: match class {
                Class::Unicode(class) => class.ranges().len() as u64,
                Class::Bytes(class) => class.ranges().len() as u64,
            },
        },
        HirKind::Capture(capture) => cost(&capture.sub),
        HirKind::Repetition(repetition) => {
            let once = cost(&repetition.sub);
            let times = u64::from(repetition.max.unwrap_or(repetition.min).max(1));
            PatternCost {
                positions: once.positions.saturating_mul(times),
                compiled: once.compiled.saturating_mul(times),
            }
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts
            .iter()
            .map(cost)
            .fold(PatternCost::default(), PatternCost::plus),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_written_out() {
        let of = |pattern| {
            let cost = PatternCost::of(pattern);
            (cost.positions, cost.compiled)
        };
        assert_eq!(of("^abc$"), (3, 3));
        assert_eq!(of("[ab]*a[ab]{9000}c"), (9_003, 9_003));
        assert_eq!(of("(x|[0-9a-f]){2,5}"), (10, 15));
        assert_eq!(of("((((a{99}){99}){99}){99}){99}").0, 99_u64.pow(5));
        assert_eq!(of("("), (0, 0));
    }
}
