//! Guarded SMTP client: sends one message to one recipient, and returns the server's reply.
//!
//! Connections are dialled to judged addresses, TLS verifies the host's name, and idle connections are pooled by team and server.
//! Each message has one recipient, so that a bad mailbox fails no other recipient (RFC 5321 §4.2.1).

mod extensions;
mod reply;
mod session;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use lettre::Address;
use tokio::time;
use tokio_rustls::TlsConnector;
use watchbell_model::ids::TeamId;
use watchbell_model::secret::Secret;

use crate::guard::Refusal;
use crate::pool::{Bounds, Key, Pool};
use crate::resolve::Guard;
use session::{Session, Verdict};

/// Idle connections. Mail servers allow few connections of one client.
const IDLE_CONNECTIONS: Bounds = Bounds {
    all: 512,
    per_destination: 8,
};

/// How a connection is, or becomes, encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Security {
    /// STARTTLS, or nothing is sent (usually port 587).
    #[default]
    StartTls,
    /// STARTTLS when the server offers it. A password is never sent in the clear, allow-listed servers excepted.
    OptionalStartTls,
    /// TLS from the first byte (usually port 465).
    ImplicitTls,
    /// No encryption; allow-listed servers only.
    None,
}

/// A mail server and how to talk to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpServer {
    /// Host name or IP literal; TLS verifies it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The account; without one nothing is authenticated.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// How the connection is encrypted.
    pub security: Security,
}

/// Acceptance of a message by the server. Whether it reaches the mailbox is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpAnswer {
    /// The reply code, 2xx.
    pub code: u16,
    /// The reply's text; servers put their queue id there.
    pub text: String,
}

/// Why a message was not taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmtpError {
    /// A 5xx reply: trying again is pointless.
    #[error("the server refused for good: {code} {text}")]
    Permanent {
        /// The reply code.
        code: u16,
        /// The reply's text.
        text: String,
    },
    /// A 4xx reply: try again later.
    #[error("the server refused for now: {code} {text}")]
    Transient {
        /// The reply code.
        code: u16,
        /// The reply's text.
        text: String,
    },
    /// Time ran out.
    #[error("timed out{}", maybe_delivered(*after_data))]
    Timeout {
        /// Whether the message had begun to be sent: it may have been taken over.
        after_data: bool,
    },
    /// The connection broke, or the server stopped speaking SMTP.
    #[error("the connection broke{}: {detail}", maybe_delivered(*after_data))]
    Broken {
        /// Whether the message had begun to be sent: it may have been taken over.
        after_data: bool,
        /// What happened.
        detail: String,
    },
    /// The guard refused the host or all of its addresses.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The host name could not be resolved.
    #[error("the host name could not be resolved")]
    Dns,
    /// No connection could be opened.
    #[error("could not connect: {0}")]
    Connect(String),
    /// The server did not accept the account.
    #[error("the server refused the account: {code} {text}")]
    AuthRefused {
        /// The reply code, 5xx.
        code: u16,
        /// The reply's text.
        text: String,
    },
    /// There is no way to sign in to the server, or none that is safe.
    #[error("there is no way to sign in: {0}")]
    AuthUnavailable(String),
    /// TLS is missing or failed.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// An address that SMTP cannot carry, or a message that this server cannot.
    #[error("the message cannot be sent: {0}")]
    Unsendable(&'static str),
}

impl SmtpError {
    /// Whether the server may have taken the message over although it never said so.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(
            self,
            Self::Timeout { after_data: true } | Self::Broken { after_data: true, .. }
        )
    }
}

fn maybe_delivered(after_data: bool) -> &'static str {
    if after_data {
        " after the message was sent; it may have been delivered"
    } else {
        ""
    }
}

/// Guarded SMTP client for any number of servers. Cheap to clone; all clones share the pools.
#[derive(Clone)]
pub struct SmtpSender {
    guard: Guard,
    pool: Arc<Pool<SmtpServer, Session>>,
    team: Option<TeamId>,
    settings: Arc<Settings>,
}

#[derive(Clone)]
struct Settings {
    timeout: Duration,
    hello: String,
    tls: TlsConnector,
}

impl fmt::Debug for SmtpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpSender")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

impl SmtpSender {
    /// A sender with a time-out of 30 s for each message, connecting included.
    #[must_use]
    pub fn new(guard: Guard) -> Self {
        let settings = Settings {
            timeout: Duration::from_secs(30),
            hello: host_name(),
            tls: Arc::new(guard.authorities().client_config(&[])).into(),
        };
        Self {
            guard,
            pool: Arc::new(Pool::new(IDLE_CONNECTIONS)),
            team: None,
            settings: Arc::new(settings),
        }
    }

    /// The same sender, whose look-ups and connections are this team's.
    #[must_use]
    pub fn on_behalf_of(mut self, team: TeamId) -> Self {
        self.guard = self.guard.on_behalf_of(team);
        self.team = Some(team);
        self
    }

    /// Sets how long one message may take in all.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        Arc::make_mut(&mut self.settings).timeout = timeout;
        self
    }

    /// Sets the name by which the sender greets servers; the machine's host name otherwise.
    #[must_use]
    pub fn with_hello_name(mut self, name: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.settings).hello = name.into();
        self
    }

    /// Judges a server's host and all of its addresses: what it must pass to be saved. Opens no connection.
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn admit(&self, server: &SmtpServer) -> Result<(), Refusal> {
        self.guard
            .judge_all(&server.host, server.port, server.security != Security::None)
            .await
            .map(drop)
    }

    /// Sends `raw_message` to `rcpt`, over a pooled connection when there is one.
    ///
    /// # Errors
    /// Why the server did not take it over; see [`SmtpError::is_ambiguous`].
    pub async fn send(
        &self,
        server: &SmtpServer,
        envelope_from: &str,
        rcpt: &str,
        raw_message: Vec<u8>,
    ) -> Result<SmtpAnswer, SmtpError> {
        let from: Address = envelope_from
            .parse()
            .map_err(|_| SmtpError::Unsendable("the sender's address is not valid"))?;
        let to: Address = rcpt
            .parse()
            .map_err(|_| SmtpError::Unsendable("the recipient's address is not valid"))?;
        // The deadline comes from the timer itself, so that there is one for all the steps below.
        let deadline = time::sleep(self.settings.timeout).deadline();
        let key = Key {
            team: self.team,
            destination: server.clone(),
        };
        let opening = self.open_envelope(&key, &from, &to, &raw_message);
        let mut session = time::timeout_at(deadline, opening)
            .await
            .map_err(|_| SmtpError::Timeout { after_data: false })??;
        let answer = time::timeout_at(deadline, session.message(&raw_message))
            .await
            .map_err(|_| SmtpError::Timeout { after_data: true })?;
        self.pool.put(&key, session);
        answer
    }

    /// Connects, encrypts and authenticates, and sends nothing: the Test Connection button.
    ///
    /// # Errors
    /// What failed.
    pub async fn verify(&self, server: &SmtpServer) -> Result<(), SmtpError> {
        let greet = async {
            let mut session = Session::open(&self.guard, &self.settings, server).await?;
            session.quit().await;
            Ok(())
        };
        time::timeout(self.settings.timeout, greet)
            .await
            .map_err(|_| SmtpError::Timeout { after_data: false })?
    }

    /// A connection that has answered DATA and waits for the message. A pooled one that turns out to be dead or worn
    /// is replaced once: nothing of the message has been sent yet.
    async fn open_envelope(
        &self,
        key: &Key<SmtpServer>,
        from: &Address,
        to: &Address,
        message: &[u8],
    ) -> Result<Session, SmtpError> {
        if let Some(mut session) = self.pool.take(key) {
            match session.envelope(from, to, message).await {
                Verdict::Ready => return Ok(session),
                Verdict::Rejected(error) => {
                    self.pool.put(key, session);
                    return Err(error);
                }
                Verdict::Dead(_) => {}
            }
        }
        let mut session = Session::open(&self.guard, &self.settings, &key.destination).await?;
        match session.envelope(from, to, message).await {
            Verdict::Ready => Ok(session),
            Verdict::Rejected(error) => {
                self.pool.put(key, session);
                Err(error)
            }
            Verdict::Dead(error) => Err(error),
        }
    }
}

impl Hash for SmtpServer {
    /// Leaves the password out, which is compared in constant time.
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.host, self.port, &self.username, self.security).hash(state);
    }
}

/// The machine's name, by which a client greets; an address where it has none that is fit (RFC 5321 §4.1.4).
fn host_name() -> String {
    let name = hostname::get().ok().and_then(|name| name.into_string().ok());
    let fit = |name: &String| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
    };
    name.filter(fit).unwrap_or_else(|| "[127.0.0.1]".to_owned())
}
