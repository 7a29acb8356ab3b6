//! `matches`, whose regular expressions are compiled once and kept for the evaluations to come: compiling one takes as long
//! as matching a text of a hundred kilobytes. What is kept is bounded, by the ranges of characters that it has. A team has a
//! fixed share, in which its longest idle patterns make room for new ones; when all shares together are too much, the
//! longest idle pattern of the longest idle team goes. So a team that names many patterns takes no more than its share, and
//! one that comes late has its own.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::common::types::{CelBool, CelString};
use cel::{Env, ExecutionError, add_member_overload, add_overload};
use parking_lot::Mutex;
use regex::{Regex, RegexBuilder};

use crate::ids::TeamId;
use crate::pattern_cost::PatternCost;

/// Memory that matching with one pattern may take for what it has learnt, in bytes; beyond it, it goes on without.
const LEARNT: usize = 64 * 1024;
/// The most ranges of characters of what is kept for all teams, of some hundred bytes each.
const RANGES: u64 = 100_000;
/// The most of one team's. Any pattern that an expression may have fits.
const TEAM_RANGES: u64 = RANGES / 16;
/// What a pattern counts besides its ranges: what has been learnt of it.
const PATTERN: u64 = 200;

static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

thread_local! {
    /// The team whose expression is evaluated on this thread.
    static TEAM: Cell<Option<TeamId>> = const { Cell::new(None) };
}

/// Compiled patterns by team.
#[derive(Default)]
struct Kept {
    teams: HashMap<TeamId, OfTeam>,
    /// Of all teams.
    ranges: u64,
    /// Counts uses, and so orders them.
    uses: u64,
}

#[derive(Default)]
struct OfTeam {
    patterns: HashMap<String, Pattern>,
    ranges: u64,
    last_use: u64,
}

struct Pattern {
    regex: Arc<Regex>,
    ranges: u64,
    last_use: u64,
}

/// Adds `matches` to an environment that does not have it.
pub(super) fn add_matches(env: &mut Env) {
    let added = [
        add_overload!(env, fn matches: (CelString, CelString) -> Result<CelBool>, id = "matches"),
        add_member_overload!(env, fn matches: (CelString, CelString) -> Result<CelBool>),
    ];
    debug_assert!(added.iter().all(Result::is_ok), "{added:?}");
}

/// Evaluates on behalf of a team, whose patterns are then at hand.
pub(super) fn on_behalf_of<T>(team: TeamId, evaluate: impl FnOnce() -> T) -> T {
    struct Restored(Option<TeamId>);
    impl Drop for Restored {
        fn drop(&mut self) {
            TEAM.set(self.0);
        }
    }
    let _restored = Restored(TEAM.replace(Some(team)));
    evaluate()
}

fn matches(text: &CelString<'_>, pattern: &CelString<'_>) -> Result<CelBool, ExecutionError> {
    let regex = regex(TEAM.get(), pattern.inner());
    let regex = regex.map_err(|error| ExecutionError::function_error("matches", error))?;
    Ok(CelBool::from(regex.is_match(text.inner())))
}

/// The pattern that is kept for a team, or else compiled and kept. Neither is done under the lock.
fn regex(team: Option<TeamId>, pattern: &str) -> Result<Arc<Regex>, regex::Error> {
    let Some(team) = team else {
        return compiled(pattern).map(Arc::new);
    };
    if let Some(regex) = KEPT.lock().get(team, pattern) {
        return Ok(regex);
    }
    let regex = Arc::new(compiled(pattern)?);
    let ranges = PatternCost::of(pattern).compiled.saturating_add(PATTERN);
    KEPT.lock().put(team, pattern, Arc::clone(&regex), ranges);
    Ok(regex)
}

/// The regular expression of a pattern.
pub(super) fn compiled(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).dfa_size_limit(LEARNT).build()
}

// === impl Kept ===

impl Kept {
    fn get(&mut self, team: TeamId, pattern: &str) -> Option<Arc<Regex>> {
        let of_team = self.teams.get_mut(&team)?;
        let found = of_team.patterns.get_mut(pattern)?;
        self.uses += 1;
        (of_team.last_use, found.last_use) = (self.uses, self.uses);
        Some(Arc::clone(&found.regex))
    }

    fn put(&mut self, team: TeamId, pattern: &str, regex: Arc<Regex>, ranges: u64) {
        if ranges > TEAM_RANGES {
            return;
        }
        // Another thread may have compiled it as well.
        self.remove(team, pattern);
        while self.ranges_of(team) + ranges > TEAM_RANGES {
            self.evict(team);
        }
        while self.ranges + ranges > RANGES {
            let idle = self.teams.iter().min_by_key(|(_, of_team)| of_team.last_use);
            let Some(idle) = idle.map(|(team, _)| *team) else {
                break;
            };
            self.evict(idle);
        }
        self.uses += 1;
        self.ranges += ranges;
        let of_team = self.teams.entry(team).or_default();
        of_team.ranges += ranges;
        of_team.last_use = self.uses;
        let pattern_of_team = Pattern {
            regex,
            ranges,
            last_use: self.uses,
        };
        of_team.patterns.insert(pattern.to_owned(), pattern_of_team);
    }

    fn ranges_of(&self, team: TeamId) -> u64 {
        self.teams.get(&team).map_or(0, |of_team| of_team.ranges)
    }

    /// Removes a team's longest idle pattern.
    fn evict(&mut self, team: TeamId) {
        let patterns = self
            .teams
            .get(&team)
            .into_iter()
            .flat_map(|of_team| &of_team.patterns);
        let idle = patterns.min_by_key(|(_, pattern)| pattern.last_use);
        if let Some(idle) = idle.map(|(text, _)| text.clone()) {
            self.remove(team, &idle);
        }
    }

    fn remove(&mut self, team: TeamId, pattern: &str) {
        let Some(of_team) = self.teams.get_mut(&team) else {
            return;
        };
        if let Some(removed) = of_team.patterns.remove(pattern) {
            of_team.ranges -= removed.ranges;
            self.ranges -= removed.ranges;
        }
        if of_team.patterns.is_empty() {
            self.teams.remove(&team);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn team() -> TeamId {
        TeamId::generate(DateTime::UNIX_EPOCH)
    }

    fn put(kept: &mut Kept, team: TeamId, pattern: &str, ranges: u64) {
        kept.put(team, pattern, Arc::new(Regex::new(pattern).unwrap()), ranges);
        assert!(kept.ranges <= RANGES && kept.ranges_of(team) <= TEAM_RANGES);
        let sum: u64 = kept.teams.values().map(|of_team| of_team.ranges).sum();
        assert_eq!(sum, kept.ranges);
    }

    #[test]
    fn a_team_with_many_patterns_makes_only_its_own_go() {
        let mut kept = Kept::default();
        let (one, other) = (team(), team());
        put(&mut kept, one, "idle", PATTERN);
        for number in 0..2_000 {
            put(&mut kept, other, &format!("p{number}"), PATTERN);
            assert!(kept.get(other, "p0").is_some(), "in use, after {number}");
        }
        assert!(kept.get(one, "idle").is_some());
        assert!(kept.get(other, "p1").is_none(), "the longest idle");
        assert!(kept.get(other, "p1999").is_some());
    }

    #[test]
    fn a_team_that_comes_late_has_its_share_like_all_others() {
        let mut kept = Kept::default();
        let early: Vec<_> = (0..40).map(|_| team()).collect();
        for team in &early {
            put(&mut kept, *team, "large", TEAM_RANGES);
        }
        let late = team();
        for number in 0..30 {
            put(&mut kept, late, &format!("p{number}"), PATTERN);
        }
        assert!((0..30).all(|number| kept.get(late, &format!("p{number}")).is_some()));
        assert!(
            kept.get(early[39], "large").is_some(),
            "in use later than the others"
        );
        assert!(kept.get(early[0], "large").is_none(), "the longest idle");
    }

    #[test]
    fn what_is_larger_than_a_share_is_not_kept() {
        let mut kept = Kept::default();
        let team = team();
        put(&mut kept, team, "large", TEAM_RANGES + 1);
        assert!(kept.teams.is_empty());
    }

    #[test]
    fn a_pattern_is_compiled_once_for_a_team() {
        let team = team();
        let text = CelString::from("compiled");
        let pattern = CelString::from("compiled once|[a-z]+");
        on_behalf_of(team, || matches(&text, &pattern).unwrap());
        let first = KEPT.lock().get(team, pattern.inner()).unwrap();
        on_behalf_of(team, || matches(&text, &pattern).unwrap());
        let second = KEPT.lock().get(team, pattern.inner()).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert!(TEAM.get().is_none());
        assert!(compiled("(").is_err());
    }
}
