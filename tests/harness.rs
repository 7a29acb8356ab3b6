//! What the suites share: databases, processes, clients. Everything waits for what it needs with a deadline, and for
//! nothing longer than it takes.

mod browser;
mod client;
mod cluster;
pub(crate) mod database;
mod endpoint;
mod fault;
mod load;
mod ordeal;
mod platform;
mod process;
mod rows;
mod takeovers;
mod wire;

pub(crate) use browser::{Browser, text};
pub(crate) use client::{Client, finding, is_told_to_come_again};
pub(crate) use cluster::{Cluster, cut_connections, signal};
pub(crate) use database::{Database, on_both_databases};
pub(crate) use endpoint::{CONCURRENCY, Endpoint};
pub(crate) use fault::Faults;
pub(crate) use load::Load;
pub(crate) use ordeal::Ordeal;
pub(crate) use platform::Platform;
pub(crate) use process::{Process, SERVICE_TOKEN, Serve, binary};
pub(crate) use rows::Rows;
pub(crate) use wire::Wire;

use std::future::Future;
use std::time::Duration;

/// How long anything may take before a test says that it did not happen.
pub(crate) const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

/// Asks again and again until `ask` gives a value; fails after [`WAIT_TIMEOUT`] with `what` did not happen.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let asking = async {
        loop {
            if let Some(value) = ask().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(WAIT_TIMEOUT, asking)
        .await
        .unwrap_or_else(|_| panic!("within {WAIT_TIMEOUT:?}: {what}"))
}
