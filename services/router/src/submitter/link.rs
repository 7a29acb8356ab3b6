//! Connection to one Dispatcher: reopens its stream when it breaks, and replaces it before the server ends it for its
//! age, so that no submission is in flight at that moment.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use watchbell_contracts::api::DispatcherApi;

use super::session::Session;

/// The wait before a broken stream is opened again; doubles up to [`LONGEST_WAIT`] while nothing is answered.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Age at which a stream is replaced. Servers end streams after an hour by default.
const AGE: Duration = Duration::from_secs(300);
/// Age of a stream to a Dispatcher without Config; the next stream may find it connected.
const AGE_WITHOUT_CONFIG: Duration = Duration::from_secs(1);
/// How long answers are waited for at shutdown.
const DRAIN: Duration = Duration::from_secs(5);

/// Connection to one Dispatcher.
#[derive(Default)]
pub(super) struct Link {
    /// `None` while there is no stream.
    session: Mutex<Option<Arc<Session>>>,
}

/// Keeps one link's stream open.
pub(crate) struct LinkLoop {
    dispatcher: Arc<dyn DispatcherApi>,
    link: Arc<Link>,
    pub(super) age: Duration,
}

// === impl Link ===

impl Link {
    /// The stream that takes requests.
    pub(super) fn session(&self) -> Option<Arc<Session>> {
        self.lock().clone()
    }

    fn replace(&self, session: Option<Arc<Session>>) -> Option<Arc<Session>> {
        std::mem::replace(&mut *self.lock(), session)
    }

    fn lock(&self) -> parking_lot::MutexGuard<'_, Option<Arc<Session>>> {
        self.session.lock()
    }
}

// === impl LinkLoop ===

impl LinkLoop {
    pub(super) fn new(dispatcher: Arc<dyn DispatcherApi>) -> (Arc<Link>, Self) {
        let link = Arc::new(Link::default());
        let looping = Self {
            dispatcher,
            link: link.clone(),
            age: AGE,
        };
        (link, looping)
    }

    /// Keeps a stream open until shutdown; then waits for the answers that are still to come.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut readers = JoinSet::new();
        let mut wait = FIRST_WAIT;
        while !shutdown.is_cancelled() {
            let opened = tokio::select! {
                opened = Session::open(&*self.dispatcher) => opened,
                () = shutdown.cancelled() => break,
            };
            match opened {
                Ok((session, answers)) => {
                    while readers.try_join_next().is_some() {}
                    readers.spawn(session.clone().read(answers));
                    if let Some(old) = self.link.replace(Some(session.clone())) {
                        old.retire();
                    }
                    let age = if session.knows_config() {
                        self.age
                    } else {
                        AGE_WITHOUT_CONFIG
                    };
                    tokio::select! {
                        () = session.ended() => {
                            self.link.replace(None);
                        }
                        () = tokio::time::sleep(age) => continue,
                        () = shutdown.cancelled() => break,
                    }
                    if session.was_of_use() {
                        wait = FIRST_WAIT;
                    }
                }
                // An old stream continues until there is another.
                Err(status) => tracing::warn!(code = ?status.code(), "the Dispatcher cannot be reached"),
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
            }
        }
        if let Some(session) = self.link.replace(None) {
            session.retire();
        }
        if timeout(DRAIN, async { while readers.join_next().await.is_some() {} })
            .await
            .is_err()
        {
            tracing::warn!("the Dispatcher did not answer all submissions in time");
        }
    }
}
