//! One SMTP conversation (RFC 5321): connect, encrypt, authenticate, then one envelope and one message after the other.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lettre::Address;
use tokio::io::{AsyncBufRead, AsyncWriteExt, BufReader};
use tokio::time::{self, Instant};
use tokio_rustls::TlsConnector;

use super::extensions::Extensions;
use super::reply::Reply;
use super::{Security, Settings, SmtpAnswer, SmtpError, SmtpServer};
use crate::dial::{CONNECT_TIMEOUT, Stream, dial};
use crate::guard::{Refusal, Requirement};
use crate::pool::Reusable;
use crate::resolve::Guard;
use crate::tls::server_name;

/// Idle time-out of a connection. Common servers hang up after 60 to 300 s.
const IDLE: Duration = Duration::from_secs(30);
/// After so many messages a connection is closed: many servers allow about 100 on one.
const MAX_MESSAGES: u32 = 90;
/// A shorter password is not looked for in a server's words: taking it out would only garble them.
const MIN_SECRET: usize = 4;

/// A connection that is ready for an envelope.
pub(super) struct Session {
    stream: BufReader<Stream>,
    extensions: Extensions,
    encrypted: bool,
    messages: u32,
    broken: bool,
    /// What servers must not get into a log by repeating it.
    secrets: Vec<String>,
}

/// How a server took an envelope.
pub(super) enum Verdict {
    /// It answered 354 and waits for the message.
    Ready,
    /// It refused this sender, recipient or message; the connection is still good.
    Rejected(SmtpError),
    /// The connection cannot be used any more, and nothing of the message was sent.
    Dead(SmtpError),
}

impl Session {
    /// Dials a judged address, encrypts as the settings want, and authenticates.
    pub(super) async fn open(
        guard: &Guard,
        settings: &Settings,
        server: &SmtpServer,
    ) -> Result<Self, SmtpError> {
        let encrypted = server.security != Security::None;
        let addresses = guard
            .dialable(&server.host, server.port, encrypted)
            .await
            .map_err(|refusal| match refusal {
                Refusal::Unresolved => SmtpError::Dns,
                other => SmtpError::Refused(other),
            })?;
        let stream = time::timeout(CONNECT_TIMEOUT, dial(&addresses))
            .await
            .map_err(|_| SmtpError::Connect("timed out".to_owned()))?
            .map_err(|error| SmtpError::Connect(error.to_string()))?;
        let mut session = Self::on(Box::new(stream));
        if server.security == Security::ImplicitTls {
            session = session.encrypt(&settings.tls, &server.host).await?;
        }
        session.greet(&settings.hello).await?;
        if matches!(server.security, Security::StartTls | Security::OptionalStartTls) {
            if session.extensions.starttls {
                session = session.start_tls(settings, &server.host).await?;
            } else if server.security == Security::StartTls {
                session.quit().await;
                return Err(SmtpError::Tls("the server does not offer STARTTLS".to_owned()));
            }
        }
        if let (Some(username), Some(password)) = (&server.username, &server.password) {
            let trusted = addresses.iter().all(|address| {
                guard
                    .policy()
                    .judge(address.ip(), Requirement::AllowListed)
                    .is_ok()
            });
            let may_show = session.encrypted || trusted;
            if let Err(error) = session.authenticate(username, password.expose(), may_show).await {
                session.quit().await;
                return Err(error);
            }
        }
        Ok(session)
    }

    fn on(stream: Stream) -> Self {
        Self {
            stream: BufReader::new(stream),
            extensions: Extensions::default(),
            encrypted: false,
            messages: 0,
            broken: false,
            secrets: Vec::new(),
        }
    }

    /// MAIL, RCPT and DATA.
    pub(super) async fn envelope(&mut self, from: &Address, to: &Address, message: &[u8]) -> Verdict {
        let mut mail = format!("MAIL FROM:<{from}>");
        if !from.to_string().is_ascii() || !to.to_string().is_ascii() {
            if !self.extensions.smtputf8 {
                return Verdict::Rejected(SmtpError::Unsendable("the server takes ASCII addresses only"));
            }
            mail.push_str(" SMTPUTF8");
        }
        if !message.is_ascii() {
            if !self.extensions.eight_bit {
                return Verdict::Rejected(SmtpError::Unsendable("the server takes 7-bit messages only"));
            }
            mail.push_str(" BODY=8BITMIME");
        }
        self.messages += 1;
        let asked = async {
            self.expect_reply(2, &mail).await?;
            self.expect_reply(2, &format!("RCPT TO:<{to}>")).await?;
            self.expect_reply(3, "DATA").await
        };
        let Err(why) = asked.await else {
            return Verdict::Ready;
        };
        if ends_connection(&why) {
            self.broken = true;
            return Verdict::Dead(why);
        }
        self.broken = self.expect_reply(2, "RSET").await.is_err();
        Verdict::Rejected(why)
    }

    /// The message, after a [`Verdict::Ready`].
    pub(super) async fn message(&mut self, message: &[u8]) -> Result<SmtpAnswer, SmtpError> {
        let answer = self.deliver(message).await.map_err(|error| match error {
            SmtpError::Broken { detail, .. } => SmtpError::Broken {
                after_data: true,
                detail,
            },
            other => other,
        });
        self.broken = answer.as_ref().is_err_and(ends_connection);
        answer
    }

    async fn deliver(&mut self, message: &[u8]) -> Result<SmtpAnswer, SmtpError> {
        self.refuse_unsolicited_reply().await?;
        // A server that refuses a message in the middle of it may close its ear; what it said is there to be read.
        let written = self.write(&dot_stuffed(message)).await;
        let reply = match (written, self.read().await) {
            (_, Ok(reply)) => reply,
            (Err(error), Err(_)) | (Ok(()), Err(error)) => return Err(error),
        };
        if reply.is(2) {
            Ok(SmtpAnswer {
                code: reply.code,
                text: self.masked(reply.text()),
            })
        } else {
            Err(self.refusal(&reply))
        }
    }

    /// Says goodbye; whether the server hears it does not matter.
    pub(super) async fn quit(&mut self) {
        self.broken = true;
        drop(self.write(b"QUIT\r\n").await);
        drop(self.stream.get_mut().shutdown().await);
    }

    /// Reads the greeting and introduces itself.
    async fn greet(&mut self, name: &str) -> Result<(), SmtpError> {
        let greeting = self.read().await?;
        if !greeting.is(2) {
            return Err(self.refusal(&greeting));
        }
        self.hello(name).await
    }

    /// EHLO, or HELO where that is not known (RFC 5321 §3.2).
    async fn hello(&mut self, name: &str) -> Result<(), SmtpError> {
        let reply = self.command(&format!("EHLO {name}")).await?;
        if reply.is(2) {
            self.extensions = Extensions::in_reply(&reply);
            return Ok(());
        }
        if !(500..=504).contains(&reply.code) {
            return Err(self.refusal(&reply));
        }
        self.extensions = Extensions::default();
        self.expect_reply(2, &format!("HELO {name}")).await.map(drop)
    }

    /// STARTTLS (RFC 3207).
    async fn start_tls(mut self, settings: &Settings, host: &str) -> Result<Self, SmtpError> {
        self.expect_reply(2, "STARTTLS").await?;
        if !self.stream.buffer().is_empty() {
            // Somebody on the way may have put it there, to be taken for the encrypted server's words.
            return Err(SmtpError::Tls("the server spoke before the handshake".to_owned()));
        }
        let mut session = self.encrypt(&settings.tls, host).await?;
        session.hello(&settings.hello).await?;
        Ok(session)
    }

    async fn encrypt(self, tls: &TlsConnector, host: &str) -> Result<Self, SmtpError> {
        let failed = |error: io::Error| SmtpError::Tls(error.to_string());
        let handshake = tls.connect(server_name(host).map_err(failed)?, self.stream.into_inner());
        let stream = time::timeout(CONNECT_TIMEOUT, handshake)
            .await
            .map_err(|_| SmtpError::Tls("the handshake timed out".to_owned()))?
            .map_err(failed)?;
        Ok(Self {
            encrypted: true,
            ..Self::on(Box::new(stream))
        })
    }

    /// AUTH (RFC 4954) by PLAIN or else LOGIN.
    async fn authenticate(
        &mut self,
        username: &str,
        password: &str,
        may_show: bool,
    ) -> Result<(), SmtpError> {
        let missing = |why: String| Err(SmtpError::AuthUnavailable(why));
        if !may_show {
            return missing(
                "the server offers no encryption, and a password is not sent in the clear".to_owned(),
            );
        }
        let plain = STANDARD.encode(format!("\0{username}\0{password}"));
        let answers = [STANDARD.encode(username), STANDARD.encode(password)];
        // The longer ones first: they may hold the shorter.
        self.secrets = [plain.as_str(), &answers[1], password]
            .into_iter()
            .filter(|secret| secret.len() >= MIN_SECRET)
            .map(ToOwned::to_owned)
            .collect();
        let (first, then): (String, &[String]) = if self.extensions.plain {
            (format!("AUTH PLAIN {plain}"), std::slice::from_ref(&plain))
        } else if self.extensions.login {
            ("AUTH LOGIN".to_owned(), &answers)
        } else {
            return missing(match &self.extensions.auth {
                Some(offered) => format!(
                    "the server offers AUTH {}, and neither PLAIN nor LOGIN",
                    self.masked(offered.clone())
                ),
                None => {
                    "the server offers no AUTH on this port: leave user and password out, or use another port"
                        .to_owned()
                }
            });
        };
        let mut reply = self.command(&first).await?;
        for answer in then {
            if reply.code == 334 {
                reply = self.command(answer).await?;
            }
        }
        match self.refusal(&reply) {
            _ if reply.is(2) => Ok(()),
            SmtpError::Permanent { code, text } => Err(SmtpError::AuthRefused { code, text }),
            other => Err(other),
        }
    }

    /// Sends a command whose answer must begin with `digit`.
    async fn expect_reply(&mut self, digit: u16, command: &str) -> Result<Reply, SmtpError> {
        let reply = self.command(command).await?;
        if reply.is(digit) {
            Ok(reply)
        } else {
            Err(self.refusal(&reply))
        }
    }

    async fn command(&mut self, command: &str) -> Result<Reply, SmtpError> {
        self.refuse_unsolicited_reply().await?;
        self.write(format!("{command}\r\n").as_bytes()).await?;
        self.read().await
    }

    /// What a server said without being asked must not be taken for its answer to the next command. It is 421 when it
    /// says goodbye (RFC 5321 §3.8).
    async fn refuse_unsolicited_reply(&mut self) -> Result<(), SmtpError> {
        let heard = poll_fn(|cx| Poll::Ready(Pin::new(&mut self.stream).poll_fill_buf(cx).is_ready()));
        if !heard.await {
            return Ok(());
        }
        let reply = self.read().await?;
        Err(if reply.code == 421 {
            self.refusal(&reply)
        } else {
            self.broken(&format!(
                "the server spoke out of turn: {} {}",
                reply.code,
                reply.text()
            ))
        })
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), SmtpError> {
        let stream = self.stream.get_mut();
        let written = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        written.await.map_err(|error| self.broken(&error.to_string()))
    }

    async fn read(&mut self) -> Result<Reply, SmtpError> {
        let read = Reply::read(&mut self.stream).await;
        read.map_err(|error| self.broken(&error.to_string()))
    }

    /// What a reply means that is not the one that was hoped for.
    fn refusal(&self, reply: &Reply) -> SmtpError {
        let (code, text) = (reply.code, self.masked(reply.text()));
        match code / 100 {
            5 => SmtpError::Permanent { code, text },
            4 => SmtpError::Transient { code, text },
            _ => self.broken(&format!(
                "the server answered {code} {text} where that means nothing"
            )),
        }
    }

    fn broken(&self, detail: &str) -> SmtpError {
        SmtpError::Broken {
            after_data: false,
            detail: self.masked(detail.to_owned()),
        }
    }

    fn masked(&self, text: String) -> String {
        let mask = |text: String, secret: &String| text.replace(secret, "***");
        self.secrets.iter().fold(text, mask)
    }
}

impl Reusable for Session {
    fn is_open(&mut self) -> bool {
        !self.broken && self.messages < MAX_MESSAGES
    }

    fn expires(&self, now: Instant) -> Instant {
        now + IDLE
    }

    fn share(&self) -> Option<Self> {
        None
    }
}

/// 421: the server is closing the channel (RFC 5321 §3.8).
fn ends_connection(error: &SmtpError) -> bool {
    matches!(
        error,
        SmtpError::Transient { code: 421, .. } | SmtpError::Broken { .. }
    )
}

/// A message as DATA carries it: lines end in CRLF, those that begin with a dot have one more, and a dot ends it
/// (RFC 5321 §4.5.2).
fn dot_stuffed(message: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(message.len() + message.len() / 64 + 8);
    let mut line_begins = true;
    for byte in message {
        match byte {
            b'.' if line_begins => data.push(b'.'),
            b'\n' if data.last() != Some(&b'\r') => data.push(b'\r'),
            _ => {}
        }
        data.push(*byte);
        line_begins = *byte == b'\n';
    }
    if !line_begins {
        data.extend_from_slice(b"\r\n");
    }
    data.extend_from_slice(b".\r\n");
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_end_itself() {
        for (message, data) in [
            ("", ".\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            ("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\n.\nb\n", "a\r\n..\r\nb\r\n.\r\n"),
        ] {
            assert_eq!(dot_stuffed(message.as_bytes()), data.as_bytes(), "{message:?}");
        }
    }
}
