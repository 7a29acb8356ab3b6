//! `serve`: any set of the services in one process. The wiring of the services comes with them.

use std::path::PathBuf;

use clap::Args;

use crate::failure::{Failure, Outcome};

/// What to serve.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The services of this process: config, router, dispatcher, digest, edge; all of them when none is named
    pub(crate) services: Vec<String>,
}

/// Serves until the process is told to stop.
#[expect(clippy::unused_async, reason = "the services are not wired yet")]
pub(crate) async fn run(args: ServeArgs) -> Outcome {
    Err(Failure::usage(format!(
        "serving {:?} is not wired yet",
        args.services
    )))
}

/// Where an all-in-one server keeps its databases and its admin key unless told otherwise.
pub(crate) fn default_data_dir() -> PathBuf {
    PathBuf::from("watchbell-data")
}
