//! Pool of idle SMTP connections by server, bounded.
//!
//! A connection that was not used between two rounds of the sweep is closed.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::SmtpServer;
use super::session::Session;
use parking_lot::{Mutex, MutexGuard};

/// Servers with idle connections at one time; the one unused for longest makes room.
const MAX_SERVERS: usize = 64;
/// Idle connections to one server.
const MAX_IDLE: usize = 8;
/// Connections idle for one to two of these are closed. Common servers hang up after 60 to 300 s.
const SWEEP: Duration = Duration::from_secs(20);

#[derive(Default)]
pub(super) struct Pools {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Most recently used last.
    servers: Vec<(SmtpServer, Vec<Idle>)>,
    sweeping: bool,
}

struct Idle {
    session: Session,
    survived_a_sweep: bool,
}

impl Pools {
    /// The connection that was used last, if there is one.
    pub(super) fn take(&self, server: &SmtpServer) -> Option<Session> {
        let mut state = self.lock();
        let position = state.servers.iter().rposition(|(known, _)| known == server)?;
        let (key, mut idle) = state.servers.remove(position);
        let session = idle.pop().map(|idle| idle.session);
        if !idle.is_empty() {
            state.servers.push((key, idle));
        }
        session
    }

    /// Keeps a connection for later, unless it is worn out or there are enough.
    pub(super) fn park(self: &Arc<Self>, server: &SmtpServer, session: Session) {
        if !session.usable() {
            return;
        }
        let mut state = self.lock();
        let idle = Idle {
            session,
            survived_a_sweep: false,
        };
        match state.servers.iter_mut().rfind(|(known, _)| known == server) {
            Some((_, kept)) if kept.len() >= MAX_IDLE => return,
            Some((_, kept)) => kept.push(idle),
            None => {
                if state.servers.len() >= MAX_SERVERS {
                    state.servers.remove(0);
                }
                state.servers.push((server.clone(), vec![idle]));
            }
        }
        if !std::mem::replace(&mut state.sweeping, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// Closes what was idle through a whole round. Says whether anything is left to watch.
    fn sweep_once(&self) -> bool {
        let mut state = self.lock();
        for (_, kept) in &mut state.servers {
            kept.retain(|idle| !idle.survived_a_sweep);
            for idle in kept {
                idle.survived_a_sweep = true;
            }
        }
        state.servers.retain(|(_, kept)| !kept.is_empty());
        state.sweeping = !state.servers.is_empty();
        state.sweeping
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

async fn sweep(pools: Weak<Pools>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        match pools.upgrade() {
            Some(pools) if pools.sweep_once() => {}
            _ => return,
        }
    }
}
