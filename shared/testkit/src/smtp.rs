//! A mail server that keeps what it is given: EHLO, AUTH, STARTTLS or implicit TLS, MAIL, RCPT, DATA.
//!
//! It answers per recipient and per message as scripted, so that one bad mailbox, greylisting and a server that dies
//! after the final dot can all be had on demand (RFC 5321, RFC 4954, RFC 3207).

mod conversation;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio_rustls::TlsAcceptor;

use crate::journal::{Journal, NotArrived, WAIT_TIMEOUT};
use crate::loopback::Loopback;
use crate::tls::PrivateAuthority;
use conversation::Conversation;

/// A message that was taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients that were accepted.
    pub to: Vec<String>,
    /// The message as sent, dots unstuffed, lines ending in CRLF.
    pub raw: Vec<u8>,
    /// Whether it came over TLS.
    pub encrypted: bool,
    /// The account that authenticated.
    pub account: Option<String>,
    /// The name in the client's EHLO.
    pub hello: String,
}

impl Mail {
    /// The message as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }
}

/// What happens after a message's final dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterData {
    /// This reply, and the message is not kept.
    Answer(u16, String),
    /// The message is kept, and no reply comes.
    Hang,
    /// The message is kept, and the connection is closed without a reply.
    Close,
}

/// How a server is to work.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct SmtpStandInBuilder {
    account: Option<(String, String)>,
    encryption: Encryption,
    authority: Option<Arc<PrivateAuthority>>,
    slow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Encryption {
    #[default]
    None,
    Upgrade,
    Implicit,
}

/// A mail server on loopback.
#[derive(Debug)]
pub struct SmtpStandIn {
    server: Loopback,
    state: Arc<State>,
    authority: Option<Arc<PrivateAuthority>>,
}

struct State {
    mails: Journal<Mail>,
    account: Option<(String, String)>,
    acceptor: Option<TlsAcceptor>,
    implicit_tls: bool,
    slow: bool,
    connections: AtomicUsize,
    script: Mutex<Rules>,
}

#[derive(Debug, Default)]
struct Rules {
    /// Reply by recipient, and how often it is still given.
    recipients: HashMap<String, (u16, String, usize)>,
    after_data: VecDeque<AfterData>,
    /// What is said to a command instead of the usual.
    words: HashMap<String, Vec<u8>>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("mails", &self.mails.count())
            .finish_non_exhaustive()
    }
}

impl SmtpStandIn {
    /// Starts a server without accounts and without TLS.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// A server that is set up otherwise.
    pub fn builder() -> SmtpStandInBuilder {
        SmtpStandInBuilder::default()
    }

    /// `smtp://127.0.0.1:port`, or `smtps://…` for implicit TLS.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.state.implicit_tls { "smtps" } else { "smtp" };
        format!("{scheme}://{}", self.server.address())
    }

    /// The host, `127.0.0.1`.
    #[must_use]
    pub fn host(&self) -> String {
        self.server.address().ip().to_string()
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// The authority of the server's certificate (PEM), to be trusted.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_ref().map(|authority| authority.pem())
    }

    /// Answers this recipient with a reply from now on.
    pub fn answer_recipient(&self, address: &str, code: u16, text: &str) {
        self.answer_recipient_times(address, code, text, usize::MAX);
    }

    /// Answers this recipient with a reply so many times, then accepts it: greylisting.
    pub fn answer_recipient_times(&self, address: &str, code: u16, text: &str, times: usize) {
        let rule = (code, text.to_owned(), times);
        self.state
            .rules()
            .recipients
            .insert(address.to_ascii_lowercase(), rule);
    }

    /// Says these octets to a command from now on: any answer that the protocol allows, or none that it does.
    /// The greeting is the answer to `""`, and the final dot is a command of its own.
    pub fn answer_command(&self, verb: &str, octets: impl Into<Vec<u8>>) {
        self.state.rules().words.insert(verb.to_owned(), octets.into());
    }

    /// What happens after the next final dot. Several are used up in order.
    pub fn after_next_data(&self, what: AfterData) {
        self.state.rules().after_data.push_back(what);
    }

    /// How many connections have been opened.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// The messages that were taken over.
    #[must_use]
    pub fn received(&self) -> Vec<Mail> {
        self.state.mails.all()
    }

    /// The messages that one mailbox got.
    #[must_use]
    pub fn received_by(&self, address: &str) -> Vec<Mail> {
        self.received()
            .into_iter()
            .filter(|mail| mail.to.iter().any(|to| to.eq_ignore_ascii_case(address)))
            .collect()
    }

    /// Waits until `n` messages have been taken over.
    ///
    /// # Errors
    /// When they have not after [`WAIT_TIMEOUT`].
    pub async fn wait_for(&self, n: usize) -> Result<Vec<Mail>, NotArrived> {
        self.wait_for_within(n, WAIT_TIMEOUT).await
    }

    /// Waits until `n` messages have been taken over.
    ///
    /// # Errors
    /// When they have not in time.
    pub async fn wait_for_within(&self, n: usize, within: Duration) -> Result<Vec<Mail>, NotArrived> {
        self.state.mails.wait_for(n, within).await
    }
}

impl SmtpStandInBuilder {
    /// Takes mail only from this account (AUTH PLAIN and LOGIN).
    pub fn account(mut self, username: impl Into<String>, password: impl Into<String>) -> Self {
        self.account = Some((username.into(), password.into()));
        self
    }

    /// Has its certificate of this authority, where it needs one, instead of its own.
    pub fn authority(mut self, authority: Arc<PrivateAuthority>) -> Self {
        self.authority = Some(authority);
        self
    }

    /// Offers STARTTLS with a certificate for `localhost` and `127.0.0.1`.
    pub fn starttls(mut self) -> Self {
        self.encryption = Encryption::Upgrade;
        self
    }

    /// Says what it was told to say octet by octet.
    pub fn slowly(mut self) -> Self {
        self.slow = true;
        self
    }

    /// Speaks TLS from the first byte.
    pub fn implicit_tls(mut self) -> Self {
        self.encryption = Encryption::Implicit;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When no port can be bound or no certificate made.
    pub async fn start(self) -> io::Result<SmtpStandIn> {
        let authority = match (self.encryption, self.authority) {
            (Encryption::None, _) => None,
            (_, Some(authority)) => Some(authority),
            (_, None) => Some(Arc::new(PrivateAuthority::new()?)),
        };
        let acceptor = authority
            .as_ref()
            .map(|authority| authority.acceptor())
            .transpose()?;
        let (listener, address) = Loopback::bind().await?;
        let state = Arc::new(State {
            mails: Journal::new("mails"),
            account: self.account,
            acceptor,
            implicit_tls: self.encryption == Encryption::Implicit,
            slow: self.slow,
            connections: AtomicUsize::new(0),
            script: Mutex::default(),
        });
        let serving = Arc::clone(&state);
        let server = Loopback::accept(listener, address, move |stream| {
            serving.connections.fetch_add(1, Ordering::Relaxed);
            let conversation = Conversation::new(Arc::clone(&serving));
            async move { drop(conversation.run(stream).await) }
        });
        Ok(SmtpStandIn {
            server,
            state,
            authority,
        })
    }
}

impl State {
    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.script.lock()
    }

    /// The scripted reply for a recipient, used up by one.
    fn reply_to_recipient(&self, address: &str) -> Option<(u16, String)> {
        let mut rules = self.rules();
        let (code, text, left) = rules.recipients.get_mut(&address.to_ascii_lowercase())?;
        if *left == 0 {
            return None;
        }
        *left -= 1;
        Some((*code, text.clone()))
    }
}
