//! `bench`: how fast this machine runs Watchbell, beside the goals it was built to. One process, started as `serve`
//! starts it, with durable commits; callers and endpoints share its cores, over real connections. What it says of a
//! machine can be said again by whoever runs it.

mod backlog;
mod ceilings;
mod crash;
mod find;
mod floor;
mod lab;
mod latency;
mod load;
mod meter;
mod report;
mod throughput;
mod what_if;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use watchbell_model::clock::SystemClock;

use crate::failure::{Failure, Outcome};
use crate::session::Out;
use ceilings::Ceilings;
use lab::{Lab, Site};
use load::How;
use report::{Figure, Report};

/// Callers of unary calls.
const CALLERS: usize = 64;

/// What to measure.
#[derive(Debug, Clone, Args)]
pub(crate) struct BenchArgs {
    /// Shorter runs and a smaller backlog: three minutes in all
    #[arg(long)]
    quick: bool,
    /// postgres://… instead of SQLite files; the schemas made there are dropped at the end
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Where the files go: on the disk that is meant, not in memory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Only these; may be given several times
    #[arg(long, value_enum, value_name = "NAME")]
    only: Vec<Part>,
    /// How many deliveries wait in the backlog
    #[arg(long, value_name = "N")]
    backlog: Option<u64>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// A part of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// What HTTP and gRPC alone do here
    Ceilings,
    /// Accepted events, nothing to deliver
    Accept,
    /// One event to one webhook, by Emit
    Unary,
    /// The same by `EmitStream`
    Stream,
    /// The same by `EmitBatch`
    Batch,
    /// What alerts cost, by `EmitStream`
    Alerts,
    /// What the parts of `EmitStream` cost alone; on SQLite
    Floor,
    /// One event to nine webhooks
    Nine,
    /// End to end at a steady pace
    Latency,
    /// One endpoint of ten is slow
    Slow,
    /// Memory and drain of a mountain of waiting deliveries
    Backlog,
    /// After kill -9
    Crash,
    /// A draft tried against stored events, alone and beside callers
    WhatIf,
    /// A page of deliveries by each filter
    Find,
}

/// How long each part takes.
struct Spans {
    ceiling: Duration,
    throughput: Duration,
    latency: Duration,
    slow: Duration,
    backlog: u64,
    /// Events that a backtest decides.
    tried: u64,
    /// Deliveries among which is looked for.
    found: u64,
}

/// What is being done, on a terminal a line that moves.
pub(crate) struct Progress(ProgressBar);

// === impl Spans ===

impl Spans {
    fn of(args: &BenchArgs) -> Self {
        let seconds = Duration::from_secs;
        let spans = if args.quick {
            Self {
                ceiling: seconds(3),
                throughput: seconds(5),
                latency: seconds(8),
                slow: seconds(10),
                backlog: 90_000,
                tried: 10_000,
                found: 50_000,
            }
        } else {
            Self {
                ceiling: seconds(5),
                throughput: seconds(15),
                latency: seconds(30),
                slow: seconds(40),
                backlog: 1_000_000,
                tried: 100_000,
                found: 1_000_000,
            }
        };
        Self {
            backlog: args.backlog.unwrap_or(spans.backlog).max(9),
            ..spans
        }
    }
}

// === impl Progress ===

impl Progress {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner().with_style(
            ProgressStyle::with_template("{spinner} {prefix}  {elapsed}  {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    fn part(&self, name: &str) {
        self.0.set_prefix(name.to_owned());
        self.0.set_message("");
        if !std::io::stderr().is_terminal() {
            eprintln!("{name} …");
        }
    }

    /// How far a part is.
    fn say(&self, message: &str) {
        self.0.set_message(message.to_owned());
    }

    /// A figure, as soon as it is known.
    fn figure(&self, figure: &Figure) {
        let line = format!("  {}: {}", figure.what, figure.measured);
        if std::io::stderr().is_terminal() {
            self.0.println(line);
        } else {
            eprintln!("{line}");
        }
    }
}

/// Measures, and says what came of it. A missed goal is no failure; anything lost is.
pub(crate) async fn run(args: BenchArgs) -> Outcome {
    let json = args.json;
    let out = Out::new(json);
    let directory = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let file_system = meter::file_system(&directory);
    if args.database.is_none() && matches!(file_system.as_str(), "tmpfs" | "ramfs") {
        let shown = directory.display();
        return Err(Failure::usage(format!(
            "{shown} is in memory, where nothing is durable: name a directory on a disk with --dir"
        )));
    }
    let sync = meter::sync_time(&directory, &SystemClock::shared())?;
    let progress = Progress::new();
    progress.part("start");
    let lab = Lab::start(Site::new(&directory, args.database.as_deref(), "main")?, out).await?;
    let measured = figures(&lab, &args, &directory, &progress).await;
    progress.part("stop");
    let stopped = lab.stop().await;
    progress.0.finish_and_clear();
    let figures = measured?;
    stopped?;
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        database: if args.database.is_some() {
            "PostgreSQL"
        } else {
            "SQLite"
        }
        .to_owned(),
        file_system,
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        sync_ms: sync.as_secs_f64() * 1000.0,
        optimized: !cfg!(debug_assertions),
        figures,
    };
    if json {
        let text = serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)?;
        return out.print(&format!("{text}\n"));
    }
    out.print(&report.table(out.style, out.width))
}

async fn figures(
    lab: &Lab,
    args: &BenchArgs,
    directory: &std::path::Path,
    progress: &Progress,
) -> Outcome<Vec<Figure>> {
    let spans = Spans::of(args);
    let parts: Vec<_> = Part::value_variants()
        .iter()
        .copied()
        .filter(|part| args.only.is_empty() || args.only.contains(part))
        .collect();
    let mut all = Vec::new();
    let mut ceilings: Option<Ceilings> = None;
    let mut fresh = None;
    for part in parts {
        let name = part
            .to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default();
        progress.part(&name);
        let figures = match part {
            Part::Ceilings => {
                let (measured, figures) = ceilings::measure(lab, CALLERS, spans.ceiling).await?;
                ceilings = Some(measured);
                figures
            }
            Part::Accept => vec![throughput::accept(lab, ceilings, CALLERS, spans.throughput).await?],
            Part::Unary => vec![throughput::unary(lab, CALLERS, spans.throughput).await?],
            Part::Stream => vec![throughput::many(lab, ceilings, How::Stream, spans.throughput).await?],
            Part::Batch => vec![throughput::many(lab, ceilings, How::Batch, spans.throughput).await?],
            Part::Alerts => vec![throughput::alerts(lab, spans.throughput).await?],
            Part::Floor => floor::measure(lab, spans.throughput).await?.into_iter().collect(),
            Part::Nine => {
                let (figure, rate) = throughput::fan_out(lab, spans.throughput).await?;
                fresh = Some(rate);
                vec![figure]
            }
            Part::Latency => vec![latency::steady(lab, spans.latency).await?],
            Part::Slow => vec![latency::slow_endpoint(lab, spans.slow).await?],
            Part::Backlog => backlog::run(lab, spans.backlog, fresh, progress).await?,
            Part::WhatIf => what_if::run(lab, spans.tried, spans.latency, progress).await?,
            Part::Find => find::run(lab, spans.found, progress).await?,
            Part::Crash => vec![crash::run(lab, directory, args.database.as_deref()).await?],
        };
        figures.iter().for_each(|figure| progress.figure(figure));
        all.extend(figures);
    }
    Ok(all)
}
