//! The events of a backtest once more, in the order in which they were accepted: what each does to its alert, who hears of it, and
//! what becomes of the messages by both configurations.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use watchbell_contracts::router::v1::BacktestCounts;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::alert::News;
use watchbell_model::alert_life::telling::{Listener, end, handled, tell};
use watchbell_model::alert_life::{Act, Alert};
use watchbell_model::ids::{EventId, TeamId};
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_model::vocabulary::{Category, ChannelKind, Severity};

use super::sequence::{Does, Occurrence, Sequence};
use super::side::{New, Side};
use super::tally::Tally;
use super::targets::{Known, Targets};

/// See the module.
pub(super) struct Walk {
    sequence: Sequence,
    tally: Tally,
    is_in_order: bool,
    sides: [Side; 2],
    /// By their numbers.
    alerts: Vec<Followed>,
    /// The present event as alerts take it, without its texts.
    event: AcceptedEvent,
    end: DateTime<Utc>,
}

/// An alert, and who was told of it by each configuration.
#[derive(Default)]
struct Followed {
    alert: Option<Alert>,
    told: [Vec<Told>; 2],
}

/// Who was told of an alert.
#[derive(Debug, Clone, Copy)]
struct Told {
    target: u32,
    known: Known,
    /// What told it.
    message: u32,
}

impl Listener for Told {
    type Key = u32;

    fn key(&self) -> Option<u32> {
        self.known.key
    }

    fn kind(&self) -> ChannelKind {
        self.known.kind
    }

    fn is_channel(&self) -> bool {
        self.known.is_channel
    }
}

/// What an event is to its alert.
struct Effect<'a> {
    alert: &'a Alert,
    news: News,
}

// === impl Walk ===

impl Walk {
    /// Of events up to an instant.
    pub(super) fn new(
        sequence: Sequence,
        tally: Tally,
        snapshots: [&TeamSnapshot; 2],
        end: DateTime<Utc>,
    ) -> Self {
        Self {
            tally,
            sides: snapshots.map(|snapshot| Side::new(snapshot, &sequence.targets)),
            sequence,
            is_in_order: false,
            alerts: Vec::new(),
            event: blank(snapshots[0].team_id, end),
            end,
        }
    }

    /// Takes one step; whether there was one.
    pub(super) fn step(&mut self) -> bool {
        if !self.is_in_order {
            self.sequence.put_in_order();
            self.is_in_order = true;
        }
        let until = self.sequence.next_time().unwrap_or(self.end);
        let targets = &self.sequence.targets;
        if self.sides.iter_mut().any(|side| side.advance(targets, until)) {
            return true;
        }
        let Some(event) = self.sequence.pop() else {
            return false;
        };
        self.apply(event);
        true
    }

    /// The tally of events, and the counts of each place by both configurations.
    pub(super) fn into_counts(self) -> (Tally, (Targets, [Vec<BacktestCounts>; 2])) {
        let [before, after] = self.sides;
        (self.tally, (self.sequence.targets, [before.counts, after.counts]))
    }

    fn apply(&mut self, mut event: Occurrence) {
        let (Some((number, does)), Some(key)) = (event.alert, self.sequence.key.clone()) else {
            for side in 0..2 {
                self.send(&event, side, None, &mut Vec::new());
            }
            return;
        };
        let number = number as usize;
        if self.alerts.len() <= number {
            self.alerts.resize_with(number + 1, Followed::default);
        }
        let Followed { alert, mut told } = std::mem::take(&mut self.alerts[number]);
        let by = String::new();
        let act = |alert, act| Alert::act(alert, &act, event.accepted_at);
        let (alert, news) = match does {
            Does::Acknowledges => act(alert, Act::Acknowledge { by }),
            Does::Snoozes(until) => act(alert, Act::Snooze { by, until }),
            Does::Resolves => act(alert, Act::Resolve { by }),
            Does::Acts(action) => {
                self.event.event_type = Arc::clone(&event.event_type);
                self.event.severity = event.severity;
                self.event.occurred_at = event.occurred_at;
                self.event.accepted_at = event.accepted_at;
                Alert::apply(alert, &self.event, &key, action)
            }
        };
        let effect = alert.as_ref().map(|alert| Effect { alert, news });
        let [before, after] = &mut told;
        let reached = [
            self.send(&event, 0, effect.as_ref(), before),
            self.send(&event, 1, effect.as_ref(), after),
        ];
        // It follows an alert that began before the period: whoever got it then is not known here.
        let is_told_elsewhere = event.was_followed && news == News::Unrelated;
        self.tally
            .add_of_alert(&self.sequence.targets, &mut event, reached, is_told_elsewhere);
        self.alerts[number] = Followed { alert, told };
    }

    /// Makes the messages of an event by one configuration; the places of whom it reaches.
    fn send(
        &mut self,
        event: &Occurrence,
        number: usize,
        alert: Option<&Effect<'_>>,
        told: &mut Vec<Told>,
    ) -> Vec<usize> {
        let (sequence, side) = (&self.sequence, &mut self.sides[number]);
        let targets = &sequence.targets;
        let routes = sequence.routes(event, number);
        let reached: HashSet<u32> = match alert {
            Some(Effect {
                news: News::Ends | News::Handled,
                ..
            }) => routes
                .iter()
                .filter_map(|route| targets.get(route.target).key)
                .collect(),
            _ => HashSet::new(),
        };
        let mut repeats = HashSet::new();
        let mut followers = Vec::new();
        match alert {
            Some(Effect {
                alert,
                news: news @ (News::Begins | News::Changes | News::Repeats),
            }) => {
                let listeners = routes.iter().zip(side.next_message()..).map(|(route, message)| {
                    let known = targets.get(route.target);
                    let told = Told {
                        target: route.target,
                        known,
                        message,
                    };
                    (told, alert.is_counted(*news, known.kind, route.tells_repeats))
                });
                repeats = tell(told, listeners, |told| side.fate(told.message));
            }
            Some(Effect { news: News::Ends, .. }) => {
                let leaves: Vec<_> =
                    end(std::mem::take(told), &reached, |told| side.fate(told.message)).collect();
                for leave in leaves {
                    if leave.supersedes {
                        side.supersede(leave.listener.message, leave.listener.known, event.accepted_at);
                    }
                    followers.extend(leave.follows.then_some(leave.listener));
                }
            }
            Some(Effect {
                news: News::Handled, ..
            }) => {
                followers.extend(handled(told, &reached, |told| side.fate(told.message)));
            }
            Some(Effect {
                news: News::Unrelated,
                ..
            })
            | None => {}
        }
        let places = routes.iter().map(|route| targets.get(route.target).place);
        let places = places.chain(followers.iter().map(|told| told.known.place));
        let places: Vec<usize> = places.collect();
        let silences = sequence.silences(event, number);
        let new = |target| New {
            target,
            severity: event.severity,
            at: event.accepted_at,
            silences,
            group: None,
            follows: None,
        };
        for (place, route) in routes.iter().enumerate() {
            if repeats.contains(&place) {
                side.count_repeat(targets.get(route.target));
                continue;
            }
            let group = route.group.map(|group| (group.key, sequence.limits(group)));
            side.send(
                targets,
                &New {
                    group,
                    ..new(route.target)
                },
            );
        }
        for told in followers {
            side.counts[told.known.place].follow_count += 1;
            let follows = Some(told.message);
            side.send(
                targets,
                &New {
                    follows,
                    ..new(told.target)
                },
            );
        }
        places
    }
}

/// An event without anything.
fn blank(team_id: TeamId, now: DateTime<Utc>) -> AcceptedEvent {
    AcceptedEvent {
        team_id,
        id: EventId::generate(now),
        event_type: "".into(),
        severity: Severity::Info,
        category: Category::SystemNotification,
        source: String::new(),
        occurred_at: now,
        accepted_at: now,
        title: String::new(),
        url: String::new(),
        subject: String::new(),
        data: String::new(),
        test: false,
        alert: None,
        traceparent: None,
        email: None,
        body: OnceLock::new(),
        alert_status: OnceLock::new(),
    }
}
