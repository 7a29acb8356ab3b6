//! One trait for each service. A caller holds an `Arc<dyn …Api>` and cannot tell whether the service is remote or
//! lives in the same process.

use std::pin::Pin;

use futures::{Stream, StreamExt as _};
use tonic::Status;

pub use crate::config::v1::{
    CatalogApi, CellApi, ChannelApi, PreferenceApi, RoutingApi, SilenceApi, SnapshotApi, TeamApi,
    serve_catalog, serve_cell, serve_channel, serve_preference, serve_routing, serve_silence, serve_snapshot,
    serve_team,
};
pub use crate::digest::v1::{DigestApi, serve_digest};
pub use crate::dispatcher::v1::{
    AlertApi, DispatcherApi, InboxApi, TeamMoveApi, serve_alert, serve_dispatcher, serve_inbox,
    serve_team_move,
};
pub use crate::router::v1::{RouterApi, serve_router};

/// The largest message that a service takes: a batch of 4 MiB and its envelope.
pub const MAX_MESSAGE_BYTES: usize = 5 * 1024 * 1024;

/// Metadata of the answer to `Submit`: the Dispatcher has not reached Config since its start, so that it can keep events and
/// not deliver them.
pub const CONFIG_UNKNOWN: &str = "watchbell-config-unknown";

/// Metadata of a call of `Submit`: the caller sends events of teams of this cell alone, or of those that have just moved from it.
pub const LOCATED: &str = "watchbell-located";

/// A stream of messages, either way.
pub type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Whatever a transport fails with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Boxes a stream, so that services are object safe.
pub fn boxed<T: 'static>(stream: impl Stream<Item = Result<T, Status>> + Send + 'static) -> BoxStream<T> {
    Box::pin(stream)
}

/// The messages of a stream up to its first error: what a client can send.
pub(crate) fn messages<T: Send + 'static>(stream: BoxStream<T>) -> impl Stream<Item = T> + Send + 'static {
    stream
        .take_while(|message| std::future::ready(message.is_ok()))
        .filter_map(|message| std::future::ready(message.ok()))
}
