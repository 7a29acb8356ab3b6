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
            |(index, (event_type, seconds, audit, submitter, acknowledger, consumed, remaining, test))| {
                let mut data = Map::new();
                if let Some(audit) = audit {
                    data.insert("audit_id".into(), json!(format!("a{audit}")));
                }
                for (field, who) in [("submitter", submitter), ("acknowledger", acknowledger)] {
                    if let Some(who) = who {
                        data.insert(field.into(), json!(format!("person {who}")));
                    }
                }
                for (field, credits) in [("credits_consumed", consumed), ("credits_remaining", remaining)] {
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
