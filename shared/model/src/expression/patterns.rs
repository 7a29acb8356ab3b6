//! `matches`, whose regular expressions are compiled once and kept for the evaluations to come: compiling one takes as long
//! as matching a text of a hundred kilobytes. What is kept is bounded, by the ranges of characters that it has.

use std::collections::HashMap;
use std::sync::LazyLock;

use cel::common::types::{CelBool, CelString};
use cel::{Env, ExecutionError, add_member_overload, add_overload};
use parking_lot::Mutex;
use regex::{Regex, RegexBuilder};

use crate::pattern_cost::PatternCost;

/// Memory that matching with one pattern may take for what it has learnt, in bytes; beyond it, it goes on without.
const LEARNT: usize = 64 * 1024;
/// The most patterns of a generation.
const PATTERNS: usize = 256;
/// The most ranges of characters of a generation, of some hundred bytes each.
const RANGES: u64 = 50_000;

static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

/// Two generations of compiled patterns: when the young one is full it takes the place of the old one, so that what is in
/// use stays and what is not goes.
#[derive(Default)]
struct Kept {
    young: HashMap<String, Regex>,
    old: HashMap<String, Regex>,
    /// Of the young generation.
    ranges: u64,
}

/// Adds `matches` to an environment that does not have it.
pub(super) fn add_matches(env: &mut Env) {
    let added = [
        add_overload!(env, fn matches: (CelString, CelString) -> Result<CelBool>, id = "matches"),
        add_member_overload!(env, fn matches: (CelString, CelString) -> Result<CelBool>),
    ];
    debug_assert!(added.iter().all(Result::is_ok), "{added:?}");
}

fn matches(text: &CelString<'_>, pattern: &CelString<'_>) -> Result<CelBool, ExecutionError> {
    let regex =
        compiled(pattern.inner()).map_err(|error| ExecutionError::function_error("matches", error))?;
    Ok(CelBool::from(regex.is_match(text.inner())))
}

/// The regular expression of a pattern.
pub(super) fn compiled(pattern: &str) -> Result<Regex, regex::Error> {
    if let Some(regex) = KEPT.lock().get(pattern) {
        return Ok(regex);
    }
    let regex = RegexBuilder::new(pattern).dfa_size_limit(LEARNT).build()?;
    KEPT.lock().put(pattern, regex.clone());
    Ok(regex)
}

// === impl Kept ===

impl Kept {
    fn get(&mut self, pattern: &str) -> Option<Regex> {
        if let Some(regex) = self.young.get(pattern) {
            return Some(regex.clone());
        }
        let (pattern, regex) = self.old.remove_entry(pattern)?;
        self.put(&pattern, regex.clone());
        Some(regex)
    }

    fn put(&mut self, pattern: &str, regex: Regex) {
        let ranges = PatternCost::of(pattern).compiled;
        if self.young.len() >= PATTERNS || self.ranges.saturating_add(ranges) > RANGES {
            self.old = std::mem::take(&mut self.young);
            self.ranges = 0;
        }
        self.ranges = self.ranges.saturating_add(ranges);
        self.young.insert(pattern.to_owned(), regex);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(kept: &Kept) -> usize {
        kept.young.len() + kept.old.len()
    }

    fn put(kept: &mut Kept, pattern: &str) {
        kept.put(pattern, Regex::new(pattern).unwrap());
    }

    #[test]
    fn what_is_in_use_stays_and_what_is_kept_is_bounded() {
        let mut all = Kept::default();
        put(&mut all, "in use");
        for number in 0..10 * PATTERNS {
            put(&mut all, &format!("p{number}"));
            assert!(all.get("in use").is_some(), "after {number}");
        }
        assert!(kept(&all) <= 2 * PATTERNS);
        assert!(all.get("p1").is_none());
    }

    #[test]
    fn large_patterns_leave_room_for_few() {
        let mut all = Kept::default();
        for number in 0..100 {
            put(&mut all, &format!("[ab]{{4900}}{number}"));
        }
        assert!(kept(&all) <= 22, "{}", kept(&all));
    }

    #[test]
    fn a_pattern_is_compiled_once() {
        let pattern = "compiled once, [a-z]+";
        compiled(pattern).unwrap();
        assert!(KEPT.lock().get(pattern).is_some());
        assert!(compiled("(").is_err());
    }
}
