//! A process that serves: what it says at its start, and how it ends.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use watchbell_dispatcher::Membership;
use watchbell_model::secret::Secret;
use watchbell_runtime::server::ServerError;
use watchbell_runtime::tasks::TaskSet;
use watchbell_runtime::telemetry::{LogFilter, Telemetry};
use watchbell_store::Store;

use super::default_data_dir;
use super::first_start::ADMIN_KEY;
use super::service_name::{ServiceName, names};
use super::start_error::StartError;

/// A process that serves.
pub(crate) struct Running {
    /// Where.
    pub(crate) address: SocketAddr,
    /// Where for operators.
    pub(super) admin_address: SocketAddr,
    /// A platform key, when this start has made or was given one.
    pub(crate) admin_key: Option<Secret>,
    /// The operator knows it already.
    pub(super) key_was_given: bool,
    pub(super) data_dir: PathBuf,
    pub(super) services: Vec<ServiceName>,
    pub(super) has_console: bool,
    pub(super) has_tls: bool,
    pub(super) stop: CancellationToken,
    pub(super) membership: Option<Membership>,
    pub(super) server: JoinHandle<Result<(), ServerError>>,
    pub(super) tasks: TaskSet,
    pub(super) stores: Vec<Store>,
    pub(crate) telemetry: Telemetry,
    pub(super) grace: std::time::Duration,
}

// === impl Running ===

impl Running {
    /// The filter of the process's log lines.
    pub(crate) fn log_filter(&self) -> LogFilter {
        self.telemetry.log_filter()
    }

    /// Says where it listens and, on a first start, what to do next. The admin key is shown to a person at a terminal;
    /// where standard output goes into a log, which is kept and read by many, only its file is named.
    pub(crate) fn announce(&self) {
        let scheme = if self.has_tls { "https" } else { "http" };
        println!(
            "watchbell serves {} at {scheme}://{}",
            names(&self.services),
            self.address
        );
        println!(
            "metrics and readiness for operators at http://{}",
            self.admin_address
        );
        if self.has_console {
            println!(
                "the console is at {scheme}://{}{}",
                self.address,
                watchbell_console::PATH
            );
        }
        let Some(key) = self.admin_key.as_ref().filter(|_| !self.key_was_given) else {
            return;
        };
        let mut options = String::new();
        if self.has_tls || self.address.port() != 7700 {
            options += &format!(" --server {scheme}://{}", self.address);
        }
        let file = self.data_dir.join(ADMIN_KEY);
        let file = file.display();
        if self.data_dir != default_data_dir() {
            options += &format!(" --key @{file}");
        }
        let made = if std::io::stdout().is_terminal() {
            format!(
                "The admin API key, shown this once and kept in {file}:\n\n    {}",
                key.expose()
            )
        } else {
            format!("The admin API key is in {file}.")
        };
        println!(
            "\nThis is its first start. {made}\n\n\
             Next:\n    watchbell teams create --name Acme{options}\n    watchbell channels create webhook --help\n    \
             watchbell emit --help\n",
        );
    }

    /// Serves until `stop`, or until serving breaks; then ends everything in order.
    pub(crate) async fn until(mut self, stop: CancellationToken) -> Result<(), StartError> {
        let broken = tokio::select! {
            () = stop.cancelled() => None,
            ended = &mut self.server => Some(ended),
        };
        match broken {
            None => self.shut_down().await,
            Some(ended) => {
                self.close().await;
                Ok(ended??)
            }
        }
    }

    /// Ends everything in order: shards, calls, the loops, the databases.
    pub(crate) async fn shut_down(mut self) -> Result<(), StartError> {
        // The shards first, while calls are still answered.
        if let Some(membership) = &self.membership
            && tokio::time::timeout(self.grace, membership.retire())
                .await
                .is_err()
        {
            tracing::warn!("shards were not handed over in time");
        }
        self.stop.cancel();
        let ended = (&mut self.server).await;
        self.close().await;
        Ok(ended??)
    }

    async fn close(self) {
        if let Err(dropped) = self.tasks.shutdown(self.grace).await {
            tracing::warn!(?dropped, "loops did not end in time");
        }
        for store in self.stores {
            if let Err(error) = store.close().await {
                tracing::warn!(%error, "a database did not close");
            }
        }
        let telemetry = self.telemetry;
        // Exporting what is left blocks.
        let _ = tokio::task::spawn_blocking(move || telemetry.stop()).await;
    }
}
