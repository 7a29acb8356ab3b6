//! Config, the control plane: teams, members, API keys, the catalog, channels and their sealed secrets, rules,
//! preferences and digest settings. It hands the other services a snapshot of a team with a revision, and a feed
//! that says whose snapshot has moved on.
//!
//! Several replicas may serve one database. The data plane keeps working on the last snapshot it holds while all of
//! them are down. Secrets leave it only through `ResolveChannel`, to other services of Watchbell.

mod author;
mod bootstrap;
mod cell_mover;
mod cells;
mod change_events;
mod check;
mod commit;
mod confirmations;
mod dispatcher;
mod document;
mod error;
mod etag;
mod expressions;
mod feed;
mod followers;
mod grpc;
mod history;
mod inverse;
pub mod keys;
mod loops;
mod mask;
mod owners;
mod pruner;
mod reach;
mod resealer;
pub mod sealing;
mod secrets;
mod service;
mod settings;
mod slack;
mod snapshot;
mod store;
mod turns;
mod warnings;

pub use cell_mover::CellMover;
pub use cells::{CellClients, ConnectCell};
pub use change_events::ChangeTeller;
pub use confirmations::asker::ConfirmationAsker;
#[cfg(feature = "fuzzing")]
pub use document::fuzzing;
pub use document::references;
pub use error::{Error, Result};
pub use owners::OwnerTeller;
pub use pruner::FeedPruner;
pub use resealer::Resealer;
pub use service::Service;
pub use settings::Settings;
pub use slack::SlackSettings;
pub use store::Migrator;
