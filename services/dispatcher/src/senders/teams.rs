//! Microsoft Teams by webhook, Workflows and old connectors alike: what is posted, and what the answers mean.

mod card;
mod classify;

pub(crate) use card::message;
pub(crate) use classify::classify;
