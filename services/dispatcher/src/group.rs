//! Groups that are being gathered, as plain data: which one a delivery joins, and when its message goes. A group is due when
//! the first of its deliveries is, and takes no more when it is due or full.

#[cfg(test)]
mod properties;

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;
use watchbell_model::group::RouteGroup;
use watchbell_model::ids::DeliveryId;

use crate::lanes::LaneId;

/// What comes together: a lane, and a group's key there.
pub(crate) type GatheringKey = (LaneId, Uuid);

/// A delivery that is gathered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gathered {
    pub(crate) lane: LaneId,
    /// The key of its group in the lane.
    pub(crate) key: Uuid,
    /// The group: the first delivery that it has gathered.
    pub(crate) group: Uuid,
    /// When it is due.
    pub(crate) due: DateTime<Utc>,
    /// The same in words.
    pub(crate) message: String,
}

/// A group that gathers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenGroup {
    pub(crate) id: Uuid,
    pub(crate) due: DateTime<Utc>,
    /// How many deliveries it has.
    pub(crate) size: u32,
}

/// The groups that gather, by what comes together.
#[derive(Debug, Default)]
pub(crate) struct OpenGroups {
    of: HashMap<GatheringKey, Vec<OpenGroup>>,
}

// === impl OpenGroups ===

impl OpenGroups {
    pub(crate) fn insert(&mut self, key: GatheringKey, group: OpenGroup) {
        self.of.entry(key).or_default().push(group);
    }

    /// Gathers a delivery that was accepted at an instant.
    pub(crate) fn join(
        &mut self,
        (lane, key): GatheringKey,
        by: &RouteGroup,
        delivery: DeliveryId,
        at: DateTime<Utc>,
    ) -> Gathered {
        let groups = self.of.entry((lane, key)).or_default();
        let latest = at + TimeDelta::from_std(by.wait).unwrap_or_default();
        let takes = |group: &&mut OpenGroup| group.due > at && group.size < by.at_most;
        let group = match groups.iter_mut().filter(takes).min_by_key(|group| group.due) {
            Some(group) => {
                group.size += 1;
                // The rule may have got a shorter wait meanwhile.
                group.due = group.due.min(latest);
                if group.size >= by.at_most {
                    group.due = at;
                }
                *group
            }
            None => {
                let group = OpenGroup {
                    id: delivery.as_uuid(),
                    due: latest,
                    size: 1,
                };
                groups.push(group);
                group
            }
        };
        Gathered {
            lane,
            key,
            group: group.id,
            due: group.due,
            message: format!(
                "gathered by the rule “{}” until {}",
                by.rule_name,
                group.due.format("%H:%M UTC")
            ),
        }
    }
}
