//! Opening a TCP connection to one of several judged addresses by Happy Eyeballs (RFC 8305 §5).
//!
//! The next address is tried 250 ms after the last one, or at once when that one fails: a host whose IPv6 is broken should
//! not cost every delivery its whole time-out.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time;

/// Bound for opening a connection, even when the request may wait longer: to know that the server cannot be reached is worth
/// more than a time-out.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connection Attempt Delay (RFC 8305 §8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// TCP, maybe with TLS over it.
pub(crate) type Stream = Box<dyn ReadWrite>;

pub(crate) trait ReadWrite: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ReadWrite for S {}

/// Current time of tokio's timers, which tests pause and advance.
pub(crate) fn now() -> time::Instant {
    time::sleep(Duration::ZERO).deadline()
}

/// Opens the first connection that succeeds, with Nagle's algorithm off. The caller bounds the time.
pub(crate) async fn dial(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let stream = race(addresses, TcpStream::connect).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The first of `connect`'s results that succeeds, or the last error.
async fn race<S, C>(addresses: &[SocketAddr], connect: impl Fn(SocketAddr) -> C) -> io::Result<S>
where
    C: Future<Output = io::Result<S>>,
{
    let mut waiting = addresses.iter();
    let mut attempts = FuturesUnordered::new();
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "no address to dial");
    loop {
        match waiting.next() {
            Some(address) => attempts.push(connect(*address)),
            None if attempts.is_empty() => return Err(last),
            None => {}
        }
        let ended = if waiting.len() == 0 {
            attempts.next().await
        } else {
            time::timeout(ATTEMPT_DELAY, attempts.next())
                .await
                .unwrap_or_default()
        };
        match ended {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => last = error,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses that refuse after as many milliseconds as their port, or open at once (port 0), or never answer (port 1).
    async fn connect(address: SocketAddr) -> io::Result<u16> {
        match address.port() {
            0 => Ok(0),
            1 => std::future::pending().await,
            delay => {
                time::sleep(Duration::from_millis(delay.into())).await;
                Err(io::ErrorKind::ConnectionRefused.into())
            }
        }
    }

    async fn milliseconds(ports: &[u16]) -> (io::Result<u16>, u128) {
        let addresses: Vec<_> = ports.iter().map(|port| ([127, 0, 0, 1], *port).into()).collect();
        let begin = now();
        (race(&addresses, connect).await, begin.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_refuses_costs_no_delay_and_one_that_is_silent_a_quarter_of_a_second() {
        for (ports, took) in [
            (&[0][..], 0),
            (&[10, 0], 10),
            (&[10, 20, 0], 30),
            (&[1, 0], 250),
            (&[1, 10, 0], 260),
            (&[1, 1, 0], 500),
            (&[300, 0], 250),
        ] {
            let (opened, after) = milliseconds(ports).await;
            assert!(opened.is_ok(), "{ports:?}: {opened:?}");
            assert_eq!(after, took, "{ports:?}");
        }
        let (refused, after) = milliseconds(&[10, 20]).await;
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(after, 30);
        assert!(milliseconds(&[]).await.0.is_err());
    }
}
