//! Pacing of a connection's reads, for servers and for clients.
//!
//! hyper processes everything that a connection has received in one poll of its task, maybe a thousand calls or interim
//! answers; so reading pauses after some KiB, and the thread runs other tasks in between.

mod settings_frames;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{self, Instant};

use settings_frames::SettingsFrames;

/// Bytes read before other tasks run: the headers of about a hundred calls.
pub const READ_QUANTUM: usize = 16 * 1024;

/// Stream that yields to other tasks after each [`READ_QUANTUM`] of bytes read.
#[derive(Debug)]
pub struct Paced<S> {
    stream: S,
    received: ByteCount,
    limit: usize,
    /// Bytes read since the last pause.
    since_pause: usize,
    /// Of a server's connection.
    settings: Option<SettingsFrames>,
}

/// Bytes that a [`Paced`] stream has read. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct ByteCount(Arc<AtomicUsize>);

// === impl ByteCount ===

impl ByteCount {
    /// The bytes read since the last reset.
    #[must_use]
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts from zero again.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

// === impl Paced ===

impl<S> Paced<S> {
    /// Paces a client's stream, and refuses a flood of SETTINGS frames if it speaks HTTP/2.
    #[must_use]
    pub fn of_client(stream: S) -> Self {
        Self {
            settings: Some(SettingsFrames::new()),
            ..Self::limited(stream, usize::MAX)
        }
    }

    /// Paces a stream of which no more is read once [`Paced::received`] has reached `limit`.
    #[must_use]
    pub fn limited(stream: S, limit: usize) -> Self {
        Self {
            stream,
            received: ByteCount::default(),
            limit,
            since_pause: 0,
            settings: None,
        }
    }

    /// The count of bytes read, as it grows.
    #[must_use]
    pub fn received(&self) -> ByteCount {
        self.received.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.since_pause >= READ_QUANTUM {
            this.since_pause = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if this.received.get() >= this.limit {
            return Poll::Ready(Err(io::Error::other("the peer sent too much")));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if read.is_pending() {
            this.since_pause = 0;
        }
        ready!(read)?;
        let bytes = buffer.filled().len() - before;
        if let Some(settings) = &mut this.settings
            && !settings.take(&buffer.filled()[before..], now)
        {
            return Poll::Ready(Err(io::Error::other("the peer sent too many SETTINGS frames")));
        }
        this.since_pause += bytes;
        this.received.0.fetch_add(bytes, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Current time of tokio's timers, which tests pause and advance.
fn now() -> Instant {
    time::sleep(Duration::ZERO).deadline()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Reads until nothing more comes. The bytes read before each pause, and how reading ended.
    fn read_all(paced: &mut Paced<impl AsyncRead + Unpin>) -> (Vec<usize>, usize, io::Result<()>) {
        let (mut buffer, mut pauses, mut all) = ([0; 1024], Vec::new(), 0);
        loop {
            match tokio::task::unconstrained(paced.read(&mut buffer)).now_or_never() {
                None => pauses.push(all),
                Some(Ok(0)) => return (pauses, all, Ok(())),
                Some(Ok(read)) => all += read,
                Some(Err(error)) => return (pauses, all, Err(error)),
            }
        }
    }

    #[tokio::test]
    async fn after_a_quantum_other_tasks_run_before_more_is_read() {
        let (mut here, there) = tokio::io::duplex(4 * READ_QUANTUM);
        here.write_all(&vec![0; 2 * READ_QUANTUM + 1]).await.unwrap();
        drop(here);
        let mut paced = Paced::of_client(there);
        let received = paced.received();
        let (pauses, all, ended) = read_all(&mut paced);
        assert!(ended.is_ok());
        assert_eq!(pauses, [READ_QUANTUM, 2 * READ_QUANTUM]);
        assert_eq!(
            (all, received.get()),
            (2 * READ_QUANTUM + 1, 2 * READ_QUANTUM + 1)
        );
    }

    #[tokio::test]
    async fn no_more_than_the_limit_is_read_until_the_count_is_reset() {
        let limit = 3 * READ_QUANTUM;
        let (mut here, there) = tokio::io::duplex(2 * limit);
        here.write_all(&vec![0; limit + 1]).await.unwrap();
        let mut paced = Paced::limited(there, limit);
        let (_, all, ended) = read_all(&mut paced);
        assert_eq!((all, ended.is_err()), (limit, true));
        paced.received().reset();
        assert_eq!(paced.read(&mut [0; 10]).await.unwrap(), 1);
    }
}
