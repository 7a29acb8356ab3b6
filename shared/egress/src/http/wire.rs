//! The bytes beneath HTTP: a TCP stream, encrypted or not, and how much of it is listened to.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A stream to a server.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    ration: Ration,
    /// A read or a write has failed because of a reset.
    reset: bool,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// How many bytes of a server are still listened to. Whoever talks and never answers would otherwise be read and parsed
/// as fast as it talks, until the time-out.
#[derive(Debug, Clone)]
pub(super) struct Ration(Arc<AtomicUsize>);

impl Ration {
    /// From now on so many and no more.
    pub(super) fn limit(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// From now on as many as are asked for.
    pub(super) fn lift(&self) {
        self.limit(usize::MAX);
    }

    /// Whether nothing was heard since it was limited to `bytes`.
    pub(super) fn is_untouched(&self, bytes: usize) -> bool {
        self.0.load(Ordering::Relaxed) == bytes
    }

    fn is_used_up(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn spend(&self, bytes: usize) {
        self.limit(self.0.load(Ordering::Relaxed).saturating_sub(bytes));
    }
}

impl Default for Ration {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(usize::MAX)))
    }
}

impl From<Stream> for Wire {
    fn from(stream: Stream) -> Self {
        Self {
            stream,
            ration: Ration::default(),
            reset: false,
        }
    }
}

impl Wire {
    pub(super) fn plain(stream: TcpStream) -> Self {
        Stream::Plain(stream).into()
    }

    pub(super) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Stream::Tls(Box::new(stream)).into()
    }

    /// Limits what is read of it, wherever it goes.
    pub(super) fn ration(&self) -> Ration {
        self.ration.clone()
    }

    fn noting_a_reset<T>(&mut self, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &done {
            self.reset |= matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
            );
        }
        done
    }

    /// Whether the other side's system reset the connection; waits for that for `patience` at most.
    pub(super) async fn was_reset(&self, patience: Duration) -> bool {
        let tcp = match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
        };
        if self.reset {
            return true;
        }
        let seen = tokio::time::timeout(patience, tcp.ready(Interest::ERROR)).await;
        seen.is_ok() && matches!(tcp.take_error(), Ok(Some(_)))
    }

    /// Whether both sides agreed on HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        match &self.stream {
            Stream::Plain(_) => false,
            Stream::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ration.is_used_up() {
            return Poll::Ready(Err(io::Error::other("the server talks on without an answer")));
        }
        let before = buf.filled().len();
        let read = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        this.ration.spend(buf.filled().len() - before);
        this.noting_a_reset(read)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        };
        this.noting_a_reset(wrote)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        };
        this.noting_a_reset(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        };
        this.noting_a_reset(wrote)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
