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
    /// How many the group has gathered with it.
    pub(crate) count: u32,
    /// When it is due, in words.
    pub(crate) message: String,
}

/// The newest group of what comes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenGroup {
    pub(crate) id: Uuid,
    pub(crate) due: DateTime<Utc>,
    /// How many deliveries it has gathered.
    pub(crate) count: u32,
}

/// The newest groups, by what comes together: earlier ones gather no more.
#[derive(Debug, Default)]
pub(crate) struct OpenGroups {
    of: HashMap<GatheringKey, OpenGroup>,
}

// === impl OpenGroups ===

impl OpenGroups {
    pub(crate) fn insert(&mut self, key: GatheringKey, group: OpenGroup) {
        self.of.insert(key, group);
    }

    /// Gathers a delivery that was accepted at an instant.
    pub(crate) fn join(
        &mut self,
        (lane, key): GatheringKey,
        by: &RouteGroup,
        delivery: DeliveryId,
        at: DateTime<Utc>,
    ) -> Gathered {
        let latest = at + TimeDelta::from_std(by.wait).unwrap_or_default();
        let newest = self.of.get(&(lane, key));
        let group = match newest.filter(|group| group.due > at && group.count < by.at_most) {
            Some(group) => {
                let count = group.count + 1;
                OpenGroup {
                    id: group.id,
                    // The rule may have got a shorter wait meanwhile.
                    due: if count < by.at_most {
                        group.due.min(latest)
                    } else {
                        at
                    },
                    count,
                }
            }
            None => OpenGroup {
                id: delivery.as_uuid(),
                due: latest,
                count: 1,
            },
        };
        self.of.insert((lane, key), group);
        Gathered {
            lane,
            key,
            group: group.id,
            due: group.due,
            count: group.count,
            message: format!(
                "gathered by the rule “{}” until {}",
                by.rule_name,
                group.due.format("%H:%M UTC")
            ),
        }
    }
}
