//! A body without the frame of gRPC as a message of gRPC: read to its end, and translated from JSON.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use hyper::body::{Body as HttpBody, Frame};
use watchbell_contracts::api::MAX_MESSAGE_BYTES;
use watchbell_contracts::json;
use watchbell_model::violation::{Violations, reason as field};

use super::decompress::{refused, with_prefix};
use super::{Codec, MAX_INLINE, Unframed};
use crate::problem::Problem;
use crate::run_queue::RunQueue;

enum Framed {
    Reading {
        body: Body,
        read: BytesMut,
        call: Unframed,
        queue: RunQueue,
    },
    Translating(BoxFuture<'static, Result<Bytes, Problem>>),
    Done,
}

/// The body that gRPC reads.
pub(super) fn framed(body: Body, call: Unframed, queue: RunQueue) -> Body {
    Body::new(Framed::Reading {
        body,
        read: BytesMut::new(),
        call,
        queue,
    })
}

pub(super) fn too_large() -> Problem {
    Problem::TooLarge {
        message: format!("the request is longer than {MAX_MESSAGE_BYTES} bytes"),
    }
}

fn translate(call: &Unframed, read: &[u8]) -> Result<Bytes, Problem> {
    match call.codec {
        Codec::Proto => Ok(with_prefix(0, read)),
        Codec::Json => match json::read(&call.input, read) {
            Ok(message) => Ok(with_prefix(0, &message)),
            Err(found) => {
                let mut violations = Violations::new();
                for violation in found {
                    let reason = if violation.unknown {
                        field::UNKNOWN_FIELD
                    } else {
                        field::MALFORMED
                    };
                    violations.add(violation.field, reason, violation.description);
                }
                Err(violations.into())
            }
        },
    }
}

async fn translate_elsewhere(call: Unframed, read: Bytes, queue: RunQueue) -> Result<Bytes, Problem> {
    queue.heavy(move || translate(&call, &read)).await?
}

impl HttpBody for Framed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        loop {
            let framed = match &mut *self {
                Self::Done => return Poll::Ready(None),
                Self::Translating(translating) => ready!(translating.poll_unpin(cx)),
                Self::Reading {
                    body,
                    read,
                    call,
                    queue,
                } => match ready!(Pin::new(body).poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        let data = frame.into_data().unwrap_or_default();
                        if read.len() + data.len() <= MAX_MESSAGE_BYTES {
                            read.extend_from_slice(&data);
                            continue;
                        }
                        Err(too_large())
                    }
                    Some(Err(error)) => {
                        *self = Self::Done;
                        return Poll::Ready(Some(Err(error)));
                    }
                    None if read.len() > MAX_INLINE && call.codec == Codec::Json => {
                        let elsewhere =
                            translate_elsewhere(call.clone(), read.split().freeze(), queue.clone());
                        *self = Self::Translating(Box::pin(elsewhere));
                        continue;
                    }
                    None => translate(call, read),
                },
            };
            *self = Self::Done;
            return Poll::Ready(Some(framed.map(Frame::data).map_err(refused)));
        }
    }
}
