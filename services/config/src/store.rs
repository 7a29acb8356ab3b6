//! Config's own database: its tables, and every query there is. A query takes the team it is about, unless its name
//! ends in `_all_teams`.

pub(crate) mod departures;
pub(crate) mod entities;
mod migrations;

pub(crate) mod api_keys;
pub(crate) mod cell_moves;
pub(crate) mod cells;
pub(crate) mod changes;
pub(crate) mod channels;
pub(crate) mod confirmations;
pub(crate) mod event_types;
pub(crate) mod expression_failures;
pub(crate) mod history;
pub(crate) mod members;
pub(crate) mod owner_notices;
pub(crate) mod portal_sessions;
pub(crate) mod preferences;
mod resource;
pub(crate) mod rules;
pub(crate) mod silences;
pub(crate) mod slack_states;
pub(crate) mod teams;
pub(crate) mod told_changes;

use chrono::{DateTime, Utc};
pub use migrations::Migrator;
use prost::Message;
pub(crate) use resource::Resource;
use watchbell_model::clock::SharedClock;

use crate::error::{Error, Result};

/// The present to the microsecond, which is what both databases keep: what is read back equals what was written.
pub(crate) fn now(clock: &SharedClock) -> DateTime<Utc> {
    let now = clock.now();
    DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
}

/// Words that a column keeps separated by commas.
pub(crate) fn join<T: std::fmt::Display>(words: impl IntoIterator<Item = T>) -> String {
    words
        .into_iter()
        .map(|word| word.to_string())
        .collect::<Vec<_>>()
        .join(",")
}

/// Reads what [`join`] wrote.
pub(crate) fn split<T>(table: &'static str, words: &str) -> Result<Vec<T>>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    words
        .split(',')
        .filter(|word| !word.is_empty())
        .map(|word| parse(table, word))
        .collect()
}

/// A word that a column keeps.
pub(crate) fn parse<T>(table: &'static str, word: &str) -> Result<T>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    word.parse().map_err(|err| Error::corrupt(table, err))
}

/// A message that a column keeps.
pub(crate) fn decode<M: Message + Default>(table: &'static str, bytes: &[u8]) -> Result<M> {
    M::decode(bytes).map_err(|err| Error::corrupt(table, err))
}
