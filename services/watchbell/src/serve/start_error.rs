//! Why a start fails.

use std::path::PathBuf;

use watchbell_console::ConsoleError;
use watchbell_dispatcher::OpenError;
use watchbell_runtime::client::ClientError;
use watchbell_runtime::server::ServerError;
use watchbell_runtime::settings::SettingsError;
use watchbell_runtime::telemetry::TelemetryError;

/// Why a process does not start, or does not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("telemetry")]
    Telemetry(#[from] TelemetryError),
    #[error("Config does not open")]
    Config(#[from] watchbell_config::Error),
    #[error("the Dispatcher does not open")]
    Dispatcher(#[from] OpenError),
    #[error("the Digest does not open")]
    Digest(#[from] watchbell_digest::Error),
    #[error("the Edge does not open")]
    Edge(#[from] watchbell_edge::PageError),
    #[error("the console does not open")]
    Console(#[from] ConsoleError),
    #[error("another service cannot be called")]
    Peer(#[from] ClientError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("the admin key cannot be kept in {0}")]
    AdminKey(PathBuf, #[source] std::io::Error),
    #[error("the server broke")]
    Broken(#[from] tokio::task::JoinError),
}
