//! Accept loop. It never accepts more connections than the process has descriptors for; when descriptors run out, it
//! pauses instead of spinning.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
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
        let listener_of = &listener;
        accept_until(
            &stop,
            || listener_of.accept(),
            |stream, address| {
                // Fails only for a connection that is broken already.
                let _ = TcpStream::set_nodelay(&stream, true);
                // Without a permit the connection is closed at once.
                if let Some(connection) = connections.admit(address) {
                    serving.spawn(protocol.clone().serve(stream, connection, stop.clone()));
                }
            },
        )
        .await;
        drop(listener);
        serving.close();
        serving.wait().await;
    }
}

/// Accepts until `stop`, and pauses for longer and longer while nothing can be accepted.
async fn accept_until<S, F>(
    stop: &CancellationToken,
    accept: impl Fn() -> F,
    mut accepted: impl FnMut(S, SocketAddr),
) where
    F: Future<Output = io::Result<(S, SocketAddr)>>,
{
    let mut pause = PAUSE.0;
    while let Some(next) = stop.run_until_cancelled(accept()).await {
        match next {
            Ok((stream, address)) => {
                pause = PAUSE.0;
                accepted(stream, address);
            }
            // The peer disconnected before it was accepted.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if pause == PAUSE.0 {
                    tracing::error!(%error, "no connection can be accepted");
                }
                stop.run_until_cancelled(tokio::time::sleep(pause)).await;
                pause = (pause * 2).min(PAUSE.1);
            }
        }
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
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::testing::paused_now;

    /// Linux's EMFILE.
    const NO_DESCRIPTOR: i32 = 24;

    const FROM: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

    fn no_descriptor() -> io::Result<((), SocketAddr)> {
        Err(io::Error::from_raw_os_error(NO_DESCRIPTOR))
    }

    /// The pauses before each further accept, of which these are the results.
    async fn pauses(results: Vec<io::Result<((), SocketAddr)>>) -> (Vec<u128>, usize) {
        let stop = CancellationToken::new();
        let (tried, mut accepted) = (RefCell::new(Vec::new()), 0);
        let results = RefCell::new(results.into_iter());
        let accept = || {
            tried.borrow_mut().push(paused_now());
            let next = results.borrow_mut().next();
            let stop = stop.clone();
            async move {
                match next {
                    Some(result) => result,
                    None => {
                        stop.cancel();
                        std::future::pending().await
                    }
                }
            }
        };
        accept_until(&stop, accept, |(), _| accepted += 1).await;
        let tried = tried.into_inner();
        let pauses = tried.windows(2).map(|pair| (pair[1] - pair[0]).as_millis());
        (pauses.collect(), accepted)
    }

    #[tokio::test(start_paused = true)]
    async fn without_descriptors_accepting_pauses_for_longer_and_longer_up_to_a_second() {
        let mut results: Vec<_> = (0..9).map(|_| no_descriptor()).collect();
        results.push(Ok(((), FROM)));
        results.push(no_descriptor());
        let (pauses, accepted) = pauses(results).await;
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1_000, 1_000, 0, 10]);
        assert_eq!(accepted, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_is_gone_already_delays_nobody() {
        let gone = || Err(io::ErrorKind::ConnectionAborted.into());
        let (pauses, accepted) = pauses(vec![gone(), gone(), Ok(((), FROM))]).await;
        assert_eq!((pauses, accepted), (vec![0, 0, 0], 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_a_pause() {
        let stop = CancellationToken::new();
        let began = paused_now();
        let stopping = async {
            // The fifth pause has begun.
            tokio::time::sleep(Duration::from_millis(151)).await;
            stop.cancel();
        };
        let accepting = accept_until(&stop, async || no_descriptor(), |(), _| {});
        tokio::join!(accepting, stopping);
        assert_eq!(began.elapsed(), Duration::from_millis(151));
    }
}
