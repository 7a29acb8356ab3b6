//! The one binary of Watchbell: `serve` runs any set of its services, `demo` shows them, and everything else talks to
//! a running server over gRPC. What the services do is in their own crates; here they are only put together.

#[cfg(feature = "demo")]
mod bench;
mod cli;
mod commands;
mod confirm;
#[cfg(feature = "demo")]
mod demo;
mod failure;
mod input;
mod listen;
#[cfg(feature = "demo")]
mod local;
mod migrate_store;
mod serve;
mod session;
mod text;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use cli::{Cli, Command};
use failure::{Failure, Outcome};
use text::{Style, shown};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Polls of tasks between two checks for I/O events. The default of 61 takes some 10 ms while the threads are saturated, and
/// every new request would wait for that.
const EVENT_INTERVAL: u32 = 16;

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    // Failing means that a provider is installed already, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .event_interval(EVENT_INTERVAL)
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| {
            let outcome = runtime.block_on(run(cli));
            // Reading standard input cannot be interrupted; do not wait for it.
            runtime.shutdown_background();
            outcome
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let mut stderr = std::io::stderr();
            let style = Style::new(stderr.is_terminal() && console::colors_enabled_stderr());
            let _ = stderr.write_all(shown(&failure.render(style)).as_bytes());
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(cli: Cli) -> Outcome {
    match cli.command {
        Command::Serve(args) => serve::run(args).await,
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::run(args).await,
        #[cfg(feature = "demo")]
        Command::Bench(args) => bench::run(args).await,
        Command::Completions { shell } => {
            cli::completions(shell);
            Ok(())
        }
        Command::Context(command) => session::contexts::run(command),
        Command::Listen(args) => listen::run(args).await,
        Command::MigrateStore(args) => migrate_store::run(args).await,
        Command::Man { directory } => Ok(cli::manual(&directory)?),
        Command::Client(command) => {
            let session = session::Session::open(&cli.global, command.needs_team()).await?;
            commands::run(&session, command).await
        }
    }
}
