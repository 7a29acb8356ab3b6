//! One `reqwest` client for each origin, and with it the pool of connections to that origin.
//!
//! A client is replaced after [`MAX_AGE`], because a name may have moved to another address since it was looked up; the
//! old one closes its connections as they become idle. What a server says in `Keep-Alive` is the idle time-out of its
//! client.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use parking_lot::{Mutex, MutexGuard};
use reqwest::{Client, redirect, retry};
use rustls::ClientConfig;
use tokio::time::Instant;

use super::MAX_ANSWER_HEAD;
use super::error::SendError;
use super::keep_alive::{IDLE, MAX_AGE, idle_timeout};
use super::resolver::{CONNECT_TIMEOUT, GuardedResolver};
use crate::cause::innermost;
use crate::dial::now;
use crate::guard::GuardedUrl;
use crate::resolve::Guard;

/// Idle connections of one origin; one more is closed.
const MAX_IDLE: usize = 512;
/// Origins with a client; one more makes the older half go.
const MAX_ORIGINS: usize = 4096;
/// A busy HTTP/2 connection is pinged this often, and ends when no answer comes.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Clients by origin.
pub(super) struct Origins {
    guard: Guard,
    tls: ClientConfig,
    known: Mutex<HashMap<Box<str>, Origin>>,
}

struct Origin {
    client: Client,
    opened: Instant,
    idle: Duration,
    /// The idle time-out of the client that will replace this one.
    next_idle: Duration,
}

impl Origins {
    pub(super) fn new(guard: Guard) -> Self {
        let tls = guard.authorities().client_config(&[b"h2", b"http/1.1"]);
        Self {
            guard,
            tls,
            known: Mutex::default(),
        }
    }

    /// The client of `url`'s origin.
    ///
    /// # Errors
    /// The guard refuses the host in the URL.
    pub(super) fn client(&self, url: &GuardedUrl) -> Result<Client, SendError> {
        let now = now();
        let mut known = self.lock();
        let idle = match known.get(url.origin()) {
            Some(origin) if now < origin.opened + MAX_AGE => return Ok(origin.client.clone()),
            Some(origin) => origin.next_idle,
            None => IDLE,
        };
        self.guard.check_host_of(url)?;
        let origin = self.open(url, idle, now)?;
        let client = origin.client.clone();
        let mut gone = Vec::from_iter(known.insert(url.origin().into(), origin));
        gone.extend(take_old(&mut known, MAX_ORIGINS, now));
        // Their connections are closed without the lock.
        drop(known);
        drop(gone);
        Ok(client)
    }

    /// Notes what an answer says about how long a connection may be idle. A time that is shorter than the client's holds
    /// at once, for a new client; a longer one holds for the next client.
    pub(super) fn answered(&self, url: &GuardedUrl, headers: &HeaderMap) {
        let Some(idle) = idle_timeout(headers) else {
            return;
        };
        let mut known = self.lock();
        let Some(origin) = known.get_mut(url.origin()) else {
            return;
        };
        origin.next_idle = idle;
        let shorter = idle < origin.idle;
        let pooled_again = origin.idle.is_zero() && !idle.is_zero();
        if (shorter || pooled_again)
            && let Ok(next) = self.open(url, idle, now())
        {
            let gone = std::mem::replace(origin, next);
            drop(known);
            drop(gone);
        }
    }

    fn open(&self, url: &GuardedUrl, idle: Duration, now: Instant) -> Result<Origin, SendError> {
        let client = Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .dns_resolver(GuardedResolver::new(self.guard.clone(), url))
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(idle)
            .pool_max_idle_per_host(if idle.is_zero() { 0 } else { MAX_IDLE })
            .http2_max_header_list_size(MAX_ANSWER_HEAD as u32)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .build()
            .map_err(|error| SendError::Other(innermost(&error.without_url())))?;
        Ok(Origin {
            client,
            opened: now,
            idle,
            next_idle: idle,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Origin>> {
        self.known.lock()
    }
}

/// Takes out the clients that were not replaced when they were too old, and so are not in use, and the older half when
/// there are more than `most`.
fn take_old(known: &mut HashMap<Box<str>, Origin>, most: usize, now: Instant) -> Vec<Origin> {
    let unused = |origin: &Origin| now >= origin.opened + 2 * MAX_AGE;
    let mut gone: Vec<_> = known.extract_if(|_, origin| unused(origin)).collect();
    if known.len() > most {
        let mut opened: Vec<_> = known.values().map(|origin| origin.opened).collect();
        let middle = opened.len() / 2;
        let middle = *opened.select_nth_unstable(middle).1;
        gone.extend(known.extract_if(|_, origin| origin.opened < middle));
    }
    gone.into_iter().map(|(_, origin)| origin).collect()
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origins")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::EgressPolicy;

    #[tokio::test]
    async fn clients_that_are_not_in_use_go_and_of_too_many_the_older_half() {
        let begin = now();
        let origins = Origins::new(Guard::new(EgressPolicy::default()));
        let url = EgressPolicy::default().check_url("https://example.com/").unwrap();
        let client = origins.client(&url).unwrap();
        let known = |ages: &[u64]| -> HashMap<Box<str>, Origin> {
            let opened = |seconds: &u64| Origin {
                client: client.clone(),
                opened: begin + Duration::from_secs(*seconds),
                idle: IDLE,
                next_idle: IDLE,
            };
            ages.iter()
                .map(|age| (age.to_string().into(), opened(age)))
                .collect()
        };
        for (opened, most, gone, left) in [
            (&[0, 1, 60, 61][..], 4, 2, 2),
            (&[60, 61, 62, 63], 4, 0, 4),
            (&[60, 61, 62, 63], 3, 2, 2),
        ] {
            let mut known = known(opened);
            let taken = take_old(&mut known, most, begin + 2 * MAX_AGE + Duration::from_secs(1));
            assert_eq!((taken.len(), known.len()), (gone, left), "{opened:?}, {most}");
        }
    }
}
