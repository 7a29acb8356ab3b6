//! The words and rules of Watchbell, pure: events and their types, severities, patterns, quiet hours, retry
//! schedules, signatures, and the shapes of a team's configuration and of a decision. Nothing here does I/O or
//! reads a clock of its own; whatever depends on time takes `now`.
//!
//! Text from outside becomes a value of this crate once, through a constructor that collects every
//! [`violation::FieldViolation`]; past that point nothing is checked twice.

pub mod brand;
pub mod clock;
pub mod ids;
pub mod secret;
pub mod violation;
pub mod vocabulary;

pub use violation::{FieldViolation, Violations};
pub use vocabulary::{Category, ChannelKind, Permission, Plan, Role, Severity, Topic, UnknownWord};
