//! A delivery that a rule gathers, and what comes together with it. Which group it joins is the model's to say.

use chrono::{DateTime, Utc};
use uuid::Uuid;
use watchbell_model::group::RouteGroup;
use watchbell_model::group::gathering::OpenGroup;
use watchbell_model::text::time_text;

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

// === impl Gathered ===

impl Gathered {
    /// A delivery that has joined a group.
    pub(crate) fn new((lane, key): GatheringKey, by: &RouteGroup, group: OpenGroup) -> Self {
        Self {
            lane,
            key,
            group: group.id,
            due: group.due,
            count: group.count,
            message: format!(
                "gathered by the rule “{}” until {}",
                by.rule_name,
                time_text(group.due)
            ),
        }
    }
}
