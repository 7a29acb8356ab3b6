//! Slack by incoming webhook: the message, and the meaning of Slack's responses.

mod classify;
mod message;

pub(crate) use classify::classify;
pub(crate) use message::message;
