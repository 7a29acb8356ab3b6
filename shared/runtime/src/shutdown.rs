//! Shutdown by signals. The first SIGTERM or SIGINT starts an orderly shutdown; a second one ends the process at
//! once. SIGHUP counts as one while standard input is a terminal: that is how its closing is told.

use std::io::{self, IsTerminal as _};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code after a second signal: 128 + SIGINT, as shells say it.
const IMPATIENT: i32 = 130;

/// A token that is cancelled by the first of these signals. Call it once, inside the tokio runtime.
///
/// # Errors
/// When the signal handlers cannot be installed.
pub fn on_signal() -> io::Result<CancellationToken> {
    let mut signals = Signals {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
        hangup: match io::stdin().is_terminal() {
            true => Some(signal(SignalKind::hangup())?),
            false => None,
        },
    };
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let name = signals.next().await;
        tracing::info!(signal = name, "stopping");
        cancelled.cancel();
        let name = signals.next().await;
        tracing::warn!(signal = name, "stopping at once");
        std::process::exit(IMPATIENT);
    });
    Ok(token)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    /// The name of the next one.
    async fn next(&mut self) -> &'static str {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = hangup => "SIGHUP",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sigterm_cancels_the_token() {
        let token = on_signal().unwrap();
        assert!(!token.is_cancelled());
        let kill = tokio::process::Command::new("kill")
            .args(["-TERM", &std::process::id().to_string()])
            .status()
            .await;
        assert!(kill.unwrap().success());
        token.cancelled().await;
    }
}
