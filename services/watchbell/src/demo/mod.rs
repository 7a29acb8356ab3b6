//! `demo`.

use std::time::Duration;

use clap::Args;

use crate::failure::{Failure, Outcome};
use crate::input;

/// How to show it.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Stay up afterwards, to play with
    #[arg(long)]
    keep: bool,
    /// Waits before each retry
    #[arg(long, value_parser = input::duration, value_delimiter = ',', default_value = "1s,2s,3s", value_name = "DURATIONS")]
    retry_delays: Vec<Duration>,
    /// No colours, on a terminal neither
    #[arg(long)]
    no_color: bool,
}

pub(crate) async fn run(_args: DemoArgs) -> Outcome {
    Err(Failure::usage("soon"))
}
