//! Slack by incoming webhook: what is posted, and what Slack's answers mean.

mod message;
mod verdict;

pub(crate) use message::message;
pub(crate) use verdict::report;
