//! `serve`: any set of the services in one process. A service that lives here is called directly; one that lives
//! elsewhere is called at its address, and nobody can tell the difference.

mod compose;
mod effective_settings;
mod egress;
mod first_start;
mod members;
mod plan;
mod remote_dispatchers;
mod running;
mod service_name;
mod start_error;

use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use watchbell_model::secret::Secret;
use watchbell_runtime::problem::Chain;
use watchbell_runtime::settings::SettingsError;
use watchbell_runtime::shutdown;
use watchbell_runtime::telemetry::LogFilter;

pub(crate) use compose::start;
pub(crate) use plan::{DEFAULT_SCHEMA, Plan, schema_of, sqlite_file};

use crate::failure::{Failure, Outcome};
use effective_settings::EffectiveSettings;
use service_name::ServiceName;
use start_error::StartError;

/// Where an all-in-one server keeps its databases and its keys unless told otherwise.
pub(crate) const DEFAULT_DATA_DIR: &str = "watchbell-data";

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
    pub(crate) database: Option<Secret>,
    /// What the PostgreSQL schemas of the services begin with
    #[arg(long, value_name = "NAME")]
    pub(crate) schema: Option<String>,
    /// Where Config is, when it is not in this process
    #[arg(long, value_name = "URL")]
    pub(crate) config_url: Option<String>,
    /// Where Dispatchers are found, when none is in this process: one of them, or a name of all; may be given several times
    #[arg(long, value_name = "URL")]
    pub(crate) dispatcher_url: Vec<String>,
    /// A network that may be reached although it is not public, such as 127.0.0.0/8; may be given several times
    #[arg(long, value_name = "CIDR")]
    pub(crate) egress_allow: Vec<String>,
    /// Check the settings and the files that they name, and end: nothing is opened or made
    #[arg(long)]
    pub(crate) check: bool,
    /// Print all settings as they are in effect, as TOML without secrets, and end
    #[arg(long)]
    pub(crate) print_config: bool,
}

/// Serves until the process is told to stop.
pub(crate) async fn run(args: ServeArgs) -> Outcome {
    if args.check || args.print_config {
        return check(&args)
            .await
            .map_err(|error| Failure::usage(error.to_string()));
    }
    let plan = Plan::from_args(&args).map_err(|error| Failure::usage(error.to_string()))?;
    let stop = shutdown::on_signal()?;
    let hangups = signal(SignalKind::hangup())?;
    let running = start(plan).await.map_err(|error| failed(&error))?;
    running.announce();
    let reloading = tokio::spawn(reload_on_hangup(hangups, args, running.log_filter()));
    let ended = running.until(stop).await.map_err(|error| failed(&error));
    reloading.abort();
    ended
}

/// Reads the settings again whenever the process gets SIGHUP, for the filter of log lines. Certificates are read again by
/// the server; everything else takes another start.
async fn reload_on_hangup(mut hangups: Signal, args: ServeArgs, log_filter: LogFilter) {
    while hangups.recv().await.is_some() {
        match reload(&args, &log_filter) {
            Ok(()) => tracing::info!("the filter of log lines was read again"),
            Err(error) => tracing::error!(%error, "the settings are not reloaded"),
        }
    }
}

fn reload(args: &ServeArgs, log_filter: &LogFilter) -> Result<(), SettingsError> {
    let plan = Plan::read(args)?;
    log_filter
        .reload(&plan.shared.telemetry)
        .map_err(|error| SettingsError::new("telemetry.filter", error.to_string()))
}

/// Checks the settings, and prints them if that is asked.
async fn check(args: &ServeArgs) -> Result<(), SettingsError> {
    let plan = Plan::read(args)?;
    let effective = EffectiveSettings::read(&plan)?;
    effective.check().await?;
    if args.print_config {
        print!("{}", effective.to_toml()?);
    } else {
        println!("The settings are good.");
    }
    Ok(())
}

fn failed(error: &StartError) -> Failure {
    Failure::message(Chain(error).to_string())
}

/// Where an all-in-one server keeps its databases and its admin key unless told otherwise.
pub(crate) fn default_data_dir() -> PathBuf {
    PathBuf::from(DEFAULT_DATA_DIR)
}
