//! Counts of what a team did in a period and in the one before, made event by event in bounded memory. Pure.
//!
//! Any event that is no test counts, by these fields of its `data`:
//!
//! | figure | from |
//! | --- | --- |
//! | audits delivered | events of type `audit.delivered` |
//! | Atlas alerts | events of type `atlas.alert.fired` |
//! | credits consumed | the sum of `credits_consumed`, a number not below zero, each to a hundredth |
//! | credits remaining | `credits_remaining` of the newest event up to the period's end that has it; before both periods, only the newest events are looked at |
//! | submitters | `submitter`: how many audits each submitted |
//! | late | how many of the events were counted although they happened before the period |
//! | acknowledgers | `acknowledger`: how many audits, alerts and findings each acknowledged |
//!
//! An audit that is queued and later delivered names its submitter twice and counts once: what is counted is the
//! thing (`audit_id`, `alert_id`, `finding_id`, else the event), not its events.
//!
//! Each event counts in one digest: the first that is made after it was accepted and covers when it happened. What came
//! after its own was made counts in the next.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use watchbell_model::text::line;

use crate::schedule::Period;

/// Different names that are counted in each list; further ones count as [`OTHERS`]. At most 320 characters a name make
/// 6 MB a list.
const MAX_NAMES: usize = 10_000;
/// The names beyond [`MAX_NAMES`], as one contributor at the end of the list.
const OTHERS: &str = "others";
/// Different things that are told apart; further ones count with every event. 24 MB at most.
const MAX_THINGS: usize = 1 << 20;
/// Contributors that each list names.
const TOP: usize = 5;
/// Longest name, in characters; the catalog's own bound.
const MAX_NAME_CHARS: usize = 320;
/// Credits are summed in whole hundredths, so that the order of events does not change a sum; mails show no more.
const CENTS: f64 = 100.0;
/// A larger number of credits in an event is a mistake, and counts as this many; the schemas of built-in types refuse it.
const MAX_CREDITS: f64 = 1e15;

/// What a digest needs to know of an event.
#[derive(Debug, Clone, Copy)]
pub struct Fact<'a> {
    /// `audit.delivered`
    pub event_type: &'a str,
    /// Unique in the team.
    pub id: &'a str,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// When the Dispatcher committed it.
    pub accepted_at: DateTime<Utc>,
    /// Its payload.
    pub data: &'a Map<String, Value>,
    /// Made by `SendTest`; never counts.
    pub test: bool,
}

/// What a digest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// What it covers.
    pub period: Period,
    /// When it is made: what is accepted from then on is left to the next.
    pub made_at: DateTime<Utc>,
    /// The digest before, if there was one.
    pub last: Option<Told>,
}

/// A digest that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The end of what it covered.
    pub until: DateTime<Utc>,
    /// When it was made.
    pub made_at: DateTime<Utc>,
}

/// Counts events.
#[derive(Debug)]
pub struct Summary {
    scope: Scope,
    late: u64,
    current: Counts,
    previous: Counts,
    /// The credits that remained before both periods.
    earlier: Option<Remaining>,
    hasher: RandomState,
}

/// What was counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Audits delivered.
    pub audits_delivered: Figure<u64>,
    /// Atlas alerts fired.
    pub atlas_alerts: Figure<u64>,
    /// Credits consumed.
    pub credits_consumed: Figure<f64>,
    /// Credits remaining at the end; `None` when no event said.
    pub credits_remaining: Figure<Option<f64>>,
    /// Submitters of the most audits.
    pub submitters: Vec<Contributor>,
    /// Acknowledgers of the most audits, alerts and findings.
    pub acknowledgers: Vec<Contributor>,
    /// How many events of before the period are counted in it, since they came after their own digest was made.
    pub late: u64,
}

/// A figure and that of the period before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figure<T> {
    /// This period's.
    pub current: T,
    /// That of the period before.
    pub previous: T,
}

/// Somebody and how much they did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contributor {
    /// As the events name them.
    pub name: String,
    /// How often in this period, and in the one before.
    pub count: Figure<u64>,
}

#[derive(Debug, Default)]
struct Counts {
    audits_delivered: u64,
    atlas_alerts: u64,
    cents_consumed: u64,
    remaining: Option<Remaining>,
    submitters: Names,
    acknowledgers: Names,
    things: HashSet<u64>,
}

#[derive(Debug, PartialEq, PartialOrd)]
struct Remaining {
    said_at: DateTime<Utc>,
    /// Of two events of one instant the greater id speaks, whichever comes first.
    event: String,
    credits: f64,
}

/// Counts by name, and that of all names beyond [`MAX_NAMES`].
#[derive(Debug, Default)]
struct Names {
    counts: HashMap<String, u64>,
    others: u64,
}

// === impl Summary ===

impl Summary {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            late: 0,
            current: Counts::default(),
            previous: Counts::default(),
            earlier: None,
            hasher: RandomState::new(),
        }
    }

    /// Counts one event; what belongs to another digest is passed over. The order of events makes no difference.
    pub fn add(&mut self, fact: Fact<'_>) {
        let Scope {
            period,
            made_at,
            last,
        } = self.scope;
        if fact.test || fact.accepted_at >= made_at {
            return;
        }
        let is_late = |last: Told| fact.occurred_at < last.until && fact.accepted_at >= last.made_at;
        if last.is_some_and(is_late) {
            self.current.add(fact, &self.hasher);
            self.late += 1;
        } else if (period.start..period.end).contains(&fact.occurred_at) {
            self.current.add(fact, &self.hasher);
        } else if (period.previous_start..period.start).contains(&fact.occurred_at) {
            self.previous.add(fact, &self.hasher);
        }
    }

    /// Whether an event has said how many credits remain.
    #[must_use]
    pub fn has_remaining(&self) -> bool {
        let remaining = [&self.current.remaining, &self.previous.remaining, &self.earlier];
        remaining.into_iter().any(Option::is_some)
    }

    /// Takes how many credits remained from an event of before both periods.
    pub fn recall(&mut self, fact: Fact<'_>) {
        if !fact.test && fact.accepted_at < self.scope.made_at {
            Remaining::note(&mut self.earlier, fact);
        }
    }

    /// The figures.
    #[must_use]
    pub fn finish(self) -> Figures {
        let (current, previous) = (self.current, self.previous);
        let submitters = top(&current.submitters, &previous.submitters);
        let acknowledgers = top(&current.acknowledgers, &previous.acknowledgers);
        let remaining_before = previous.remaining.or(self.earlier);
        let remaining_before = remaining_before.map(|remaining| remaining.credits);
        Figures {
            audits_delivered: Figure {
                current: current.audits_delivered,
                previous: previous.audits_delivered,
            },
            atlas_alerts: Figure {
                current: current.atlas_alerts,
                previous: previous.atlas_alerts,
            },
            credits_consumed: Figure {
                current: credits(current.cents_consumed),
                previous: credits(previous.cents_consumed),
            },
            credits_remaining: Figure {
                // A week in which nobody said leaves them as they were.
                current: current
                    .remaining
                    .map(|remaining| remaining.credits)
                    .or(remaining_before),
                previous: remaining_before,
            },
            submitters,
            acknowledgers,
            late: self.late,
        }
    }
}

// === impl Figures ===

impl Figures {
    /// Whether nothing at all happened in the period itself.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.audits_delivered.current == 0
            && self.atlas_alerts.current == 0
            && self.credits_consumed.current == 0.0
            && self.submitters.is_empty()
            && self.acknowledgers.is_empty()
    }
}

// === impl Counts ===

impl Counts {
    fn add(&mut self, fact: Fact<'_>, hasher: &RandomState) {
        match fact.event_type {
            "audit.delivered" => self.audits_delivered += 1,
            "atlas.alert.fired" => self.atlas_alerts += 1,
            _ => {}
        }
        if let Some(consumed) = amount(fact.data, "credits_consumed") {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "not negative, and bounded by MAX_CREDITS"
            )]
            let cents = (consumed * CENTS).round() as u64;
            self.cents_consumed = self.cents_consumed.saturating_add(cents);
        }
        Remaining::note(&mut self.remaining, fact);
        for field in ["submitter", "acknowledger"] {
            let Some(name) = name(fact.data, field) else {
                continue;
            };
            if self.is_first(hasher.hash_one((field, name.as_str(), thing(fact)))) {
                let names = if field == "submitter" {
                    &mut self.submitters
                } else {
                    &mut self.acknowledgers
                };
                names.count(&name);
            }
        }
    }

    fn is_first(&mut self, thing: u64) -> bool {
        if self.things.len() >= MAX_THINGS {
            return !self.things.contains(&thing);
        }
        self.things.insert(thing)
    }
}

// === impl Remaining ===

impl Remaining {
    /// Takes what an event says when it is newer.
    fn note(newest: &mut Option<Self>, fact: Fact<'_>) {
        let Some(credits) = amount(fact.data, "credits_remaining") else {
            return;
        };
        let said = Self {
            said_at: fact.occurred_at,
            event: fact.id.to_owned(),
            credits,
        };
        if newest.as_ref().is_none_or(|newest| *newest < said) {
            *newest = Some(said);
        }
    }
}

// === impl Names ===

impl Names {
    fn count(&mut self, name: &str) {
        if let Some(count) = self.counts.get_mut(name) {
            *count += 1;
        } else if self.counts.len() < MAX_NAMES {
            self.counts.insert(name.to_owned(), 1);
        } else {
            self.others += 1;
        }
    }
}

/// The most active, ties by name, and after them the names that were not counted apart.
fn top(current: &Names, previous: &Names) -> Vec<Contributor> {
    let mut all: Vec<_> = current.counts.iter().collect();
    all.sort_unstable_by(|(name, count), (other, others)| others.cmp(count).then(name.cmp(other)));
    all.truncate(TOP);
    let contributor = |name: &str, current, previous| Contributor {
        name: name.to_owned(),
        count: Figure { current, previous },
    };
    let before = |name| previous.counts.get(name).copied().unwrap_or_default();
    let named = all
        .into_iter()
        .map(|(name, count)| contributor(name, *count, before(name)));
    let others = (current.others > 0).then(|| contributor(OTHERS, current.others, previous.others));
    named.chain(others).collect()
}

/// What somebody contributed to: its kind and id.
fn thing<'a>(fact: Fact<'a>) -> (&'static str, &'a str) {
    ["audit_id", "alert_id", "finding_id"]
        .into_iter()
        .find_map(|field| Some((field, fact.data.get(field)?.as_str()?)))
        .unwrap_or(("event", fact.id))
}

fn amount(data: &Map<String, Value>, field: &str) -> Option<f64> {
    let amount = data.get(field)?.as_f64()?;
    (amount >= 0.0).then(|| amount.min(MAX_CREDITS))
}

/// As it is shown, so that nobody is listed twice for marks that cannot be seen.
fn name(data: &Map<String, Value>, field: &str) -> Option<String> {
    let mut name = line(data.get(field)?.as_str()?);
    if let Some((end, _)) = name.char_indices().nth(MAX_NAME_CHARS) {
        name.truncate(end);
    }
    Some(name).filter(|name| !name.is_empty())
}

#[expect(clippy::cast_precision_loss, reason = "people read at most fifteen digits")]
fn credits(cents: u64) -> f64 {
    cents as f64 / CENTS
}

#[cfg(test)]
mod tests;
