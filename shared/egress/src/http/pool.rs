//! Connections for later, kept for each origin under two bounds, and no longer than their [`KeepAlive`] says.
//!
//! Every use has a number, so that those that were not used for longest go first when there are too many.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::connection::{Connection, Http2};
use super::http1::Http1;
use super::keep_alive::KeepAlive;
use super::origin::Origin;
use crate::dial::now;
use crate::guard::GuardedUrl;

/// How often connections that may not be used any more are closed.
const ROUND: Duration = Duration::from_secs(2);

/// How many connections are kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Idle ones of one origin; one more is closed.
    pub(super) per_origin: usize,
    /// All together; one more makes the staler half of them go, so that looking for the stalest stays cheap.
    pub(super) in_all: usize,
}

/// The connections that nobody uses, or that everybody shares.
pub(super) struct Pool {
    bounds: Bounds,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By authority: of `http` first, then of `https`.
    origins: [HashMap<Arc<str>, Slot>; 2],
    held: usize,
    uses: u64,
    sweeper: Option<JoinHandle<()>>,
}

/// The connections of one origin.
#[derive(Default)]
struct Slot {
    /// Used last comes last, and is taken first: what is not needed goes stale.
    idle: Vec<Kept<Box<Http1>>>,
    shared: Option<Kept<Http2>>,
}

/// A connection with the number of its last use.
struct Kept<T> {
    used: u64,
    keep_alive: KeepAlive,
    connection: T,
}

impl Pool {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: Mutex::default(),
        }
    }

    /// The connection to `url`'s origin that was used last, if there is one that may be used again.
    pub(super) fn take(&self, url: &GuardedUrl) -> Option<Connection> {
        let now = now();
        let mut stale = Vec::new();
        let taken = self.lock().take(url, now, &mut stale);
        stale.into_iter().for_each(|idle| idle.connection.close());
        taken
    }

    /// Keeps an HTTP/1.1 connection whose last answer was read to its end, unless it has ended or there are enough.
    pub(super) fn park(self: &Arc<Self>, mut connection: Box<Http1>) {
        if !connection.is_reusable() {
            return;
        }
        let keep_alive = connection.keep_alive;
        if !keep_alive.holds(now()) {
            return connection.close();
        }
        let origin = connection.origin().clone();
        let mut state = self.lock();
        let used = state.next_use();
        let slot = state.slot(origin);
        if slot.idle.len() >= self.bounds.per_origin {
            drop(state);
            return connection.close();
        }
        slot.idle.push(Kept {
            used,
            keep_alive,
            connection,
        });
        self.held_one_more(state);
    }

    /// Lets others use an HTTP/2 connection. Where several were opened at once, the first is shared by all.
    pub(super) fn share(self: &Arc<Self>, origin: Origin, connection: Http2) -> Http2 {
        let mut state = self.lock();
        let used = state.next_use();
        let slot = state.slot(origin);
        let newcomer = Kept {
            used,
            keep_alive: KeepAlive::new(now()),
            connection: connection.clone(),
        };
        match &mut slot.shared {
            Some(first) if !first.connection.is_closed() => return first.connection.clone(),
            Some(closed) => *closed = newcomer,
            None => {
                slot.shared = Some(newcomer);
                self.held_one_more(state);
            }
        }
        connection
    }

    fn held_one_more(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        state.held += 1;
        // A sweeper that ended although there was work had lost its runtime.
        if state.sweeper.as_ref().is_none_or(JoinHandle::is_finished) {
            state.sweeper = Some(tokio::spawn(sweep(Arc::downgrade(self))));
        }
        if state.held > self.bounds.in_all {
            let middle = state.median_use();
            let surplus = state.evict(|used, _| used <= middle);
            drop(state);
            surplus.into_iter().for_each(|idle| idle.connection.close());
        }
    }

    /// Closes what may not be used any more. Says whether anything is left to look after.
    fn sweep_once(&self) -> bool {
        let now = now();
        let mut state = self.lock();
        let stale = state.evict(|_, keep_alive| !keep_alive.holds(now));
        let anything_left = state.held > 0;
        if !anything_left {
            state.sweeper = None;
        }
        drop(state);
        stale.into_iter().for_each(|idle| idle.connection.close());
        anything_left
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sweep(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(ROUND).await;
        match pool.upgrade() {
            Some(pool) if pool.sweep_once() => {}
            _ => return,
        }
    }
}

impl State {
    fn slot(&mut self, origin: Origin) -> &mut Slot {
        self.origins[usize::from(origin.tls)]
            .entry(origin.authority)
            .or_default()
    }

    fn take(
        &mut self,
        url: &GuardedUrl,
        now: Instant,
        stale: &mut Vec<Kept<Box<Http1>>>,
    ) -> Option<Connection> {
        let used = self.next_use();
        let slot = self.origins[usize::from(url.is_tls())].get_mut(url.authority())?;
        if let Some(shared) = &mut slot.shared {
            if !shared.connection.is_closed() && shared.keep_alive.holds(now) {
                shared.used = used;
                shared.keep_alive.used(now);
                return Some(Connection::Http2(shared.connection.clone()));
            }
            // Requests that are under way over it have a handle of their own.
            slot.shared = None;
            self.held -= 1;
        }
        while let Some(idle) = slot.idle.pop() {
            self.held -= 1;
            if idle.keep_alive.holds(now) {
                return Some(Connection::Http1(idle.connection));
            }
            stale.push(idle);
        }
        None
    }

    fn next_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }

    fn median_use(&self) -> u64 {
        let slots = self.origins.iter().flat_map(HashMap::values);
        let mut uses: Vec<u64> = slots.flat_map(Slot::uses).collect();
        let middle = uses.len() / 2;
        match uses.get(middle) {
            Some(_) => *uses.select_nth_unstable(middle).1,
            None => self.uses,
        }
    }

    /// Takes out what is `stale` by the number of its last use and by its [`KeepAlive`], and origins without a connection.
    /// The connections are left to the caller to close, who should not do that under the lock.
    fn evict(&mut self, stale: impl Fn(u64, &KeepAlive) -> bool) -> Vec<Kept<Box<Http1>>> {
        let mut gone = Vec::new();
        let mut held = 0;
        for origins in &mut self.origins {
            origins.retain(|_, slot| {
                gone.extend(
                    slot.idle
                        .extract_if(.., |idle| stale(idle.used, &idle.keep_alive)),
                );
                slot.shared
                    .take_if(|shared| stale(shared.used, &shared.keep_alive));
                let left = slot.uses().count();
                held += left;
                left > 0
            });
        }
        self.held = held;
        gone
    }
}

impl Slot {
    fn uses(&self) -> impl Iterator<Item = u64> {
        let shared = self.shared.iter().map(|shared| shared.used);
        self.idle.iter().map(|idle| idle.used).chain(shared)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::EgressPolicy;
    use crate::http::wire::Wire;
    use http::HeaderValue;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    struct Server(TcpListener);

    impl Server {
        async fn start() -> Self {
            Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
        }

        fn url(&self) -> GuardedUrl {
            let url = format!("http://{}/", self.0.local_addr().unwrap());
            EgressPolicy::allowing_loopback().check_url(&url).unwrap()
        }

        /// Parks a new connection; the server's end of it.
        async fn park_in(&self, pool: &Arc<Pool>) -> TcpStream {
            let wire = TcpStream::connect(self.0.local_addr().unwrap()).await.unwrap();
            let host = HeaderValue::from_static("localhost");
            let opened = Connection::open(Wire::plain(wire), Origin::of(&self.url()), host).await;
            let Ok(Connection::Http1(connection)) = opened else {
                panic!("plain text speaks HTTP/1.1");
            };
            pool.park(connection);
            self.0.accept().await.unwrap().0
        }
    }

    fn pool(per_origin: usize, in_all: usize) -> Arc<Pool> {
        Arc::new(Pool::new(Bounds { per_origin, in_all }))
    }

    async fn is_closed(mut end: TcpStream) -> bool {
        tokio::select! {
            biased;
            read = end.read_u8() => read.is_err(),
            () = tokio::task::yield_now() => false,
        }
    }

    #[tokio::test]
    async fn an_origin_keeps_so_many_and_no_more() {
        let (pool, server) = (pool(2, 100), Server::start().await);
        for _ in 0..2 {
            assert!(!is_closed(server.park_in(&pool).await).await);
        }
        let surplus = server.park_in(&pool).await;
        assert_eq!(pool.lock().held, 2);
        assert!(is_closed(surplus).await);
        assert!(pool.take(&server.url()).is_some() && pool.take(&server.url()).is_some());
        assert!(pool.take(&server.url()).is_none());
        assert_eq!(pool.lock().held, 0);
    }

    #[tokio::test]
    async fn when_there_are_too_many_in_all_the_staler_half_goes() {
        let (pool, mut servers) = (pool(10, 3), Vec::new());
        for _ in 0..4 {
            let server = Server::start().await;
            let end = server.park_in(&pool).await;
            servers.push((server, end));
        }
        assert!(pool.lock().held <= 3);
        assert!(
            pool.take(&servers[3].0.url()).is_some(),
            "the newcomer had to stay"
        );
        assert!(pool.take(&servers[0].0.url()).is_none(), "the stalest had to go");
        let (_, end) = servers.remove(0);
        assert!(is_closed(end).await);
    }

    #[tokio::test]
    async fn a_sweep_that_finds_nothing_is_the_last_one() {
        let (pool, server) = (pool(10, 10), Server::start().await);
        let _end = server.park_in(&pool).await;
        assert!(pool.sweep_once());
        drop(pool.take(&server.url()));
        assert!(!pool.sweep_once());
        let state = pool.lock();
        assert!(state.sweeper.is_none());
        assert!(state.origins.iter().all(HashMap::is_empty));
    }
}
