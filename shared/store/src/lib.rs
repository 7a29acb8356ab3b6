//! Database functions common to all services: connecting, migrating, paging, notifying replicas, and testing on both
//! backends. SQLite is the embedded default, PostgreSQL is for larger installations; a service's entities and tests
//! are the same on both.
//!
//! It knows no table. Statements that differ between the backends are in the service that owns the table, in one
//! module per backend.

pub mod compatibility;
mod connect;
mod copy;
mod durability;
mod error;
mod inline;
pub mod listen;
mod migrate;
mod options;
pub mod paging;
mod postgres;
mod settings;
pub mod testing;
mod transaction;
mod write_permit;

pub use connect::{Store, connect};
pub use copy::{CopiedTable, CopyError, StoreCopy, copy_to_postgres};
pub use durability::Risk;
pub use error::{StoreError, is_transient, is_unique_violation, is_unstorable_text};
pub use inline::{InlineRow, InlineTransaction};
pub use options::Backend;
pub use rusqlite::types::ValueRef as InlineValue;
pub use settings::{DatabaseSettings, Location};
pub use write_permit::WritePermit;
