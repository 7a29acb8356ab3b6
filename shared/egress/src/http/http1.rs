//! HTTP/1.1 connection that is driven by the task that uses it.
//!
//! hyper gives a handle that takes requests and a driver that moves bytes. The driver is polled by the task that waits for the
//! answer: an exchange wakes no second task, and a request that is given up closes its connection. Nobody polls an idle
//! connection; what the server did to it meanwhile is noticed when it is taken from the pool.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use bytes::Bytes;
use http::{Request, Response, Uri};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWrite as _;
use tokio::task::coop::unconstrained;
use watchbell_paced::Paced;

use super::body::RequestBody;
use crate::dial::Stream;

/// Bytes of an answer's head. hyper takes 100 headers over HTTP/1.1; another number would have it allocate for each answer.
pub(super) const MAX_ANSWER_HEAD: usize = 64 * 1024;

type Driver = Connection<TokioIo<Paced<Stream>>, RequestBody>;

/// Connection that carries one exchange at a time.
pub(super) struct Http1 {
    sender: SendRequest<RequestBody>,
    /// Nothing once the connection has ended.
    driver: Option<Driver>,
}

impl Http1 {
    pub(super) async fn open(stream: Paced<Stream>) -> hyper::Result<Self> {
        let (sender, driver) = Builder::new()
            .max_buf_size(MAX_ANSWER_HEAD)
            .handshake(TokioIo::new(stream))
            .await?;
        Ok(Self {
            sender,
            driver: Some(driver),
        })
    }

    /// Sends a request and waits for the head of its answer. The error gives the request back when nothing of it was sent.
    pub(super) async fn send(
        &mut self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<RequestBody>>> {
        let uri = request.uri_mut();
        *uri = uri.path_and_query().cloned().map_or_else(Uri::default, Uri::from);
        let Self { sender, driver } = self;
        // Only driving brings the answer, so that nothing else needs to wake this task. A task's budget that runs out would
        // count on such a wake-up; driving keeps to the budget, so that no flood can hold a thread.
        let mut answer = pin!(unconstrained(sender.try_send_request(request)));
        poll_fn(|cx| {
            drive(driver, cx);
            answer.as_mut().poll(&mut noop_context())
        })
        .await
    }

    /// The next frame of an answer's body.
    pub(super) async fn frame(&mut self, body: &mut Incoming) -> Option<hyper::Result<Frame<Bytes>>> {
        poll_fn(|cx| {
            let ready = Pin::new(&mut *body).poll_frame(&mut noop_context());
            if ready.is_ready() {
                return ready;
            }
            drive(&mut self.driver, cx);
            Pin::new(&mut *body).poll_frame(&mut noop_context())
        })
        .await
    }

    /// Whether it can take another request. Leaves no waker behind, so that an idle connection wakes nobody.
    pub(super) fn is_open(&mut self) -> bool {
        drive(&mut self.driver, &mut noop_context());
        self.driver.is_some() && self.sender.is_ready()
    }
}

impl Drop for Http1 {
    /// Closes an idle connection as far as that is possible without waiting: TLS has a closing message.
    fn drop(&mut self) {
        if self.sender.is_ready()
            && let Some(driver) = self.driver.take()
        {
            let mut stream = driver.into_parts().io.into_inner();
            let _closing = Pin::new(&mut stream).poll_shutdown(&mut noop_context());
        }
    }
}

fn drive(driver: &mut Option<Driver>, cx: &mut Context<'_>) {
    if let Some(running) = driver
        && Pin::new(running).poll(cx).is_ready()
    {
        // Dropping it answers the request that it still has, if any.
        *driver = None;
    }
}

fn noop_context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}
