//! Counts of what a team did in a period and in the one before, made event by event in bounded memory. Pure.
//!
//! Any event that is no test counts, by these fields of its `data`:
//!
//! | figure | from |
//! | --- | --- |
//! | audits delivered | events of type `audit.delivered` |
//! | Atlas alerts | events of type `atlas.alert.fired` |
//! | credits consumed | the sum of `credits_consumed`, a number not below zero, each to a hundredth |
//! | credits remaining | `credits_remaining` of the newest event up to the period's end that has it |
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
    /// Who submitted the most audits.
    pub submitters: Vec<Contributor>,
    /// Who acknowledged the most.
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

    /// The figures.
    #[must_use]
    pub fn finish(self) -> Figures {
        let (current, previous) = (self.current, self.previous);
        let submitters = top(&current.submitters, &previous.submitters);
        let acknowledgers = top(&current.acknowledgers, &previous.acknowledgers);
        let remaining_before = previous.remaining.map(|remaining| remaining.credits);
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
        if let Some(credits) = amount(fact.data, "credits_remaining") {
            let said = Remaining {
                said_at: fact.occurred_at,
                event: fact.id.to_owned(),
                credits,
            };
            if self.remaining.as_ref().is_none_or(|newest| *newest < said) {
                self.remaining = Some(said);
            }
        }
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
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use chrono::TimeDelta;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn period() -> Period {
        let start = "2026-11-09T08:00:00Z".parse().unwrap();
        Period {
            previous_start: start - TimeDelta::days(7),
            start,
            end: start + TimeDelta::days(7),
        }
    }

    #[derive(Debug, Clone)]
    struct Emitted {
        event_type: &'static str,
        id: String,
        /// Since the period's start.
        seconds: i64,
        data: Value,
        test: bool,
    }

    fn summarise<'a>(events: impl IntoIterator<Item = &'a Emitted>) -> Figures {
        let mut summary = Summary::new(Scope {
            period: period(),
            made_at: period().end,
            last: None,
        });
        for event in events {
            let occurred_at = period().start + TimeDelta::seconds(event.seconds);
            summary.add(Fact {
                event_type: event.event_type,
                id: &event.id,
                occurred_at,
                accepted_at: occurred_at.min(period().end - TimeDelta::seconds(1)),
                data: event.data.as_object().unwrap(),
                test: event.test,
            });
        }
        summary.finish()
    }

    fn event(event_type: &'static str, id: &str, hours: i64, data: Value) -> Emitted {
        Emitted {
            event_type,
            id: id.to_owned(),
            seconds: hours * 3600,
            data,
            test: false,
        }
    }

    #[test]
    fn the_periods_start_counts_and_its_end_does_not() {
        let week = 7 * 24;
        let delivered = |hours| event("audit.delivered", &format!("e{hours}"), hours, json!({}));
        let figures = summarise(&[
            delivered(-week - 1),
            delivered(-week),
            delivered(-1),
            delivered(0),
            delivered(week),
        ]);
        assert_eq!(
            figures.audits_delivered,
            Figure {
                current: 1,
                previous: 2
            }
        );
    }

    #[test]
    fn an_audit_counts_once_for_each_who_took_part_however_often_it_is_told_of() {
        let figures = summarise(&[
            event(
                "audit.queued",
                "1",
                1,
                json!({"audit_id": "a", "submitter": "ann"}),
            ),
            event(
                "audit.delivered",
                "2",
                2,
                json!({"audit_id": "a", "submitter": " ann ", "acknowledger": "lee"}),
            ),
            event(
                "audit.failed",
                "3",
                3,
                json!({"audit_id": "b", "submitter": "ann"}),
            ),
            event(
                "atlas.alert.fired",
                "4",
                4,
                json!({"alert_id": "a", "acknowledger": "lee"}),
            ),
            event("deploy.finished", "5", 5, json!({"submitter": "bot"})),
            event(
                "audit.queued",
                "6",
                -5,
                json!({"audit_id": "c", "submitter": "ann"}),
            ),
        ]);
        let named = |list: &[Contributor]| -> Vec<_> {
            list.iter()
                .map(|who| (who.name.clone(), who.count.current, who.count.previous))
                .collect()
        };
        assert_eq!(
            named(&figures.submitters),
            [("ann".into(), 2, 1), ("bot".into(), 1, 0)]
        );
        assert_eq!(named(&figures.acknowledgers), [("lee".into(), 2, 0)]);
    }

    #[test]
    fn remaining_is_the_newest_word_and_stays_when_nobody_says_more() {
        let said = |id: &str, hours, credits: i64| {
            event("audit.queued", id, hours, json!({"credits_remaining": credits}))
        };
        let figures = summarise(&[
            said("1", 5, 70),
            said("3", 9, 40),
            said("2", 9, 50),
            said("4", -3, 90),
        ]);
        assert_eq!(
            figures.credits_remaining,
            Figure {
                current: Some(40.0),
                previous: Some(90.0)
            }
        );
        let figures = summarise(&[said("4", -3, 90)]);
        assert_eq!(
            figures.credits_remaining,
            Figure {
                current: Some(90.0),
                previous: Some(90.0)
            }
        );
        assert_eq!(
            summarise(&[]).credits_remaining,
            Figure {
                current: None,
                previous: None
            }
        );
    }

    #[test]
    fn what_is_no_amount_is_not_counted_and_sums_are_exact() {
        let consumed = |id: i64, amount: Value| {
            event(
                "scan.completed",
                &id.to_string(),
                1,
                json!({"credits_consumed": amount}),
            )
        };
        let mut events: Vec<_> = (0..1000).map(|id| consumed(id, json!(0.1))).collect();
        events.extend([
            consumed(-1, json!(-5)),
            consumed(-2, json!("7")),
            consumed(-4, json!(null)),
        ]);
        assert_eq!(summarise(&events).credits_consumed.current, 100.0);
    }

    #[test]
    fn an_absurd_number_of_credits_counts_as_the_most_there_can_be() {
        let absurd = |id: usize| {
            let data = json!({"credits_consumed": 1e308, "credits_remaining": 1e16});
            event("deploy.finished", &id.to_string(), 1, data)
        };
        let events: Vec<_> = (0..21).map(absurd).collect();
        let figures = summarise(&events);
        let consumed = figures.credits_consumed.current / MAX_CREDITS;
        assert!((consumed - 21.0).abs() < 1e-9, "{consumed}");
        assert_eq!(figures.credits_remaining.current, Some(MAX_CREDITS));
        assert!(!figures.is_quiet());
    }

    #[test]
    fn a_name_is_counted_and_listed_without_what_cannot_be_seen() {
        let named =
            |id: &str, name: &str| event("audit.queued", id, 1, json!({"audit_id": id, "submitter": name}));
        let figures = summarise(&[
            named("1", "ann\u{202e}gpj.exe"),
            named("2", "ann\ngpj.exe"),
            named("3", " anngpj.exe\u{2066} "),
            named("4", "\u{202e}\u{0}"),
        ]);
        let listed: Vec<_> = figures
            .submitters
            .iter()
            .map(|who| (who.name.as_str(), who.count.current))
            .collect();
        assert_eq!(listed, [("anngpj.exe", 2), ("ann gpj.exe", 1)]);
    }

    proptest! {
        /// However late it comes, an event is counted by the first digest that is made after it was accepted.
        #[test]
        fn an_event_is_in_one_digest_whenever_it_was_accepted(
            occurred in 0..3 * 7 * 24_i64,
            delay in 0..2 * 7 * 24_i64,
            lags in prop::collection::vec(0..100_i64, 8),
        ) {
            let first = period().start;
            let week = |number: i64| first + TimeDelta::weeks(number);
            let made = |number: usize| week(i64::try_from(number).unwrap() + 1) + TimeDelta::hours(lags[number]);
            let occurred_at = first + TimeDelta::hours(occurred);
            let accepted_at = occurred_at + TimeDelta::hours(delay);
            let data = json!({"audit_id": "a"});
            let counted = (0..lags.len()).map(|number| {
                let start = week(i64::try_from(number).unwrap());
                let mut summary = Summary::new(Scope {
                    period: Period {
                        previous_start: start - TimeDelta::weeks(1),
                        start,
                        end: start + TimeDelta::weeks(1),
                    },
                    made_at: made(number),
                    last: number.checked_sub(1).map(|last| Told { until: start, made_at: made(last) }),
                });
                summary.add(Fact {
                    event_type: "audit.delivered",
                    id: "1",
                    occurred_at,
                    accepted_at,
                    data: data.as_object().unwrap(),
                    test: false,
                });
                let figures = summary.finish();
                let late = occurred_at < start && figures.audits_delivered.current == 1;
                assert_eq!(figures.late, u64::from(late));
                figures.audits_delivered.current
            });
            prop_assert_eq!(counted.sum::<u64>(), 1);
        }
    }

    #[test]
    fn names_beyond_the_bound_are_listed_as_others() {
        let mut names = Names::default();
        for round in 0..2 * MAX_NAMES {
            names.count(&format!("somebody {round}"));
            names.count("ann");
        }
        assert_eq!(names.counts.len(), MAX_NAMES);
        let listed = top(&names, &Names::default());
        assert_eq!((listed.len(), listed[0].name.as_str()), (TOP + 1, "ann"));
        let others = &listed[TOP];
        assert_eq!(
            (others.name.as_str(), others.count.current),
            (OTHERS, MAX_NAMES as u64 + 1)
        );
    }

    const TYPES: [&str; 6] = [
        "audit.delivered",
        "audit.queued",
        "atlas.alert.fired",
        "scan.completed",
        "account.credits.granted",
        "x.y",
    ];

    fn events() -> impl Strategy<Value = Vec<Emitted>> {
        let one = (
            0..TYPES.len(),
            -8 * 86_400_i64..8 * 86_400,
            prop::option::of(0_u32..5),
            prop::option::of(0_u32..9),
            prop::option::of(0_u32..9),
            prop::option::of(0_u32..1_000_000),
            prop::option::of(0_u32..1_000_000),
            prop::bool::weighted(0.1),
        );
        prop::collection::vec(one, 0..120).prop_map(|all| {
            let made = all.into_iter().enumerate().map(
                |(
                    index,
                    (event_type, seconds, audit, submitter, acknowledger, consumed, remaining, test),
                )| {
                    let mut data = Map::new();
                    if let Some(audit) = audit {
                        data.insert("audit_id".into(), json!(format!("a{audit}")));
                    }
                    for (field, who) in [("submitter", submitter), ("acknowledger", acknowledger)] {
                        if let Some(who) = who {
                            data.insert(field.into(), json!(format!("person {who}")));
                        }
                    }
                    for (field, credits) in [("credits_consumed", consumed), ("credits_remaining", remaining)]
                    {
                        if let Some(credits) = credits {
                            data.insert(field.into(), json!(f64::from(credits) / 1000.0));
                        }
                    }
                    let id = format!("evt-{index:03}");
                    Emitted {
                        event_type: TYPES[event_type],
                        id,
                        seconds,
                        data: data.into(),
                        test,
                    }
                },
            );
            made.collect()
        })
    }

    /// The same figures, the long way round.
    fn recount(events: &[Emitted]) -> Figures {
        let week = 7 * 86_400;
        let real = || events.iter().filter(|event| !event.test);
        let within = |from: i64, to: i64| -> Vec<&Emitted> {
            real()
                .filter(|event| event.seconds >= from && event.seconds < to)
                .collect()
        };
        let (now, before) = (within(0, week), within(-week, 0));
        let of_type = |events: &[&Emitted], wanted: &str| {
            events.iter().filter(|event| event.event_type == wanted).count() as u64
        };
        let figure = |wanted: &str| Figure {
            current: of_type(&now, wanted),
            previous: of_type(&before, wanted),
        };
        let consumed = |events: &[&Emitted]| {
            let cents: f64 = events
                .iter()
                .filter_map(|event| event.data["credits_consumed"].as_f64())
                .map(|credits| (credits * 100.0).round())
                .sum();
            cents / 100.0
        };
        let remaining = |events: &[&Emitted]| {
            let mut said: Vec<_> = events
                .iter()
                .filter(|event| event.data["credits_remaining"].is_number())
                .collect();
            said.sort_by_key(|event| (event.seconds, event.id.clone()));
            said.last()
                .map(|event| event.data["credits_remaining"].as_f64().unwrap())
        };
        let people = |events: &[&Emitted], field: &str| {
            let mut things: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for event in events {
                if let Some(who) = event.data[field].as_str() {
                    let thing = event.data["audit_id"].as_str().unwrap_or(&event.id).to_owned();
                    things.entry(who.to_owned()).or_default().insert(thing);
                }
            }
            things
                .into_iter()
                .map(|(who, things)| (who, things.len() as u64))
                .collect::<BTreeMap<_, _>>()
        };
        let contributors = |field: &str| {
            let (current, previous) = (people(&now, field), people(&before, field));
            let mut list: Vec<_> = current
                .into_iter()
                .map(|(name, count)| {
                    let previous = previous.get(&name).copied().unwrap_or(0);
                    Contributor {
                        name,
                        count: Figure {
                            current: count,
                            previous,
                        },
                    }
                })
                .collect();
            list.sort_by_key(|who| std::cmp::Reverse(who.count.current));
            list.truncate(5);
            list
        };
        Figures {
            audits_delivered: figure("audit.delivered"),
            atlas_alerts: figure("atlas.alert.fired"),
            credits_consumed: Figure {
                current: consumed(&now),
                previous: consumed(&before),
            },
            credits_remaining: Figure {
                current: remaining(&now).or(remaining(&before)),
                previous: remaining(&before),
            },
            submitters: contributors("submitter"),
            acknowledgers: contributors("acknowledger"),
            late: 0,
        }
    }

    proptest! {
        #[test]
        fn figures_are_those_of_a_straight_recount_in_any_order(events in events()) {
            let figures = summarise(&events);
            prop_assert_eq!(&figures, &recount(&events));
            prop_assert_eq!(&summarise(events.iter().rev()), &figures);
        }
    }
}
