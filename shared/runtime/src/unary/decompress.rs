//! Bodies that are decompressed while they are read, so that they are charged by what they decompress to.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use tonic::Status;
use watchbell_model::violation::reason as field;

use super::gzip::Decompressor;
use crate::problem::Problem;

/// Length of the prefix of a message of gRPC: whether it is compressed, and its length.
pub(crate) const PREFIX: usize = 5;

/// A body that is read without its compression.
struct Decompressed {
    body: Body,
    framing: Framing,
    decompressor: Decompressor,
    ended: bool,
}

enum Framing {
    /// All of the body is compressed.
    Whole,
    /// One message of gRPC, which is compressed or not.
    Message { prefix: Vec<u8>, received: usize },
}

pub(super) fn whole(body: Body) -> Body {
    Decompressed::body(body, Framing::Whole)
}

/// The message without its prefix.
pub(super) fn message(body: Body) -> Body {
    let prefix = Vec::with_capacity(PREFIX);
    Decompressed::body(body, Framing::Message { prefix, received: 0 })
}

/// A message behind the prefix of gRPC.
pub(crate) fn with_prefix(flag: u8, message: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(PREFIX + message.len());
    frame.push(flag);
    frame.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    frame.extend_from_slice(message);
    frame.into()
}

/// The error of a body, which becomes the answer.
pub(super) fn refused(problem: Problem) -> axum::Error {
    axum::Error::new(Status::from(problem))
}

fn not_a_message() -> Problem {
    Problem::invalid("", field::MALFORMED, "the request is not a gRPC message")
}

// === impl Framing ===

impl Framing {
    /// What of the data belongs to the message, and whether that is compressed.
    fn strip(&mut self, mut data: Bytes) -> Result<(Bytes, bool), Problem> {
        let Self::Message { prefix, received } = self else {
            return Ok((data, true));
        };
        let missing = (PREFIX - prefix.len()).min(data.len());
        prefix.extend_from_slice(&data.split_to(missing));
        let &[flag, a, b, c, d] = &**prefix else {
            return Ok((Bytes::new(), false));
        };
        *received += data.len();
        if flag > 1 || *received > u32::from_be_bytes([a, b, c, d]) as usize {
            return Err(not_a_message());
        }
        Ok((data, flag == 1))
    }

    /// Whether what came is complete, and whether it was compressed.
    fn end(&self) -> Result<bool, Problem> {
        let Self::Message { prefix, received } = self else {
            return Ok(true);
        };
        match **prefix {
            [flag, a, b, c, d] if *received == u32::from_be_bytes([a, b, c, d]) as usize => Ok(flag == 1),
            _ => Err(not_a_message()),
        }
    }
}

// === impl Decompressed ===

impl Decompressed {
    fn body(body: Body, framing: Framing) -> Body {
        Body::new(Self {
            body,
            framing,
            decompressor: Decompressor::new(),
            ended: false,
        })
    }

    fn take(&mut self, data: Bytes) -> Result<Bytes, Problem> {
        let (data, compressed) = self.framing.strip(data)?;
        if !compressed {
            return Ok(data);
        }
        self.decompressor.push(&data)?;
        Ok(self.decompressor.take().into())
    }

    /// What is left at the end of the body.
    fn finish(&mut self) -> Result<Bytes, Problem> {
        if self.framing.end()? {
            self.decompressor.finish()?;
        }
        Ok(self.decompressor.take().into())
    }
}

impl HttpBody for Decompressed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        while !this.ended {
            let taken = match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => this.take(frame.into_data().unwrap_or_default()),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    this.ended = true;
                    this.finish()
                }
            };
            match taken {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Err(problem) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(refused(problem))));
                }
            }
        }
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::StreamExt as _;
    use futures::stream;
    use http_body_util::BodyExt as _;
    use tonic::Code;

    use super::*;
    use crate::unary::compressed;

    fn body(parts: Vec<Bytes>) -> Body {
        Body::from_stream(stream::iter(parts.into_iter().map(Ok::<_, Infallible>)))
    }

    #[tokio::test]
    async fn what_a_message_decompresses_to_is_read_before_its_end() {
        let text = vec![b'x'; 1_000_000];
        let sent = with_prefix(1, &compressed(&text));
        let but_the_end = sent.slice(..sent.len() - 8);
        let parts = stream::iter([Ok::<_, Infallible>(but_the_end)]).chain(stream::pending());
        let mut read = message(Body::from_stream(parts));
        let first = read.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(first.len() > text.len() / 2, "{}", first.len());
    }

    #[tokio::test]
    async fn a_message_is_read_without_its_prefix_however_it_is_cut() {
        for flag in [0, 1] {
            let text = b"a message of some length".repeat(20);
            let sent = match flag {
                0 => with_prefix(0, &text),
                _ => with_prefix(1, &compressed(&text)),
            };
            for length in [1, 3, 7, sent.len()] {
                let parts = sent.chunks(length).map(Bytes::copy_from_slice).collect();
                let read = message(body(parts)).collect().await.unwrap().to_bytes();
                assert_eq!(read, text, "{flag}, {length} bytes at a time");
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_message_is_the_callers_fault() {
        let whole = with_prefix(0, b"text");
        let too_long = [&whole[..], b"more"].concat().into();
        for sent in [
            Bytes::new(),
            whole.slice(..3),
            whole.slice(..6),
            too_long,
            with_prefix(2, b"text"),
        ] {
            let error = message(body(vec![sent])).collect().await.unwrap_err();
            assert_eq!(Status::from_error(error.into()).code(), Code::InvalidArgument);
        }
    }
}
