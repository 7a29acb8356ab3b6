//! Who hears of an alert: of what goes on with it those to whom it is news, and of its end everyone who knows that it began.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use chrono::{DateTime, TimeDelta, Utc};

use crate::vocabulary::ChannelKind;

/// How long it takes at most until it is asked again whether a beginning was sent that something else follows: it may be released, or
/// called off, before it is due.
pub const MAX_FOLLOW: TimeDelta = TimeDelta::minutes(5);

/// Somebody who was told that an alert began.
pub trait Listener {
    /// What the same target has in common.
    type Key: Eq + Hash;

    /// Which target it is; `None` when that is known only when it is sent.
    fn key(&self) -> Option<Self::Key>;

    /// What it is.
    fn kind(&self) -> ChannelKind;

    /// Whether it is a channel, and no person.
    fn is_channel(&self) -> bool;
}

/// What has become of the message that told of the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was sent, or is about to be.
    Told,
    /// It waits for quiet hours, a silence or a storm to end, and belongs to no summary yet.
    KeptBack,
    /// It told nothing and never will.
    GivenUp,
}

/// Somebody who knows that an alert began that has ended now.
#[derive(Debug, PartialEq, Eq)]
pub struct Leave<L> {
    /// Who.
    pub listener: L,
    /// The message of the beginning need not be sent any more: the end tells both.
    pub supersedes: bool,
    /// No route of the end leads there, so that it follows the beginning.
    pub follows: bool,
}

/// Notes who is told of an alert that goes on, and answers the places of those to whom it is no news. Each route has whether it is only
/// counted where the alert was told.
pub fn tell<L: Listener>(
    told: &mut Vec<L>,
    routes: impl IntoIterator<Item = (L, bool)>,
    fate: impl Fn(&L) -> Fate,
) -> HashSet<usize> {
    let mut known: HashMap<L::Key, usize> = told
        .iter()
        .enumerate()
        .filter_map(|(index, listener)| Some((listener.key()?, index)))
        .collect();
    let mut counted = HashSet::new();
    for (place, (listener, is_counted)) in routes.into_iter().enumerate() {
        let Some(key) = listener.key() else { continue };
        match known.get(&key) {
            Some(index) if fate(&told[*index]) == Fate::GivenUp => told[*index] = listener,
            Some(_) if is_counted => {
                counted.insert(place);
            }
            Some(_) => {}
            None => {
                known.insert(key, told.len());
                told.push(listener);
            }
        }
    }
    counted
}

/// Those who know that an alert began and are told that it has ended. `reached` is where the routes of the end lead.
pub fn end<L: Listener>(
    told: Vec<L>,
    reached: &HashSet<L::Key>,
    fate: impl Fn(&L) -> Fate,
) -> impl Iterator<Item = Leave<L>> {
    told.into_iter().filter_map(move |listener| {
        let fate = fate(&listener);
        (fate != Fate::GivenUp).then(|| Leave {
            supersedes: fate == Fate::KeptBack && listener.kind() != ChannelKind::Webhook,
            follows: listener.key().is_some_and(|key| !reached.contains(&key)),
            listener,
        })
    })
}

/// The channels that know of an alert and hear what somebody does about it, besides those that its routes reach.
pub fn handled<'l, L: Listener>(
    told: &'l [L],
    reached: &HashSet<L::Key>,
    fate: impl Fn(&L) -> Fate,
) -> impl Iterator<Item = &'l L> {
    told.iter().filter(move |listener| {
        let is_reached = || listener.key().is_some_and(|key| reached.contains(&key));
        listener.is_channel() && fate(listener) != Fate::GivenUp && !is_reached()
    })
}

/// When it is noticed that a beginning that was kept back has ended at an instant before it was due, by what follows it since another.
#[must_use]
pub fn noticed_at(ended: DateTime<Utc>, since: DateTime<Utc>) -> DateTime<Utc> {
    let asked = (ended - since).num_milliseconds() / MAX_FOLLOW.num_milliseconds();
    let next = i32::try_from(asked + 1).unwrap_or(i32::MAX);
    since + MAX_FOLLOW * next
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target by a number, with what became of its message.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Who(u8, ChannelKind, Fate);

    impl Listener for Who {
        type Key = u8;

        fn key(&self) -> Option<u8> {
            (self.0 > 0).then_some(self.0)
        }

        fn kind(&self) -> ChannelKind {
            self.1
        }

        fn is_channel(&self) -> bool {
            self.1 != ChannelKind::Email
        }
    }

    fn who(number: u8) -> Who {
        Who(number, ChannelKind::Slack, Fate::Told)
    }

    fn fate(who: &Who) -> Fate {
        who.2
    }

    #[test]
    fn a_repeat_is_counted_where_it_was_told_and_told_where_it_was_not() {
        let given_up = Who(3, ChannelKind::Slack, Fate::GivenUp);
        let mut told = vec![who(1), given_up];
        let routes = [who(1), who(2), who(3), who(2), who(0)].map(|who| (who, true));
        let counted = tell(&mut told, routes, fate);
        assert_eq!(counted, HashSet::from([0, 3]));
        assert_eq!(told, [who(1), who(3), who(2)]);
        assert!(
            tell(&mut told, [(who(1), false)], fate).is_empty(),
            "who wants each"
        );
    }

    #[test]
    fn the_end_goes_to_all_who_know_and_stands_for_a_beginning_that_is_kept_back() {
        let kept = |number, kind| Who(number, kind, Fate::KeptBack);
        let told = vec![
            who(1),
            kept(2, ChannelKind::Slack),
            kept(3, ChannelKind::Webhook),
            Who(4, ChannelKind::Slack, Fate::GivenUp),
            who(0),
        ];
        let ends: Vec<_> = end(told, &HashSet::from([2]), fate)
            .map(|leave| (leave.listener.0, leave.supersedes, leave.follows))
            .collect();
        assert_eq!(
            ends,
            [
                (1, false, true),
                (2, true, false),
                (3, false, true),
                (0, false, false)
            ]
        );
    }

    #[test]
    fn what_follows_a_beginning_looks_again_every_five_minutes() {
        let at = |seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
        assert_eq!(noticed_at(at(100), at(100)), at(400));
        assert_eq!(noticed_at(at(399), at(100)), at(400));
        assert_eq!(noticed_at(at(401), at(100)), at(700));
    }

    #[test]
    fn channels_that_know_hear_what_somebody_does() {
        let told = [
            who(1),
            who(2),
            Who(3, ChannelKind::Email, Fate::Told),
            Who(4, ChannelKind::Slack, Fate::GivenUp),
        ];
        let hear: Vec<_> = handled(&told, &HashSet::from([2]), fate)
            .map(|who| who.0)
            .collect();
        assert_eq!(hear, [1]);
    }
}
