//! Accept loop. It never accepts more connections than the process has descriptors for; when descriptors run out, it
//! pauses instead of spinning.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::Protocol;
use super::connections::Connections;

/// Maximum number of connections, whatever the number of descriptors: each takes some ten KiB.
const MAX_CONNECTIONS: usize = 16_384;

/// Pause after the operating system had no descriptor or memory for a connection; doubled up to a second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// A listening socket with its limits.
pub(super) struct Door {
    pub(super) listener: TcpListener,
    pub(super) protocol: Protocol,
    pub(super) connections: Arc<Connections>,
}

// === impl Door ===

impl Door {
    /// Accepts until `stop`, then closes the port and waits until all connections have ended.
    pub(super) async fn serve(self, stop: CancellationToken) {
        let Self {
            listener,
            protocol,
            connections,
        } = self;
        let serving = TaskTracker::new();
        let mut pause = PAUSE.0;
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    pause = PAUSE.0;
                    // Fails only for a connection that is broken already.
                    let _ = stream.set_nodelay(true);
                    // Without a permit the connection is closed at once.
                    if let Some(connection) = connections.admit(address) {
                        serving.spawn(protocol.clone().serve(stream, connection, stop.clone()));
                    }
                }
                // The peer disconnected before it was accepted.
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if pause == PAUSE.0 {
                        tracing::error!(%error, "no connection can be accepted");
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
        }
        drop(listener);
        serving.close();
        serving.wait().await;
    }
}

/// The number of connections that this process serves: half of its descriptors, since databases, destinations and peers
/// need some, too. Raises the soft limit as far as the operator allows.
pub(super) fn capacity() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let descriptors = current.map_or(usize::MAX, |number| usize::try_from(number).unwrap_or(usize::MAX));
    (descriptors / 2).clamp(1, MAX_CONNECTIONS)
}

/// Whether accepting failed for the connection alone, so that the next may be accepted at once.
fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::Interrupted
    )
}
