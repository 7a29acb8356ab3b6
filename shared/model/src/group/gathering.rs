//! Groups that are being gathered: which one a delivery joins, and when its message goes. A group is due when the first of its
//! deliveries is, and takes no more when it is due or full.

#[cfg(test)]
mod properties;

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// The newest group of what comes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenGroup {
    /// The first delivery that it has gathered.
    pub id: Uuid,
    /// When its message goes.
    pub due: DateTime<Utc>,
    /// How many deliveries it has gathered.
    pub count: u32,
}

/// The newest groups, by what comes together: earlier ones gather no more.
#[derive(Debug)]
pub struct OpenGroups<K> {
    of: HashMap<K, OpenGroup>,
}

// === impl OpenGroups ===

impl<K> Default for OpenGroups<K> {
    fn default() -> Self {
        Self { of: HashMap::new() }
    }
}

impl<K: Eq + Hash + Copy> OpenGroups<K> {
    /// Adds one that is known from elsewhere.
    pub fn insert(&mut self, key: K, group: OpenGroup) {
        self.of.insert(key, group);
    }

    /// Forgets a group that gathers no more.
    pub fn forget(&mut self, key: K, id: Uuid) {
        if self.of.get(&key).is_some_and(|group| group.id == id) {
            self.of.remove(&key);
        }
    }

    /// Gathers a delivery that was accepted at an instant, for so long and with at most so many; its group as it is then.
    pub fn join(
        &mut self,
        key: K,
        (wait, at_most): (Duration, u32),
        delivery: Uuid,
        at: DateTime<Utc>,
    ) -> OpenGroup {
        let latest = at + TimeDelta::from_std(wait).unwrap_or_default();
        let newest = self.of.get(&key);
        let group = match newest.filter(|group| group.due > at && group.count < at_most) {
            Some(group) => {
                let count = group.count + 1;
                OpenGroup {
                    id: group.id,
                    // The rule may have got a shorter wait meanwhile.
                    due: if count < at_most {
                        group.due.min(latest)
                    } else {
                        at
                    },
                    count,
                }
            }
            None => OpenGroup {
                id: delivery,
                due: latest,
                count: 1,
            },
        };
        self.of.insert(key, group);
        group
    }
}
