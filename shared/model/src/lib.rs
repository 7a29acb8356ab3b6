//! The words and rules of Watchbell, pure: events and their types, severities, patterns, quiet hours, retry
//! schedules, signatures, and the shapes of a team's configuration and of a decision. Nothing here does I/O or
//! reads a clock of its own; whatever depends on time takes `now`.
//!
//! Text from outside becomes a value of this crate once, through a constructor that collects every
//! [`violation::FieldViolation`]; past that point nothing is checked twice.

pub mod accepted_event;
pub mod alert;
pub mod alert_life;
pub mod alert_link;
pub mod body;
pub mod brand;
pub mod budget;
pub mod catalog;
pub mod cell;
pub mod channel;
pub mod clock;
pub mod closest;
pub mod confirmation;
pub mod convert;
pub mod data;
pub mod decision;
pub mod digest_settings;
pub mod email;
pub mod event;
pub mod expression;
pub mod filter;
pub mod group;
pub mod header;
pub mod ids;
pub mod json;
pub mod member;
pub mod mention;
pub mod operational;
pub mod pace;
pub mod pattern;
mod pattern_cost;
pub mod payload;
pub mod preference;
pub mod quiet_hours;
pub mod recipients;
pub mod remind;
pub mod retry;
pub mod route;
pub mod rule;
pub mod secret;
pub mod severities;
pub mod shard;
pub mod signature;
pub mod silence;
pub mod snapshot;
pub mod storm;
pub mod text;
pub mod unsubscribe;
pub mod violation;
pub mod vocabulary;

pub use accepted_event::AcceptedEvent;
pub use data::Data;
pub use email::EmailAddress;
pub use event::{Event, EventDraft};
pub use pattern::{EventPattern, EventType};
pub use severities::SeveritySet;
pub use violation::{FieldViolation, Violations};
pub use vocabulary::{
    Category, ChannelHealth, ChannelKind, Permission, Plan, Role, Severity, Topic, UnknownWord,
};
