//! Places: what routes lead to, for counting.

use watchbell_model::decision::Target;
use watchbell_model::route::{self, Route};
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_model::vocabulary::ChannelKind;

/// The most places of a result.
pub(crate) const MAX_PLACES: usize = 10_000;

/// What a route leads to: a channel, a person by the address, the inbox.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Channel(ChannelKind, String),
    Member(String, String),
    Address(String),
    Inbox,
    Receipts,
}

// === impl Place ===

impl Place {
    pub(crate) fn of(target: &Target) -> Self {
        match target {
            Target::Channel { id, kind } => Self::Channel(*kind, id.to_string()),
            Target::Person {
                member_id, address, ..
            } => Self::Member(member_id.to_string(), address.to_string()),
            Target::Address { address, .. } => Self::Address(address.key()),
            Target::Inbox => Self::Inbox,
            Target::Receipts => Self::Receipts,
        }
    }

    /// The place of a route that was settled.
    pub(crate) fn of_settled(route: &Route) -> Self {
        match &route.target {
            route::Target::Channel(id) => Self::Channel(route.kind, id.to_string()),
            route::Target::Person { member, address, .. } => {
                Self::Member(member.to_string(), address.clone())
            }
            route::Target::Address { address, .. } => Self::Address(address.to_ascii_lowercase()),
            route::Target::Inbox => Self::Inbox,
            route::Target::Receipts => Self::Receipts,
        }
    }

    pub(crate) fn kind(&self) -> ChannelKind {
        match self {
            Self::Channel(kind, _) => *kind,
            Self::Member(..) | Self::Address(_) | Self::Receipts => ChannelKind::Email,
            Self::Inbox => ChannelKind::InApp,
        }
    }

    /// What people call it; a channel by its name in the first configuration that has it.
    pub(crate) fn name(&self, snapshots: &[&TeamSnapshot]) -> String {
        match self {
            Self::Channel(_, id) => {
                let id = id.parse().ok();
                let channel = id.and_then(|id| snapshots.iter().find_map(|snapshot| snapshot.channel(id)));
                channel.map(|channel| channel.name.clone()).unwrap_or_default()
            }
            Self::Member(_, address) | Self::Address(address) => address.clone(),
            Self::Inbox => "inbox".to_owned(),
            Self::Receipts => "receipts without a recipient".to_owned(),
        }
    }
}
