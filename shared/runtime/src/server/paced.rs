//! Pacing of a connection's reads. The task of an HTTP/2 connection processes everything that was received, maybe a
//! thousand calls, in one poll; so reading pauses after some KiB, and the thread runs other tasks in between.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read in one turn: the headers of about a hundred calls.
const TURN: usize = 16 * 1024;

/// Stream that yields to other tasks after each [`TURN`] of bytes read.
pub(super) struct Paced<S> {
    stream: S,
    received: Arc<AtomicUsize>,
    /// Bytes read in this turn.
    turn: usize,
}

// === impl Paced ===

impl<S> Paced<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            received: Arc::default(),
            turn: 0,
        }
    }

    /// The number of bytes that have been read, as it grows.
    pub(super) fn received(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.received)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.turn >= TURN {
            this.turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if read.is_pending() {
            this.turn = 0;
        }
        ready!(read)?;
        let bytes = buffer.filled().len() - before;
        this.turn += bytes;
        this.received.fetch_add(bytes, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn after_a_turn_other_tasks_run_before_more_is_read() {
        let (mut here, there) = tokio::io::duplex(4 * TURN);
        here.write_all(&vec![0; 2 * TURN + 1]).await.unwrap();
        drop(here);
        let mut paced = Paced::new(there);
        let received = paced.received();
        let (mut buffer, mut pauses, mut all) = ([0; 1024], Vec::new(), 0);
        loop {
            match paced.read(&mut buffer).now_or_never() {
                None => pauses.push(all),
                Some(Ok(0)) => break,
                Some(read) => all += read.unwrap(),
            }
        }
        assert_eq!(pauses, [TURN, 2 * TURN]);
        assert_eq!(
            (all, received.load(Ordering::Relaxed)),
            (2 * TURN + 1, 2 * TURN + 1)
        );
    }
}
