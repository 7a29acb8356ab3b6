//! Slack by incoming webhook: what is posted, and what Slack's answers mean.

mod classify;
mod message;

pub(crate) use classify::classify;
pub(crate) use message::message;
