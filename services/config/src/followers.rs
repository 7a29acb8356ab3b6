//! Followers of the change feed, and how far each has acknowledged it. A change is answered only when every follower
//! that is connected has acknowledged it, whichever replica it is connected to, so that what was answered binds every
//! event emitted afterwards. A follower that does not answer for a second is not waited for again until it does.
//!
//! Replicas tell one another on the store's bus what they have changed, that they have followers, and what these have
//! acknowledged. A notice that is lost costs one answer a second.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use watchbell_model::clock::SharedClock;
use watchbell_store::Store;
use watchbell_store::listen::BusEvent;

/// The bus channel on which a replica announces a change that it has committed.
pub(crate) const CHANGES: &str = "config_changes";
/// The bus channel on which a replica says what its followers have acknowledged.
const FOLLOWERS: &str = "config_followers";
/// The longest wait of an answer for followers.
const ACK_TIMEOUT: Duration = Duration::from_secs(1);
/// The interval at which a replica announces that it has followers.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);
/// The time for which such an announcement holds.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(15);

/// The followers of this replica and the replicas that have some; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Followers {
    replica: Uuid,
    clock: SharedClock,
    ack_timeout: Duration,
    state: Arc<watch::Sender<State>>,
}

/// A follower's place among [`Followers`]; dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Ticket {
    id: Uuid,
    state: Arc<watch::Sender<State>>,
}

#[derive(Debug, Default)]
struct State {
    here: HashMap<Uuid, Acknowledged>,
    elsewhere: HashMap<Uuid, Replica>,
    /// The newest change of another replica, which wants to hear when it is acknowledged here.
    asked: i64,
}

#[derive(Debug, Default)]
struct Acknowledged {
    cursor: i64,
    /// It did not answer in time: nobody waits for it.
    late: bool,
}

/// To which replica a follower is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Location {
    Here,
    Elsewhere,
}

#[derive(Debug)]
struct Replica {
    acknowledged: Acknowledged,
    last_heartbeat: Duration,
}

/// A notice of the bus: a replica and a cursor.
struct PeerCursor {
    replica: Uuid,
    cursor: i64,
}

// === impl Followers ===

impl Followers {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self {
            replica: Uuid::new_v4(),
            clock,
            ack_timeout: ACK_TIMEOUT,
            state: Arc::default(),
        }
    }

    /// Adds a follower, which answers wait for from now on. Call it before the follower's first look at the feed.
    pub(crate) async fn join(&self, store: &Store) -> Ticket {
        let ticket = self.enter();
        self.publish(store, FOLLOWERS, 0).await;
        ticket
    }

    fn enter(&self) -> Ticket {
        let id = Uuid::new_v4();
        self.state.send_modify(|state| {
            state.here.insert(id, Acknowledged::default());
        });
        let state = Arc::clone(&self.state);
        Ticket { id, state }
    }

    /// Announces a committed change to followers and other replicas.
    pub(crate) async fn announce(&self, store: &Store, cursor: i64) {
        self.publish(store, CHANGES, cursor).await;
    }

    /// Until every follower has acknowledged the change, or for a second.
    pub(crate) async fn acknowledged(&self, cursor: i64) {
        self.wait(cursor, |_| true).await;
    }

    /// Waits for those followers to whom `counts` applies.
    async fn wait(&self, cursor: i64, counts: impl Fn(Location) -> bool) {
        let lacks = |(whose, acknowledged): &(Location, &Acknowledged)| {
            counts(*whose) && !acknowledged.late && acknowledged.cursor < cursor
        };
        let mut state = self.state.subscribe();
        let waiting = state.wait_for(|state| !state.all().any(|each| lacks(&each)));
        if timeout(self.ack_timeout, waiting).await.is_ok() {
            return;
        }
        tracing::warn!(
            cursor,
            "a follower of the change feed has not acknowledged a change in time"
        );
        self.state.send_modify(|state| {
            for (whose, acknowledged) in state.all_mut() {
                acknowledged.late |= lacks(&(whose, acknowledged));
            }
        });
    }

    /// Exchanges notices with the other replicas until `shutdown`.
    pub(crate) async fn exchange(&self, store: &Store, shutdown: &CancellationToken) {
        shutdown
            .run_until_cancelled(async {
                tokio::join!(self.listen(store), self.reply(store), self.beat(store))
            })
            .await;
    }

    async fn listen(&self, store: &Store) {
        let mut changes = store.bus().subscribe(CHANGES);
        let mut followers = store.bus().subscribe(FOLLOWERS);
        loop {
            let (notice, is_change) = tokio::select! {
                notice = changes.recv() => (notice, true),
                notice = followers.recv() => (notice, false),
            };
            let word = match notice {
                None => return,
                Some(BusEvent::MaybeMissed) => continue,
                Some(BusEvent::Published(text)) => text.parse::<PeerCursor>(),
            };
            let Ok(PeerCursor { replica, cursor }) = word else {
                continue;
            };
            if replica == self.replica {
                continue;
            }
            let last_heartbeat = self.clock.monotonic();
            self.state.send_modify(|state| {
                if is_change {
                    state.asked = cursor;
                    return;
                }
                let other = state.elsewhere.entry(replica).or_insert(Replica {
                    acknowledged: Acknowledged::default(),
                    last_heartbeat,
                });
                other.last_heartbeat = last_heartbeat;
                if cursor != 0 {
                    other.acknowledged = Acknowledged { cursor, late: false };
                }
            });
        }
    }

    /// Says what is acknowledged here when another replica has made a change.
    async fn reply(&self, store: &Store) {
        let mut state = self.state.subscribe();
        let mut replied = 0;
        loop {
            let Ok(asked) = state
                .wait_for(|state| state.asked != replied)
                .await
                .map(|state| state.asked)
            else {
                return;
            };
            self.wait(asked, |whose| whose == Location::Here).await;
            self.publish(store, FOLLOWERS, asked).await;
            replied = asked;
        }
    }

    async fn beat(&self, store: &Store) {
        loop {
            tokio::time::sleep(HEARTBEAT_INTERVAL).await;
            let now = self.clock.monotonic();
            self.state.send_modify(|state| {
                state
                    .elsewhere
                    .retain(|_, replica| now.saturating_sub(replica.last_heartbeat) < HEARTBEAT_TIMEOUT);
            });
            if !self.state.borrow().here.is_empty() {
                self.publish(store, FOLLOWERS, 0).await;
            }
        }
    }

    async fn publish(&self, store: &Store, channel: &str, cursor: i64) {
        let text = format!("{} {cursor}", self.replica);
        if let Err(error) = store.bus().publish(channel, &text).await {
            // The change is made, and those who follow the feed also poll it.
            tracing::warn!(%error, channel, "other replicas could not be told");
        }
    }
}

// === impl Ticket ===

impl Ticket {
    /// The follower has acknowledged everything up to a cursor.
    pub(crate) fn acknowledge(&self, cursor: i64) {
        self.state.send_modify(|state| {
            state.here.insert(self.id, Acknowledged { cursor, late: false });
        });
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.state.send_modify(|state| {
            state.here.remove(&self.id);
        });
    }
}

// === impl State ===

impl State {
    fn all(&self) -> impl Iterator<Item = (Location, &Acknowledged)> {
        let ours = self
            .here
            .values()
            .map(|acknowledged| (Location::Here, acknowledged));
        let theirs = self.elsewhere.values();
        ours.chain(theirs.map(|replica| (Location::Elsewhere, &replica.acknowledged)))
    }

    fn all_mut(&mut self) -> impl Iterator<Item = (Location, &mut Acknowledged)> {
        let ours = self
            .here
            .values_mut()
            .map(|acknowledged| (Location::Here, acknowledged));
        let theirs = self.elsewhere.values_mut();
        ours.chain(theirs.map(|replica| (Location::Elsewhere, &mut replica.acknowledged)))
    }
}

// === impl PeerCursor ===

impl FromStr for PeerCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (replica, cursor) = text.split_once(' ').ok_or(())?;
        Ok(Self {
            replica: replica.parse().map_err(drop)?,
            cursor: cursor.parse().map_err(drop)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use watchbell_store::store_tests;
    use watchbell_testkit::TestClock;

    use super::*;

    fn followers() -> Followers {
        Followers {
            // Nothing here is to wait in vain, however slow the machine.
            ack_timeout: Duration::from_secs(600),
            ..Followers::new(TestClock::default().shared())
        }
    }

    fn is_heeded(followers: &Followers, cursor: i64) -> bool {
        followers.acknowledged(cursor).now_or_never().is_some()
    }

    #[tokio::test]
    async fn a_change_is_heeded_when_every_follower_has_said_so() {
        let followers = followers();
        assert!(is_heeded(&followers, 1), "nobody follows");
        let (one, other) = (followers.enter(), followers.enter());
        assert!(!is_heeded(&followers, 1));
        one.acknowledge(1);
        assert!(!is_heeded(&followers, 1));
        other.acknowledge(2);
        assert!(is_heeded(&followers, 1) && !is_heeded(&followers, 2));
        drop(one);
        assert!(is_heeded(&followers, 2), "who has left is not waited for");
    }

    #[tokio::test]
    async fn a_follower_that_does_not_answer_is_waited_for_once_and_again_after_it_has_answered() {
        let followers = Followers {
            ack_timeout: Duration::ZERO,
            ..followers()
        };
        let slow = followers.enter();
        followers.acknowledged(1).await;
        let followers = Followers {
            ack_timeout: Duration::from_secs(600),
            ..followers
        };
        assert!(is_heeded(&followers, 2));
        slow.acknowledge(2);
        assert!(is_heeded(&followers, 2) && !is_heeded(&followers, 3));
    }

    store_tests! {
        migrator = crate::Migrator;

        async fn an_answer_waits_for_the_followers_of_other_replicas(store: Store) {
            let (here, there) = (followers(), followers());
            let stop = CancellationToken::new();
            let exchanges = [here.clone(), there.clone()].map(|replica| {
                let (store, stop) = (store.clone(), stop.clone());
                tokio::spawn(async move { replica.exchange(&store, &stop).await })
            });
            let follower = there.join(&store).await;
            // The first notice may come before somebody listens.
            let (mut known, mut asked) = (here.state.subscribe(), there.state.subscribe());
            let pause = Duration::from_millis(20);
            while timeout(pause, known.wait_for(|state| !state.elsewhere.is_empty())).await.is_err() {
                there.publish(&store, FOLLOWERS, 0).await;
            }
            assert!(!is_heeded(&here, 7));
            while timeout(pause, asked.wait_for(|state| state.asked == 7)).await.is_err() {
                here.announce(&store, 7).await;
            }
            assert!(!is_heeded(&here, 7));
            follower.acknowledge(7);
            here.acknowledged(7).await;
            stop.cancel();
            for exchange in exchanges {
                exchange.await.unwrap();
            }
        }
    }
}
