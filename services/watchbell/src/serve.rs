//! `serve`: any set of the services in one process. A service that lives here is called directly; one that lives
//! elsewhere is called at its address, and nobody can tell the difference.

mod compose;
mod first_start;
mod members;
mod plan;
mod service_name;

use std::path::PathBuf;

use clap::Args;
use watchbell_runtime::problem::Chain;
use watchbell_runtime::shutdown;

pub(crate) use compose::start;
pub(crate) use plan::Plan;

use crate::failure::{Failure, Outcome};
use service_name::ServiceName;

/// Where an all-in-one server keeps its databases and its keys unless told otherwise.
const DEFAULT_DATA_DIR: &str = "watchbell-data";

/// What to serve.
#[derive(Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// The services of this process; all of them when none is named
    #[arg(value_enum)]
    pub(crate) services: Vec<ServiceName>,
    /// A TOML file with settings; environment variables like WATCHBELL__SERVER__ADDRESS win over it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where databases and keys are kept
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    pub(crate) data_dir: PathBuf,
    /// Where to listen, gRPC and HTTP alike; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// postgres://… instead of SQLite files in the data directory
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// What the PostgreSQL schemas of the services begin with
    #[arg(long, value_name = "NAME")]
    pub(crate) schema: Option<String>,
    /// Where Config is, when it is not in this process
    #[arg(long, value_name = "URL")]
    pub(crate) config_url: Option<String>,
    /// Where a Dispatcher is, when none is in this process; may be given several times
    #[arg(long, value_name = "URL")]
    pub(crate) dispatcher_url: Vec<String>,
    /// A network that may be reached although it is not public, such as 127.0.0.0/8; may be given several times
    #[arg(long, value_name = "CIDR")]
    pub(crate) egress_allow: Vec<String>,
}

/// Serves until the process is told to stop.
pub(crate) async fn run(args: ServeArgs) -> Outcome {
    let plan = Plan::from_args(&args).map_err(|error| Failure::usage(error.to_string()))?;
    let stop = shutdown::on_signal()?;
    let running = start(plan).await.map_err(|error| failed(&error))?;
    running.announce();
    running.until(stop).await.map_err(|error| failed(&error))
}

fn failed(error: &compose::StartError) -> Failure {
    Failure::message(Chain(error).to_string())
}

/// Where an all-in-one server keeps its databases and its admin key unless told otherwise.
pub(crate) fn default_data_dir() -> PathBuf {
    PathBuf::from(DEFAULT_DATA_DIR)
}
