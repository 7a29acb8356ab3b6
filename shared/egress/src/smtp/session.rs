//! One SMTP conversation: connect, encrypt, authenticate, then one envelope and one message after the other.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;

use super::{Security, Settings, SmtpAnswer, SmtpError, SmtpServer};
use crate::dial::dial;
use crate::guard::{Demand, Refusal, bare_host};
use crate::resolve::Guard;

/// Bound for one TCP attempt; the message's own time-out bounds the rest.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// After so many messages a connection is closed: many servers allow about 100 on one.
const MAX_MESSAGES: u32 = 90;

/// A connection that is ready for an envelope.
pub(super) struct Session {
    connection: AsyncSmtpConnection,
    messages: u32,
    broken: bool,
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
        let tls = match server.security {
            Security::None => None,
            _ => Some(tls_parameters(settings, &server.host)?),
        };
        let implicit = if server.security == Security::ImplicitTls {
            tls.clone()
        } else {
            None
        };
        let mut connection = connect(&addresses, settings, implicit).await?;

        if let (Security::StartTls | Security::OptionalStartTls, Some(tls)) = (server.security, tls) {
            if connection.can_starttls() {
                connection
                    .starttls(tls, &settings.hello)
                    .await
                    .map_err(|error| connect_error(&error))?;
            } else if server.security == Security::StartTls {
                connection.abort().await;
                return Err(SmtpError::Tls("the server does not offer STARTTLS".to_owned()));
            }
        }
        let mut session = Self {
            connection,
            messages: 0,
            broken: false,
        };
        if let (Some(username), Some(password)) = (&server.username, &server.password) {
            let trusted = addresses
                .iter()
                .all(|address| guard.policy().judge(address.ip(), Demand::AllowListed).is_ok());
            if !session.connection.is_encrypted() && !trusted {
                session.quit().await;
                return Err(SmtpError::Auth(
                    "the server offers no encryption, and a password is not sent in the clear".to_owned(),
                ));
            }
            let credentials = Credentials::new(username.clone(), password.expose().to_owned());
            session
                .connection
                .auth(DEFAULT_MECHANISMS, &credentials)
                .await
                .map_err(|error| auth_error(&error))?;
        }
        Ok(session)
    }

    /// Whether the connection can carry another message.
    pub(super) fn usable(&self) -> bool {
        !self.broken && !self.connection.has_broken() && self.messages < MAX_MESSAGES
    }

    /// MAIL, RCPT and DATA.
    pub(super) async fn envelope(&mut self, from: &Address, to: &Address, message: &[u8]) -> Verdict {
        let mut parameters = Vec::new();
        if !from.to_string().is_ascii() || !to.to_string().is_ascii() {
            if !self
                .connection
                .server_info()
                .supports_feature(Extension::SmtpUtfEight)
            {
                return Verdict::Rejected(SmtpError::Unsendable("the server takes ASCII addresses only"));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !message.is_ascii() {
            if !self
                .connection
                .server_info()
                .supports_feature(Extension::EightBitMime)
            {
                return Verdict::Rejected(SmtpError::Unsendable("the server takes 7-bit messages only"));
            }
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        self.messages += 1;
        let asked = async {
            self.connection
                .command(Mail::new(Some(from.clone()), parameters))
                .await?;
            self.connection.command(Rcpt::new(to.clone(), Vec::new())).await?;
            self.connection.command(Data).await
        };
        match asked.await {
            Ok(_) => Verdict::Ready,
            Err(error) => {
                let why = conversation_error(&error, false);
                // 421: the server is closing the channel (RFC 5321 §3.8).
                let closing = matches!(
                    why,
                    SmtpError::Transient { code: 421, .. } | SmtpError::Broken { .. }
                );
                if closing || self.connection.command(Rset).await.is_err() {
                    self.broken = true;
                    return if closing {
                        Verdict::Dead(why)
                    } else {
                        Verdict::Rejected(why)
                    };
                }
                Verdict::Rejected(why)
            }
        }
    }

    /// The message, after a [`Verdict::Ready`].
    pub(super) async fn message(&mut self, message: &[u8]) -> Result<SmtpAnswer, SmtpError> {
        // lettre ends every message with a line break of its own.
        let message = message.strip_suffix(b"\r\n").unwrap_or(message);
        match self.connection.message(message).await {
            Ok(response) => Ok(SmtpAnswer {
                code: code_of(&response),
                text: text_of(&response),
            }),
            Err(error) => {
                let why = conversation_error(&error, true);
                self.broken = matches!(
                    why,
                    SmtpError::Transient { code: 421, .. } | SmtpError::Broken { .. }
                );
                Err(why)
            }
        }
    }

    /// Says goodbye; whether the server hears it does not matter.
    pub(super) async fn quit(&mut self) {
        self.broken = true;
        drop(self.connection.quit().await);
    }
}

fn tls_parameters(settings: &Settings, host: &str) -> Result<TlsParameters, SmtpError> {
    let mut builder =
        TlsParameters::builder(bare_host(host).to_owned()).certificate_store(CertificateStore::WebpkiRoots);
    for root in &settings.roots {
        builder = builder.add_root_certificate(root.clone());
    }
    builder
        .build_rustls()
        .map_err(|error| SmtpError::Tls(error.to_string()))
}

fn code_of(response: &Response) -> u16 {
    response.code().into()
}

fn text_of(response: &Response) -> String {
    clip(&response.message().collect::<Vec<_>>().join(" "))
}

/// A server's text, bounded: it ends up in the delivery log.
fn clip(text: &str) -> String {
    text.chars().take(1000).collect()
}

fn detail_of(error: &Error) -> String {
    clip(
        &error
            .source()
            .map_or_else(|| error.to_string(), ToString::to_string),
    )
}

/// What a negative reply or a broken connection means once the server has greeted us.
fn conversation_error(error: &Error, after_data: bool) -> SmtpError {
    match error.status() {
        Some(code) if error.is_permanent() => SmtpError::Permanent {
            code: code.into(),
            text: detail_of(error),
        },
        Some(code) => SmtpError::Transient {
            code: code.into(),
            text: detail_of(error),
        },
        None => SmtpError::Broken {
            after_data,
            detail: detail_of(error),
        },
    }
}

fn auth_error(error: &Error) -> SmtpError {
    match conversation_error(error, false) {
        SmtpError::Permanent { code, text } => SmtpError::Auth(format!("{code} {text}")),
        // No mechanism in common: lettre says so as an error of its own, without a reply.
        SmtpError::Broken { .. } if error.is_client() => SmtpError::Auth(detail_of(error)),
        other => other,
    }
}

/// Opens a connection and reads the greeting. A conversation is small packets to and fro, so Nagle's algorithm is off,
/// which costs 40 ms a message otherwise; lettre's own connecting, which leaves it on, is used where TLS comes first.
async fn connect(
    addresses: &[SocketAddr],
    settings: &Settings,
    implicit: Option<TlsParameters>,
) -> Result<AsyncSmtpConnection, SmtpError> {
    let connected = if implicit.is_some() {
        AsyncSmtpConnection::connect_tokio1(addresses, Some(CONNECT_TIMEOUT), &settings.hello, implicit, None)
            .await
    } else {
        let stream = dial(addresses, CONNECT_TIMEOUT)
            .await
            .map_err(|error| SmtpError::Connect(error.to_string()))?;
        AsyncSmtpConnection::connect_with_transport(Box::new(stream), &settings.hello).await
    };
    connected.map_err(|error| connect_error(&error))
}

fn connect_error(error: &Error) -> SmtpError {
    if error.status().is_some() {
        return conversation_error(error, false);
    }
    if error.is_tls() || is_rustls(error) {
        return SmtpError::Tls(detail_of(error));
    }
    SmtpError::Connect(detail_of(error))
}

/// rustls' errors arrive inside `io::Error`s, whose `source` skips the error they carry.
fn is_rustls(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(current) = cause {
        if current.is::<rustls::Error>() {
            return true;
        }
        if let Some(io) = current.downcast_ref::<io::Error>()
            && io
                .get_ref()
                .is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
        {
            return true;
        }
        cause = current.source();
    }
    false
}
