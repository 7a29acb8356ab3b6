//! Opening a TCP connection to one of several judged addresses.
//!
//! The addresses are tried as RFC 8305 has it, a quarter of a second apart, because a host whose IPv6 is broken
//! should not cost every delivery its whole time-out.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time;

const STAGGER: Duration = Duration::from_millis(250);

/// The first connection that opens within `timeout`; Nagle's algorithm is off on it.
pub(crate) async fn dial(addresses: &[SocketAddr], timeout: Duration) -> io::Result<TcpStream> {
    let stream = time::timeout(timeout, race(addresses))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no connection in time"))??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn race(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    if let [only] = addresses {
        return TcpStream::connect(only).await;
    }
    let mut attempts: FuturesUnordered<_> = (0u32..)
        .zip(addresses)
        .map(|(position, address)| async move {
            time::sleep(STAGGER * position).await;
            TcpStream::connect(address).await
        })
        .collect();
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "no address to dial");
    while let Some(attempt) = attempts.next().await {
        match attempt {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
