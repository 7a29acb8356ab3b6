//! Microsoft Teams by webhook, for Workflows and old connectors: the message, and the meaning of the responses.

mod card;
mod classify;

pub(crate) use card::message;
pub(crate) use classify::classify;
