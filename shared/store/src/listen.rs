//! Bus between the replicas of a service. On PostgreSQL it is LISTEN/NOTIFY on one connection per store; on SQLite,
//! which has one process, a channel in memory. A message is a hint and not a record: it may be lost, and subscribers
//! are notified of possible losses, so that they check the database.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, StreamExt};
use parking_lot::Mutex;
use sea_orm::sqlx::postgres::{PgListener, PgPoolOptions};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement};
use tokio::sync::broadcast;
use tokio::task::AbortHandle;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use crate::options::ACQUIRE_TIMEOUT;

/// Messages that a slow subscriber may lag behind before it misses some.
const BACKLOG: usize = 1024;
/// How long the listener waits before it tries a lost database again: doubled up to the second.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Between the channel and the payload of a notice on the wire.
const SEPARATOR: char = '\n';

/// Event of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusEvent {
    /// A published payload.
    Published(Arc<str>),
    /// Messages may have been lost (a reconnection, or a slow subscriber): check the database.
    MaybeMissed,
}

/// Publishes and subscribes; see the module. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ChangeBus {
    local: broadcast::Sender<Message>,
    remote: Option<Arc<Remote>>,
}

/// A stream of [`BusEvent`]s of one channel. It ends when the store is closed.
#[derive(Debug)]
pub struct Subscription {
    channel: Arc<str>,
    messages: BroadcastStream<Message>,
}

#[derive(Debug, Clone)]
enum Message {
    Published { channel: Arc<str>, payload: Arc<str> },
    MaybeMissed,
    Closed,
}

struct Remote {
    pool: DatabaseConnection,
    /// The one PostgreSQL channel of this store. Channels are global to a database, hence the schema in the name.
    name: String,
    listener: Mutex<Option<AbortHandle>>,
}

// === impl ChangeBus ===

impl ChangeBus {
    pub(crate) fn in_process() -> Self {
        Self {
            local: broadcast::channel(BACKLOG).0,
            remote: None,
        }
    }

    pub(crate) fn postgres(pool: DatabaseConnection, schema: &str) -> Self {
        Self {
            local: broadcast::channel(BACKLOG).0,
            remote: Some(Arc::new(Remote {
                pool,
                name: format!("watchbell_{schema}"),
                listener: Mutex::new(None),
            })),
        }
    }

    /// Publishes to every subscriber of `channel`, in this process and in the other replicas. Call it after the
    /// commit. The payload must stay under 7 KB: an id or a number, not a document.
    ///
    /// # Errors
    /// The database's. The change is committed by then, so log the error and continue: subscribers also poll.
    pub async fn publish(&self, channel: &str, payload: &str) -> Result<(), DbErr> {
        let Some(remote) = &self.remote else {
            // It fails without subscribers, which is no error.
            let _ = self.local.send(Message::Published {
                channel: channel.into(),
                payload: payload.into(),
            });
            return Ok(());
        };
        remote
            .pool
            .execute_raw(Statement::from_sql_and_values(
                sea_orm::DbBackend::Postgres,
                "SELECT pg_notify($1, $2)",
                [
                    remote.name.as_str().into(),
                    format!("{channel}{SEPARATOR}{payload}").into(),
                ],
            ))
            .await?;
        Ok(())
    }

    /// Subscribes to a channel from now on. On PostgreSQL the first item is [`BusEvent::MaybeMissed`] when the
    /// connection that listens had yet to be made. Must be called within a Tokio runtime.
    pub fn subscribe(&self, channel: &str) -> Subscription {
        let messages = BroadcastStream::new(self.local.subscribe());
        if let Some(remote) = &self.remote {
            remote.listen(&self.local);
        }
        Subscription {
            channel: channel.into(),
            messages,
        }
    }

    pub(crate) fn close(&self) {
        let _ = self.local.send(Message::Closed);
        if let Some(remote) = &self.remote {
            remote.stop();
        }
    }
}

// === impl Remote ===

impl Remote {
    /// Starts the listening task unless it runs.
    fn listen(&self, local: &broadcast::Sender<Message>) {
        let mut listener = self.listener.lock();
        if listener.as_ref().is_none_or(AbortHandle::is_finished) {
            let task = listen_for_ever(self.pool.clone(), self.name.clone(), local.clone());
            *listener = Some(tokio::spawn(task).abort_handle());
        }
    }

    fn stop(&self) {
        if let Some(task) = self.listener.lock().take() {
            task.abort();
        }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

async fn listen_for_ever(pool: DatabaseConnection, name: String, local: broadcast::Sender<Message>) {
    let mut pause = RECONNECT.0;
    loop {
        let Err(error) = listen_once(&pool, &name, &local, &mut pause).await;
        tracing::warn!(channel = name, %error, "lost the connection that listens for changes; reconnecting");
        let _ = local.send(Message::MaybeMissed);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RECONNECT.1);
    }
}

async fn listen_once(
    pool: &DatabaseConnection,
    name: &str,
    local: &broadcast::Sender<Message>,
    pause: &mut Duration,
) -> Result<std::convert::Infallible, sea_orm::SqlxError> {
    // A connection of its own, to the server that the pool connects to at present.
    let server = pool.get_postgres_connection_pool().connect_options();
    let own = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with((*server).clone())
        .await?;
    let mut listener = PgListener::connect_with(&own).await?;
    listener.listen(name).await?;
    *pause = RECONNECT.0;
    // Whatever was published before LISTEN took hold is not heard.
    let _ = local.send(Message::MaybeMissed);
    loop {
        let message = match listener.try_recv().await? {
            None => Message::MaybeMissed,
            Some(notice) => match notice.payload().split_once(SEPARATOR) {
                Some((channel, payload)) => Message::Published {
                    channel: channel.into(),
                    payload: payload.into(),
                },
                None => continue,
            },
        };
        let _ = local.send(message);
    }
}

// === impl Subscription ===

impl Subscription {
    /// The next notice; `None` when the store is closed.
    pub async fn recv(&mut self) -> Option<BusEvent> {
        self.next().await
    }
}

impl Stream for Subscription {
    type Item = BusEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<BusEvent>> {
        loop {
            let message = match self.messages.poll_next_unpin(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(message) => message,
            };
            match message {
                None | Some(Ok(Message::Closed)) => return Poll::Ready(None),
                Some(Err(BroadcastStreamRecvError::Lagged(_)) | Ok(Message::MaybeMissed)) => {
                    return Poll::Ready(Some(BusEvent::MaybeMissed));
                }
                Some(Ok(Message::Published { channel, payload })) if channel == self.channel => {
                    return Poll::Ready(Some(BusEvent::Published(payload)));
                }
                Some(Ok(Message::Published { .. })) => {}
            }
        }
    }
}
