//! A webhook receiver: raw HTTP/1.1, fast enough to be the load's other end.
//!
//! It keeps every request as it came, or only counts; verifies signatures by its own implementation; counts how often
//! each event id arrived; and misbehaves on demand, for each path on its own.

mod behaviour;
mod signatures;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::{Mutex, MutexGuard, RwLock};
use serde::Deserialize;

use crate::journal::{Journal, NotArrived, WAIT_TIMEOUT};
use crate::loopback::Loopback;
pub use behaviour::{Behaviour, Reply, Script};
use behaviour::{Dropped, ReplyBody};
pub use signatures::{Check, Signatures};

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its path, query excluded.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, byte by byte.
    pub body: Bytes,
    /// `event.id` of the body, when there is one.
    pub event_id: Option<String>,
    /// What the signatures say, when a secret is known.
    pub signatures: Signatures,
}

/// A webhook endpoint on loopback.
#[derive(Debug)]
pub struct WebhookReceiver {
    server: Loopback,
    state: Arc<State>,
}

/// How a receiver is to work.
#[derive(Debug, Clone)]
#[must_use]
pub struct WebhookReceiverBuilder {
    count_only: bool,
    count_ids: bool,
    secrets: Vec<String>,
    refuses: bool,
    brand_header: String,
    hook: Option<Hook>,
}

/// A request at the moment of its arrival, before it is answered.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// Its path, query excluded.
    pub path: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: &'a Bytes,
}

/// Whoever looks at each arrival.
#[derive(Clone)]
struct Hook(Arc<dyn Fn(&Arrival<'_>) + Send + Sync>);

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hook")
    }
}

#[derive(Debug)]
struct State {
    received: Journal<Received>,
    count_only: bool,
    count_ids: bool,
    refuses: bool,
    brand_header: String,
    secrets: RwLock<Vec<String>>,
    hook: Option<Hook>,
    arrivals: Arrivals,
    /// Set once anything is scripted, so that the fast path takes no lock.
    scripted: AtomicBool,
    scripts: Mutex<Scripts>,
}

#[derive(Debug, Default)]
struct Scripts {
    everywhere: Script,
    at: HashMap<String, Script>,
}

impl WebhookReceiver {
    /// Starts a receiver that keeps everything and answers 200.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// A receiver that is set up otherwise.
    pub fn builder() -> WebhookReceiverBuilder {
        WebhookReceiverBuilder {
            count_only: false,
            count_ids: true,
            secrets: Vec::new(),
            refuses: false,
            brand_header: "X-Watchbell-Signature".to_owned(),
            hook: None,
        }
    }

    /// The endpoint's URL. Every path of the receiver works; this is `/hook`.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_at("/hook")
    }

    /// The URL of another path, which starts with `/`.
    #[must_use]
    pub fn url_at(&self, path: &str) -> String {
        format!("{}{path}", self.server.http_url())
    }

    /// Verifies signatures with this secret too from now on.
    pub fn expect_secret(&self, secret: impl Into<String>) {
        self.state.secrets.write().push(secret.into());
    }

    /// Behaves like this from now on, wherever no path's own behaviour says otherwise.
    pub fn behave(&self, behaviour: Behaviour) {
        self.script(Script::always(behaviour));
    }

    /// Behaves like this on one path.
    pub fn behave_at(&self, path: &str, behaviour: Behaviour) {
        self.script_at(path, Script::always(behaviour));
    }

    /// Answers the next `n` requests with `status`, and 200 afterwards.
    pub fn fail_first(&self, n: usize, status: u16) {
        self.script(Script::first(n, Behaviour::status(status)));
    }

    /// Follows a script, wherever no path's own says otherwise.
    pub fn script(&self, script: Script) {
        self.state.scripts().everywhere = script;
        self.state.scripted.store(true, Ordering::Release);
    }

    /// Follows a script on one path.
    pub fn script_at(&self, path: &str, script: Script) {
        self.state.scripts().at.insert(path.to_owned(), script);
        self.state.scripted.store(true, Ordering::Release);
    }

    /// Every request so far; none when only counting.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.state.received.all()
    }

    /// Every request to one path.
    #[must_use]
    pub fn received_at(&self, path: &str) -> Vec<Received> {
        self.received()
            .into_iter()
            .filter(|received| received.path == path)
            .collect()
    }

    /// How many requests have arrived.
    #[must_use]
    pub fn count(&self) -> usize {
        self.state.received.count()
    }

    /// How often one event id arrived.
    #[must_use]
    pub fn arrivals_of(&self, event_id: &str) -> u32 {
        self.state.arrivals.of(event_id)
    }

    /// How many different event ids arrived.
    #[must_use]
    pub fn distinct_events(&self) -> usize {
        self.state.arrivals.distinct()
    }

    /// The event ids that arrived more than once, and how often.
    #[must_use]
    pub fn duplicates(&self) -> Vec<(String, u32)> {
        self.state.arrivals.duplicates()
    }

    /// Forgets what has arrived.
    pub fn clear(&self) {
        self.state.received.clear();
        self.state.arrivals.clear();
    }

    /// Waits until `n` requests have arrived.
    ///
    /// # Errors
    /// When they have not after [`WAIT_TIMEOUT`].
    pub async fn wait_for(&self, n: usize) -> Result<Vec<Received>, NotArrived> {
        self.wait_for_within(n, WAIT_TIMEOUT).await
    }

    /// Waits until `n` requests have arrived.
    ///
    /// # Errors
    /// When they have not in time.
    pub async fn wait_for_within(&self, n: usize, within: Duration) -> Result<Vec<Received>, NotArrived> {
        self.state.received.wait_for(n, within).await
    }
}

impl WebhookReceiverBuilder {
    /// Keeps no request, only counts.
    pub fn count_only(mut self) -> Self {
        self.count_only = true;
        self
    }

    /// Does not even look for event ids.
    pub fn without_event_ids(mut self) -> Self {
        self.count_ids = false;
        self
    }

    /// Verifies signatures with this secret.
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// Answers 401 to requests whose plain signature is not right, as the documents tell receivers to.
    pub fn refusing_bad_signatures(mut self) -> Self {
        self.refuses = true;
        self
    }

    /// The header of the plain signature, when the brand is another.
    pub fn brand_header(mut self, name: impl Into<String>) -> Self {
        self.brand_header = name.into();
        self
    }

    /// Calls `look` for each request as it arrives, for measuring. It must not block.
    pub fn on_arrival(mut self, look: impl Fn(&Arrival<'_>) + Send + Sync + 'static) -> Self {
        self.hook = Some(Hook(Arc::new(look)));
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(self) -> io::Result<WebhookReceiver> {
        let (listener, address) = Loopback::bind().await?;
        let state = Arc::new(State {
            received: Journal::new("webhook requests"),
            count_only: self.count_only,
            count_ids: self.count_ids,
            refuses: self.refuses,
            brand_header: self.brand_header,
            secrets: RwLock::new(self.secrets),
            hook: self.hook,
            arrivals: Arrivals::default(),
            scripted: AtomicBool::new(false),
            scripts: Mutex::default(),
        });
        let serving = Arc::clone(&state);
        let server = Loopback::accept(listener, address, move |stream| {
            let state = Arc::clone(&serving);
            async move {
                let service = service_fn(move |request| {
                    let state = Arc::clone(&state);
                    async move { state.handle(request).await }
                });
                let mut http = http1::Builder::new();
                drop(
                    http.pipeline_flush(true)
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            }
        });
        Ok(WebhookReceiver { server, state })
    }
}

impl State {
    async fn handle(&self, request: Request<Incoming>) -> Result<Response<ReplyBody>, Dropped> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Dropped)?.to_bytes();
        if let Some(Hook(look)) = &self.hook {
            look(&Arrival {
                path: head.uri.path(),
                headers: &head.headers,
                body: &body,
            });
        }
        let event_id = if self.count_ids { event_id(&body) } else { None };
        if let Some(id) = &event_id {
            self.arrivals.add(id);
        }
        let mut behaviour = self.next_behaviour(head.uri.path());
        if self.count_only {
            self.received.tick();
        } else {
            let secrets = self.secrets.read();
            let signatures = signatures::verify(&secrets, &self.brand_header, &head.headers, &body);
            drop(secrets);
            if self.refuses && signatures.brand != Check::Valid {
                behaviour = Some(Behaviour::status(401));
            }
            let path = head.uri.path().to_owned();
            self.received.push(Received {
                path,
                headers: head.headers,
                body,
                event_id,
                signatures,
            });
        }
        match behaviour {
            None => Ok(behaviour::fine()),
            Some(behaviour) => behaviour.perform().await,
        }
    }

    fn next_behaviour(&self, path: &str) -> Option<Behaviour> {
        if !self.scripted.load(Ordering::Acquire) {
            return None;
        }
        let mut scripts = self.scripts();
        let scripts = &mut *scripts;
        Some(scripts.at.get_mut(path).unwrap_or(&mut scripts.everywhere).next())
    }

    fn scripts(&self) -> MutexGuard<'_, Scripts> {
        self.scripts.lock()
    }
}

/// How often each event id arrived, in shards so that many connections do not queue for one lock.
#[derive(Debug, Default)]
struct Arrivals {
    hasher: RandomState,
    shards: [Mutex<HashMap<String, u32>>; 16],
}

impl Arrivals {
    fn shard(&self, id: &str) -> MutexGuard<'_, HashMap<String, u32>> {
        let index = self.hasher.hash_one(id) as usize % self.shards.len();
        lock(&self.shards[index])
    }

    fn add(&self, id: &str) {
        let mut shard = self.shard(id);
        match shard.get_mut(id) {
            Some(count) => *count += 1,
            None => drop(shard.insert(id.to_owned(), 1)),
        }
    }

    fn of(&self, id: &str) -> u32 {
        self.shard(id).get(id).copied().unwrap_or(0)
    }

    fn distinct(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn duplicates(&self) -> Vec<(String, u32)> {
        let mut all = Vec::new();
        for shard in &self.shards {
            all.extend(
                lock(shard)
                    .iter()
                    .filter(|(_, n)| **n > 1)
                    .map(|(id, n)| (id.clone(), *n)),
            );
        }
        all.sort_unstable();
        all
    }

    fn clear(&self) {
        for shard in &self.shards {
            lock(shard).clear();
        }
    }
}

fn lock(shard: &Mutex<HashMap<String, u32>>) -> MutexGuard<'_, HashMap<String, u32>> {
    shard.lock()
}

/// `event.id`, and nothing else of the body is built.
fn event_id(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        event: Event,
    }
    #[derive(Deserialize)]
    struct Event {
        id: String,
    }
    serde_json::from_slice::<Body>(body)
        .ok()
        .map(|body| body.event.id)
}
