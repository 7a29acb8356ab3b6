//! An HTTP/1.1 connection that is driven by whoever uses it.
//!
//! hyper gives a handle that takes requests and a driver that moves bytes. The driver is polled by the task that
//! waits for the answer: an exchange wakes no second task, and a request that is given up takes its connection with
//! it. Nobody polls an idle connection; what the server did to it meanwhile is noticed when it is used again.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::coop::unconstrained;

use super::MAX_ANSWER_HEAD;
use super::keep_alive::KeepAlive;
use super::origin::Origin;
use super::payload::Payload;
use super::wire::{Ration, Wire};
use crate::dial::now;

/// What may come before the end of an answer's head, interim answers (1xx) included.
const MAX_BEFORE_ANSWER: usize = 4 * MAX_ANSWER_HEAD;

/// A connection that carries one exchange at a time.
pub(super) struct Http1 {
    origin: Origin,
    host: HeaderValue,
    sender: SendRequest<Payload>,
    driver: Driver,
    ration: Ration,
    heard_nothing: bool,
    pub(super) keep_alive: KeepAlive,
}

/// What moves the bytes, and what is left of it once the connection has ended.
enum Driver {
    Running(Box<Connection<TokioIo<Wire>, Payload>>),
    Ended(Option<Wire>),
}

/// The body of an answer, together with what has to be driven for it to come.
pub(super) struct Driven<'a> {
    body: Incoming,
    driver: &'a mut Driver,
}

impl Http1 {
    pub(super) async fn open(wire: Wire, origin: Origin, host: HeaderValue) -> hyper::Result<Self> {
        let ration = wire.ration();
        let (sender, connection) = Builder::new()
            .max_buf_size(MAX_ANSWER_HEAD)
            .handshake(TokioIo::new(wire))
            .await?;
        Ok(Self {
            origin,
            host,
            sender,
            driver: Driver::Running(Box::new(connection)),
            ration,
            heard_nothing: true,
            keep_alive: KeepAlive::new(now()),
        })
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Sends a request and waits for the head of its answer. The error gives the request back when nothing of it
    /// was sent.
    pub(super) async fn send(
        &mut self,
        mut request: Request<Payload>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Payload>>> {
        let uri = request.uri_mut();
        *uri = uri.path_and_query().cloned().map_or_else(Uri::default, Uri::from);
        request.headers_mut().insert(HOST, self.host.clone());
        // Only driving brings the answer, so a wake-up of its own would be one too many. A task's budget that runs
        // out would count on that wake-up; driving keeps to the budget, so that no flood can hold a thread.
        let mut answer = pin!(unconstrained(self.sender.try_send_request(request)));
        let driver = &mut self.driver;
        self.ration.limit(MAX_BEFORE_ANSWER);
        let answer = poll_fn(|cx| {
            driver.poll(cx);
            answer.as_mut().poll(&mut unheard())
        });
        let answer = answer.await;
        self.heard_nothing = self.ration.is_untouched(MAX_BEFORE_ANSWER);
        self.ration.lift();
        if let Ok(response) = &answer {
            self.keep_alive.answered(response.headers(), now());
        }
        answer
    }

    /// Whether the server had closed the connection before the last request reached it: its system refuses what comes
    /// for a closed connection by a reset. A server that has read the request and says nothing ends without one. Waits
    /// for the reset for `patience` at most.
    pub(super) async fn was_closed_before(&mut self, patience: Duration) -> bool {
        match &mut self.driver {
            Driver::Ended(Some(wire)) if self.heard_nothing => wire.was_reset(patience).await,
            _ => false,
        }
    }

    /// Reads the body of the answer.
    pub(super) fn reading(&mut self, body: Incoming) -> Driven<'_> {
        Driven {
            body,
            driver: &mut self.driver,
        }
    }

    /// Whether it can take another request. Leaves no waker behind, so that an idle connection holds on to nobody's
    /// task.
    pub(super) fn is_reusable(&mut self) -> bool {
        self.driver.poll(&mut unheard());
        matches!(self.driver, Driver::Running(_)) && self.sender.is_ready()
    }

    /// Says goodbye as far as that is possible without waiting: TLS wants to be closed by both sides.
    pub(super) fn close(self) {
        let Self {
            sender, mut driver, ..
        } = self;
        drop(sender);
        driver.poll(&mut unheard());
    }
}

impl Driver {
    fn poll(&mut self, cx: &mut Context<'_>) {
        if let Self::Running(connection) = self
            && Pin::new(connection).poll(cx).is_ready()
            && let Self::Running(connection) = std::mem::replace(self, Self::Ended(None))
        {
            // Taking it apart answers the request that it still has, if any.
            *self = Self::Ended(Some(connection.into_parts().io.into_inner()));
        }
    }
}

impl Body for Driven<'_> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let had = Pin::new(&mut this.body).poll_frame(&mut unheard());
        if had.is_ready() {
            return had;
        }
        this.driver.poll(cx);
        Pin::new(&mut this.body).poll_frame(&mut unheard())
    }
}

fn unheard() -> Context<'static> {
    Context::from_waker(Waker::noop())
}
