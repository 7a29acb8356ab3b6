//! Targets that a backtest has met, each by a number.

use std::collections::{BTreeMap, HashMap};

use watchbell_model::decision::Target;
use watchbell_model::ids::ChannelId;
use watchbell_model::route::TargetKey;
use watchbell_model::vocabulary::ChannelKind;

use crate::place::Place;

/// See the module.
#[derive(Default)]
pub(super) struct Targets {
    numbers: HashMap<Target, u32>,
    known: Vec<Known>,
    places: Vec<Place>,
    place_numbers: BTreeMap<Place, usize>,
    keys: HashMap<TargetKey, u32>,
}

/// A target.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Where it is counted.
    pub(super) place: usize,
    /// The same for the same mailbox; none when that is known only when it is sent.
    pub(super) key: Option<u32>,
    pub(super) kind: ChannelKind,
    /// The channel whose quiet hours, silences and storm control hold for it.
    pub(super) channel: Option<ChannelId>,
    /// Whether it is a channel, and no person.
    pub(super) is_channel: bool,
}

// === impl Targets ===

impl Targets {
    pub(super) fn number(&mut self, target: &Target) -> u32 {
        if let Some(number) = self.numbers.get(target) {
            return *number;
        }
        let place = Place::of(target);
        let place = match self.place_numbers.get(&place) {
            Some(number) => *number,
            None => {
                let number = self.places.len();
                self.places.push(place.clone());
                self.place_numbers.insert(place, number);
                number
            }
        };
        let next = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        let number = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        self.known.push(Known {
            place,
            key: target.key().map(|key| *self.keys.entry(key).or_insert(next)),
            kind: target.kind(),
            channel: target.channel_id(),
            is_channel: matches!(target, Target::Channel { .. }),
        });
        self.numbers.insert(target.clone(), number);
        number
    }

    pub(super) fn get(&self, number: u32) -> Known {
        self.known[number as usize]
    }

    pub(super) fn known(&self) -> &[Known] {
        &self.known
    }

    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }
}
