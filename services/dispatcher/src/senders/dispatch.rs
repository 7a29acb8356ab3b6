//! The carrier: chooses by what a parcel goes, sends it once, and turns whatever happens into a report. Nothing secret
//! gets into one: answers are searched for the channel's secrets, and headers that may hold some are masked.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use serde_json::Value;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{self as config, SmtpSecurity};
use watchbell_egress::{Guard, HttpClient, Security, SendError, SmtpSender, SmtpServer};
use watchbell_model::brand::Brand;
use watchbell_model::clock::SharedClock;
use watchbell_model::ids::DeliveryId;
use watchbell_model::route::Target;
use watchbell_model::secret::Secret;
use watchbell_model::unsubscribe::UnsubscribeKeys;

use super::answer::{Heard, Hidden, unanswered};
use super::email::{self, Emails, NotRendered, Sender};
use super::logged::LoggedHeaders;
use super::webhook::{Signers, Signing};
use super::{Carrier, Parcel, Report, ResolvedChannel, Via, slack, teams, webhook};

/// How many recipients of one message are served at the same time.
const MAILS_AT_ONCE: usize = 4;
/// RFC 6409 §3.1.
const SUBMISSION_PORT: u16 = 587;
const AGENT: &str = concat!("Watchbell/", env!("CARGO_PKG_VERSION"));

/// What the senders need from outside.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    /// Judges every URL once more before it is dialled.
    pub(crate) guard: Guard,
    /// Slack, Teams and webhooks go by it.
    pub(crate) http: HttpClient,
    /// Mail goes by it.
    pub(crate) smtp: SmtpSender,
    /// For latencies.
    pub(crate) clock: SharedClock,
    /// Under which name we speak.
    pub(crate) brand: Arc<Brand>,
    /// The platform's own mail server, if it has one.
    pub(crate) platform_mail: Option<SmtpServer>,
    /// Sign the links to unsubscribe.
    pub(crate) unsubscribe: UnsubscribeKeys,
}

/// Carries by Slack, Teams, email and webhooks.
#[derive(Debug)]
pub(crate) struct Senders {
    outside: Outside,
    emails: Emails,
    signature_header: HeaderName,
}

/// A mail server and who writes by it.
struct Mailer {
    server: SmtpServer,
    sender: Sender,
}

// === impl Senders ===

impl Senders {
    /// Compiles the templates.
    ///
    /// # Errors
    /// When a template is broken, which only a change of the program can cause.
    pub(crate) fn new(outside: Outside) -> Result<Self, NotRendered> {
        let emails = Emails::new(Arc::clone(&outside.brand))?;
        let signature_header = HeaderName::try_from(outside.brand.signature_header())
            .unwrap_or(HeaderName::from_static("x-watchbell-signature"));
        Ok(Self {
            outside,
            emails,
            signature_header,
        })
    }

    async fn dispatch(&self, parcel: &Parcel, channel: &ResolvedChannel) -> Report {
        let (configured, secrets) = match &channel.via {
            Via::PlatformMail => return self.mail(parcel, channel, None).await,
            Via::Channel { channel, secrets } => (channel, secrets),
        };
        match &configured.destination {
            Some(Destination::Slack(_)) => {
                let message = slack::message(&parcel.event, &parcel.route.mentions, &self.outside.brand);
                self.chat(parcel, channel, &secrets.url, &message, |heard, _| {
                    slack::report(heard)
                })
                .await
            }
            Some(Destination::Teams(_)) => {
                let message = teams::message(&parcel.event, &parcel.route.mentions, &self.outside.brand);
                self.chat(parcel, channel, &secrets.url, &message, teams::report)
                    .await
            }
            Some(Destination::Webhook(destination)) => {
                self.webhook(parcel, channel, destination, secrets).await
            }
            Some(Destination::Email(destination)) => {
                self.mail(parcel, channel, Some((destination, secrets))).await
            }
            Some(Destination::InApp(_)) | None => Report::permanent(
                "no_destination",
                "The channel has no destination that anything can be sent to. This is a fault of ours.",
            ),
        }
    }

    /// Posts a message to a chat's webhook, whose whole URL is a secret.
    async fn chat(
        &self,
        parcel: &Parcel,
        channel: &ResolvedChannel,
        url: &str,
        message: &Value,
        judge: impl Fn(&Heard, &str) -> Report,
    ) -> Report {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let mut logged = LoggedHeaders::new();
        for (name, value) in &headers {
            logged.push(name.as_str(), value.to_str().unwrap_or_default());
        }
        let hidden = || {
            let mut hidden = Hidden::default();
            hidden.hide_url(url);
            hidden
        };
        let report = match self
            .post(parcel, channel, url, headers, message.to_string().into(), hidden)
            .await
        {
            Ok((heard, host)) => judge(&heard, &host),
            Err(error) => unanswered(&error),
        };
        Report {
            request_headers: logged,
            ..report
        }
    }

    async fn webhook(
        &self,
        parcel: &Parcel,
        channel: &ResolvedChannel,
        destination: &config::WebhookDestination,
        secrets: &config::ChannelSecrets,
    ) -> Report {
        let signers = Signers::of(secrets, destination.sign_ed25519, parcel.now);
        if signers.is_empty() {
            return Report::retryable(
                "webhook.no_secret",
                "The channel has no signing secret, and nothing is sent unsigned: rotate its secret.",
            );
        }
        let post = async |signing| {
            self.post_signed(parcel, channel, destination, secrets, signing)
                .await
        };
        let report = post(signers.first()).await;
        match signers.after_rotation() {
            Some(signing) if report.status_code == StatusCode::UNAUTHORIZED.as_u16() => post(signing).await,
            _ => report,
        }
    }

    async fn post_signed(
        &self,
        parcel: &Parcel,
        channel: &ResolvedChannel,
        destination: &config::WebhookDestination,
        secrets: &config::ChannelSecrets,
        signing: Signing<'_>,
    ) -> Report {
        let request = webhook::request(
            &parcel.event,
            destination,
            &secrets.headers,
            signing,
            &self.signature_header,
            parcel.traceparent.as_deref(),
            parcel.now,
        );
        // An endpoint may echo what it got; a signature in the log could be used once more.
        let signatures = ["webhook-signature", self.signature_header.as_str()];
        let signatures = signatures.map(|name| request.headers.get(name).cloned());
        let hidden = || {
            let mut hidden = webhook_secrets(secrets);
            signatures
                .iter()
                .flatten()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split([' ', ',']))
                .for_each(|signature| hidden.hide(signature));
            hidden
        };
        let answer = self
            .post(
                parcel,
                channel,
                &secrets.url,
                request.headers,
                request.body,
                hidden,
            )
            .await;
        let report = match answer {
            Ok((heard, _)) => webhook::report(&heard),
            Err(error) => unanswered(&error),
        };
        Report {
            request_headers: request.logged,
            ..report
        }
    }

    /// One POST. The answer comes with the host that gave it.
    async fn post(
        &self,
        parcel: &Parcel,
        channel: &ResolvedChannel,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
        hidden: impl FnOnce() -> Hidden,
    ) -> Result<(Heard, String), SendError> {
        let judged = channel.url.get_or_init(|| self.outside.guard.check_url(url));
        let url = judged
            .as_ref()
            .map_err(|refusal| SendError::Refused(refusal.clone()))?;
        let answer = self
            .outside
            .http
            .on_behalf_of(parcel.event.team_id)
            .post(url, headers, body, channel.timeout)
            .await?;
        // Most answers have nothing in them that could give anything away.
        let hidden = if answer.body_prefix.is_empty() {
            Hidden::default()
        } else {
            hidden()
        };
        Ok((Heard::of(&answer, parcel.now, &hidden), url.host().to_owned()))
    }

    /// One message for each recipient, so that a bad mailbox is nobody else's failure.
    async fn mail(
        &self,
        parcel: &Parcel,
        channel: &ResolvedChannel,
        configured: Option<(&config::EmailDestination, &config::ChannelSecrets)>,
    ) -> Report {
        let Some(mailer) = self.mailer(configured) else {
            return Report::permanent(
                "smtp.no_server",
                "No mail server is configured: set one for the platform, or add one to the team's email channel.",
            );
        };
        let recipients: Vec<String> = match &parcel.route.target {
            Target::Person { address, .. } | Target::Address { address, .. } => vec![address.clone()],
            // Routes name recipients one by one; only a test goes to a whole channel.
            Target::Receipts => parcel.recipients.clone(),
            Target::Channel(_) | Target::Inbox => {
                let mut seen = HashSet::new();
                let listed = configured
                    .map(|(destination, _)| destination.recipients.clone())
                    .unwrap_or_default();
                listed
                    .into_iter()
                    .filter(|address| seen.insert(address.to_ascii_lowercase()))
                    .collect()
            }
        };
        let several = recipients.len() > 1;
        let sent: Vec<_> = futures::stream::iter(recipients.into_iter().enumerate())
            .map(|(index, recipient)| {
                let id = message_id(parcel.delivery_id, several.then_some(index));
                let mailer = &mailer;
                async move {
                    let report = self.mail_one(parcel, channel, mailer, &recipient, &id).await;
                    (recipient, report)
                }
            })
            .buffered(MAILS_AT_ONCE)
            .collect()
            .await;
        email::worst(sent).unwrap_or_else(|| {
            Report::permanent(
                "smtp.no_recipient",
                "The channel has no recipients: add at least one address.",
            )
        })
    }

    async fn mail_one(
        &self,
        parcel: &Parcel,
        channel: &ResolvedChannel,
        mailer: &Mailer,
        recipient: &str,
        id: &str,
    ) -> Report {
        let (event, route) = (&parcel.event, &parcel.route);
        let footer = email::footer(
            event,
            &route.target,
            recipient,
            &self.outside.brand,
            &self.outside.unsubscribe,
        );
        let rendered = match self.emails.render(event, &route.reason.sentence, &footer) {
            Ok(rendered) => rendered,
            Err(error) => {
                tracing::error!(%error, event_type = %event.event_type, "an email template does not render");
                return Report::permanent(
                    "email.not_rendered",
                    "The email could not be written. This is a fault of ours.",
                );
            }
        };
        let Some(raw) = email::message(&rendered, &mailer.sender, recipient, id, &footer, parcel.now) else {
            return Report::permanent(
                "email.bad_address",
                format!(
                    "`{}` or the sender's address `{}` is not an email address: correct it.",
                    recipient.escape_default(),
                    mailer.sender.address.escape_default()
                ),
            );
        };
        let mut logged = LoggedHeaders::new();
        logged.push("From", &mailer.sender.address);
        logged.push("To", recipient);
        logged.push("Subject", &rendered.subject);
        let smtp = self.outside.smtp.clone().on_behalf_of(parcel.event.team_id);
        let smtp = smtp.with_timeout(channel.timeout);
        let outcome = smtp
            .send(&mailer.server, &mailer.sender.address, recipient, raw)
            .await;
        let report = email::report(outcome);
        Report {
            request_headers: logged,
            ..report
        }
    }

    /// The team's own server when it has one, else the platform's.
    fn mailer(
        &self,
        configured: Option<(&config::EmailDestination, &config::ChannelSecrets)>,
    ) -> Option<Mailer> {
        let brand = &self.outside.brand;
        let named = |address: &str| Sender {
            name: brand.name.clone(),
            address: address.to_owned(),
        };
        let own = configured.and_then(|(destination, secrets)| Some((destination.smtp.as_ref()?, secrets)));
        let Some((own, secrets)) = own else {
            return Some(Mailer {
                server: self.outside.platform_mail.clone()?,
                sender: named(&brand.from_address),
            });
        };
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let sender = [&own.from_address, &own.username]
            .into_iter()
            .find(|address| address.contains('@'));
        Some(Mailer {
            server: SmtpServer {
                host: own.host.clone(),
                port: u16::try_from(own.port)
                    .ok()
                    .filter(|port| *port > 0)
                    .unwrap_or(SUBMISSION_PORT),
                username: given(&own.username),
                password: given(&secrets.smtp_password).map(Secret::from),
                security: match own.security() {
                    SmtpSecurity::Unspecified | SmtpSecurity::Starttls => Security::StartTls,
                    SmtpSecurity::OptionalStarttls => Security::OptionalStartTls,
                    SmtpSecurity::Tls => Security::ImplicitTls,
                    SmtpSecurity::None => Security::None,
                },
            },
            sender: named(sender.unwrap_or(&brand.from_address)),
        })
    }
}

/// What must not be seen in an answer of the endpoint.
fn webhook_secrets(secrets: &config::ChannelSecrets) -> Hidden {
    let mut hidden = Hidden::default();
    hidden.hide_url(&secrets.url);
    hidden.hide(&secrets.ed25519_private_key);
    secrets
        .signing_secrets
        .iter()
        .for_each(|secret| hidden.hide(&secret.secret));
    secrets
        .headers
        .iter()
        .for_each(|header| hidden.hide(&header.value));
    hidden
}

/// The same in every attempt; each of several recipients has one of its own.
fn message_id(delivery: DeliveryId, index: Option<usize>) -> String {
    index.map_or_else(|| delivery.to_string(), |index| format!("{delivery}.{index}"))
}

#[async_trait]
impl Carrier for Senders {
    async fn carry(&self, parcel: &Parcel, channel: &ResolvedChannel) -> Report {
        let started = self.outside.clock.monotonic();
        let report = self.dispatch(parcel, channel).await;
        let latency = self.outside.clock.monotonic().saturating_sub(started);
        Report { latency, ..report }
    }
}

#[cfg(test)]
#[path = "dispatch_tests.rs"]
mod tests;
