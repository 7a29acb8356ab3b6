//! Alerts against a slow oracle that looks at all events again.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::event::tests::{noon, sample};

/// An event: what it does, when it occurred and how bad it is.
type Step = (AlertAction, i64, Severity);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let action = prop_oneof![
        4 => Just(AlertAction::Trigger),
        1 => Just(AlertAction::Update),
        2 => Just(AlertAction::Resolve),
    ];
    let severity = prop::sample::select(Severity::ALL.to_vec());
    prop::collection::vec((action, 0..8_i64, severity), 0..12)
}

fn event(step: &Step) -> AcceptedEvent {
    let (_, at, severity) = *step;
    AcceptedEvent {
        occurred_at: noon() + TimeDelta::minutes(at),
        severity,
        ..AcceptedEvent::new(sample("finding.created"), None, noon())
    }
}

/// The alert after these events, and what each was.
fn run(steps: &[Step]) -> (Option<Alert>, Vec<News>) {
    let key = "finding_id=1".parse().unwrap();
    let mut alert = None;
    let news = steps
        .iter()
        .map(|step| {
            let (after, news) = Alert::apply(alert.take(), &event(step), &key, step.0);
            alert = after;
            news
        })
        .collect();
    (alert, news)
}

/// The newest event of a kind.
fn newest(steps: &[Step], action: AlertAction) -> Option<i64> {
    steps
        .iter()
        .filter(|step| step.0 == action)
        .map(|step| step.1)
        .max()
}

fn is_open(steps: &[Step]) -> bool {
    newest(steps, AlertAction::Trigger) > newest(steps, AlertAction::Resolve)
}

proptest! {
    #[test]
    fn an_alert_is_open_when_its_newest_trigger_is_newer_than_its_newest_end(steps in steps()) {
        let (alert, _) = run(&steps);
        prop_assert_eq!(alert.is_some_and(|alert| alert.is_open()), is_open(&steps));
    }

    #[test]
    fn the_order_in_which_events_come_does_not_matter(steps in steps(), seed in any::<prop::sample::Index>()) {
        let mut turned = steps.clone();
        if !turned.is_empty() {
            let by = seed.index(turned.len());
            turned.rotate_left(by);
            turned.reverse();
        }
        let open = |steps: &[Step]| run(steps).0.is_some_and(|alert| alert.is_open());
        prop_assert_eq!(open(&steps), open(&turned));
    }

    #[test]
    fn beginnings_and_ends_take_turns_and_nothing_gets_worse_in_silence(steps in steps()) {
        let mut open = false;
        let mut worst = None;
        for (step, news) in steps.iter().zip(run(&steps).1) {
            match news {
                News::Begins => {
                    prop_assert!(!open);
                    (open, worst) = (true, Some(step.2));
                }
                News::Ends => {
                    prop_assert!(open && step.0 == AlertAction::Resolve);
                    open = false;
                }
                News::Changes => {
                    prop_assert!(open);
                    worst = worst.max(Some(step.2));
                }
                News::Repeats => prop_assert!(open && Some(step.2) <= worst),
                News::Handled | News::Unrelated => {}
            }
        }
        prop_assert_eq!(open, is_open(&steps));
    }

    #[test]
    fn its_life_began_with_its_oldest_trigger_when_no_end_came_late(steps in steps()) {
        // In the order in which they occurred.
        let mut steps = steps;
        steps.sort_by_key(|step| step.1);
        let (alert, _) = run(&steps);
        let ended = newest(&steps, AlertAction::Resolve);
        let triggers = || steps.iter().filter(|step| step.0 == AlertAction::Trigger && Some(step.1) > ended);
        if let Some(alert) = alert.filter(Alert::is_open) {
            let first = triggers().map(|step| step.1).min();
            let began = alert.opened.map(|opened| (opened.at - noon()).num_minutes());
            prop_assert_eq!(began, first);
            prop_assert!(alert.count >= i64::try_from(triggers().count()).unwrap());
        }
    }
}
