//! What is known of a channel in memory: its policy, as Config last gave it, and what was sent to it lately.

pub(crate) mod cache;
pub(crate) mod health;
pub(crate) mod hold;
pub(crate) mod mail_budget;
pub(crate) mod people;
pub(crate) mod policy;
pub(crate) mod storm;
