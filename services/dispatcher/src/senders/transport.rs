//! The transport: sends a message by its kind of channel, once, and turns every failure into a result. Results hold
//! no secret: responses are searched for the channel's secrets, and headers that may hold some are masked.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use serde_json::Value;
use tracing::Span;
use url::Url;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{self as config, SmtpSecurity};
use watchbell_egress::{Guard, HttpClient, Security, SendError, SmtpSender, SmtpServer};
use watchbell_model::AcceptedEvent;
use watchbell_model::alert_link::LinkHolder;
use watchbell_model::brand::Brand;
use watchbell_model::clock::SharedClock;
use watchbell_model::confirmation::Confirmation;
use watchbell_model::ids::{DeliveryId, TeamId};
use watchbell_model::mention::Mention;
use watchbell_model::route::Target;
use watchbell_model::secret::Secret;
use watchbell_model::unsubscribe::UnsubscribeKeys;
use watchbell_runtime::tenant_pool::TenantPool;

use super::answer::{Redactor, Response, from_send_error};
use super::email::{self, Emails, NotRendered, Sender};
use super::logged::LoggedHeaders;
use super::webhook::{Content, Signers, Signing};
use super::{AttemptResult, Message, ResolvedChannel, Transport, Via, alert, slack, teams, webhook};

/// Recipients of one message that are served concurrently.
const MAILS_AT_ONCE: usize = 4;
/// RFC 6409 §3.1.
const SUBMISSION_PORT: u16 = 587;
const AGENT: &str = concat!("Watchbell/", env!("CARGO_PKG_VERSION"));

/// Notes in the attempt's span which server is asked. Its path and query may be secrets.
fn asks(host: &str, port: u16) {
    let span = Span::current();
    span.record("server.address", host);
    span.record("server.port", port);
}

/// Dependencies of the senders.
#[derive(Debug, Clone)]
pub(crate) struct SenderDeps {
    /// Makes bodies that teams lay out.
    pub(crate) tenant_pool: TenantPool,
    /// Judges every URL once more before it is dialled.
    pub(crate) guard: Guard,
    /// Slack, Teams and webhooks go by it.
    pub(crate) http: HttpClient,
    /// Mail goes by it.
    pub(crate) smtp: SmtpSender,
    /// Clock for latencies.
    pub(crate) clock: SharedClock,
    /// Under which name we speak.
    pub(crate) brand: Arc<Brand>,
    /// The platform's own mail server, if it has one.
    pub(crate) platform_mail: Option<SmtpServer>,
    /// Sign the links in messages.
    pub(crate) link_keys: UnsubscribeKeys,
}

/// Carries by Slack, Teams, email and webhooks.
#[derive(Debug)]
pub(crate) struct Senders {
    deps: SenderDeps,
    emails: Emails,
    signature_header: HeaderName,
}

/// Makes what is posted to a chat, with the link to acknowledge.
type ChatMessage = fn(&AcceptedEvent, &[Mention], Option<&Url>, &Brand) -> Value;

/// A mail server, the client that speaks to it, and its sender address.
struct Mailer {
    server: SmtpServer,
    client: SmtpSender,
    sender: Sender,
}

// === impl Senders ===

impl Senders {
    /// Compiles the templates.
    ///
    /// # Errors
    /// When a template is broken, which only a change of the program can cause.
    pub(crate) fn new(deps: SenderDeps) -> Result<Self, NotRendered> {
        let emails = Emails::new(Arc::clone(&deps.brand))?;
        Ok(Self {
            emails,
            signature_header: webhook::signature_header(&deps.brand),
            deps,
        })
    }

    async fn send_by_kind(&self, outgoing: &Message, channel: &ResolvedChannel) -> AttemptResult {
        let (configured, secrets) = match &channel.via {
            Via::PlatformMail => return self.mail(outgoing, channel, None).await,
            Via::Channel { channel, secrets } => (channel, secrets),
        };
        match &configured.destination {
            Some(Destination::Slack(_)) => {
                let judge = |response: &Response, _: &str| slack::classify(response);
                self.chat(outgoing, channel, &secrets.url, slack::message, judge)
                    .await
            }
            Some(Destination::Teams(_)) => {
                self.chat(outgoing, channel, &secrets.url, teams::message, teams::classify)
                    .await
            }
            Some(Destination::Webhook(destination)) => {
                self.webhook(outgoing, channel, destination, secrets).await
            }
            Some(Destination::Email(destination)) => {
                self.mail(outgoing, channel, Some((destination, secrets))).await
            }
            Some(Destination::InApp(_)) | None => AttemptResult::permanent(
                "no_destination",
                "The channel has no usable destination. This is a bug in Watchbell.",
            ),
        }
    }

    /// Posts to a chat's incoming webhook, whose whole URL is a secret.
    async fn chat(
        &self,
        outgoing: &Message,
        channel: &ResolvedChannel,
        url: &str,
        message: ChatMessage,
        judge: impl Fn(&Response, &str) -> AttemptResult,
    ) -> AttemptResult {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let mut logged = LoggedHeaders::new();
        for (name, value) in &headers {
            logged.push(name.as_str(), value.to_str().unwrap_or_default());
        }
        let acknowledge = match outgoing.route.target {
            Target::Channel(id) => self.acknowledge(outgoing, LinkHolder::Channel(id)),
            _ => None,
        };
        let message = message(
            &outgoing.event,
            &outgoing.route.mentions,
            acknowledge.as_ref(),
            &self.deps.brand,
        );
        let redactor = || {
            let mut redactor = Redactor::default();
            redactor.add_url(url);
            if let Some(link) = &acknowledge {
                redactor.add_url(link.as_str());
            }
            redactor
        };
        let result = match self
            .post(
                outgoing,
                channel,
                url,
                headers,
                message.to_string().into(),
                redactor,
            )
            .await
        {
            Ok((response, host)) => judge(&response, &host),
            Err(error) => from_send_error(&error),
        };
        AttemptResult {
            request_headers: logged,
            ..result
        }
    }

    async fn webhook(
        &self,
        outgoing: &Message,
        channel: &ResolvedChannel,
        destination: &config::WebhookDestination,
        secrets: &config::ChannelSecrets,
    ) -> AttemptResult {
        let signers = Signers::new(secrets, destination.sign_ed25519, outgoing.now);
        if signers.is_empty() {
            return AttemptResult::retryable(
                "webhook.no_secret",
                "The channel has no signing secret, and unsigned requests are never sent: rotate its secret.",
            );
        }
        let pool = &self.deps.tenant_pool;
        let content = match webhook::content(
            pool,
            &outgoing.event,
            &channel.body,
            destination,
            &secrets.headers,
        )
        .await
        {
            Ok(content) => content,
            Err(none) => return redacted(none.into_result(), secrets),
        };
        let post = async |signing| {
            self.post_signed(outgoing, channel, &content, secrets, signing)
                .await
        };
        let result = post(signers.first()).await;
        match signers.after_rotation() {
            Some(signing) if result.status_code == StatusCode::UNAUTHORIZED.as_u16() => post(signing).await,
            _ => result,
        }
    }

    async fn post_signed(
        &self,
        outgoing: &Message,
        channel: &ResolvedChannel,
        content: &Content,
        secrets: &config::ChannelSecrets,
        signing: Signing<'_>,
    ) -> AttemptResult {
        let request = webhook::request(
            &outgoing.event,
            content,
            &secrets.headers,
            signing,
            &self.signature_header,
            outgoing.traceparent.as_deref(),
            outgoing.now,
        );
        // An endpoint may echo its request; a logged signature could be replayed.
        let signatures = ["webhook-signature", self.signature_header.as_str()];
        let signatures = signatures.map(|name| request.headers.get(name).cloned());
        let redactor = || {
            let mut redactor = webhook_secrets(secrets);
            signatures
                .iter()
                .flatten()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split([' ', ',']))
                .for_each(|signature| redactor.add(signature));
            redactor
        };
        let answer = self
            .post(
                outgoing,
                channel,
                &secrets.url,
                request.headers,
                request.body,
                redactor,
            )
            .await;
        let result = match answer {
            Ok((response, _)) => webhook::classify(&response),
            Err(error) => from_send_error(&error),
        };
        AttemptResult {
            request_headers: request.logged,
            ..result
        }
    }

    /// One POST. The answer comes with the host that gave it.
    async fn post(
        &self,
        outgoing: &Message,
        channel: &ResolvedChannel,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
        redactor: impl FnOnce() -> Redactor,
    ) -> Result<(Response, String), SendError> {
        let judged = channel.url.get_or_init(|| self.deps.guard.check_url(url));
        let url = judged
            .as_ref()
            .map_err(|refusal| SendError::Refused(refusal.clone()))?;
        asks(url.host(), url.port());
        Span::current().record("http.request.method", "POST");
        let answer = self
            .deps
            .http
            .on_behalf_of(outgoing.event.team_id)
            .post(url, headers, body, channel.timeout)
            .await?;
        // Most responses are empty and need no redaction.
        let redactor = if answer.body_prefix.is_empty() {
            Redactor::default()
        } else {
            redactor()
        };
        Ok((
            Response::new(&answer, outgoing.now, &redactor),
            url.host().to_owned(),
        ))
    }

    /// Sends one message per recipient, so that a bad mailbox fails alone.
    async fn mail(
        &self,
        outgoing: &Message,
        channel: &ResolvedChannel,
        configured: Option<(&config::EmailDestination, &config::ChannelSecrets)>,
    ) -> AttemptResult {
        let Some(mailer) = self.mailer(outgoing.event.team_id, configured) else {
            return AttemptResult::permanent(
                "smtp.no_server",
                "No mail server is configured: set one for the platform, or add one to the team's email channel.",
            );
        };
        let recipients: Vec<String> = match &outgoing.route.target {
            Target::Person { address, .. } | Target::Address { address, .. } => vec![address.clone()],
            // Routes name recipients one by one; only a test goes to a whole channel.
            Target::Receipts => outgoing.recipients.clone(),
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
                let id = message_id(outgoing.delivery_id, several.then_some(index));
                let mailer = &mailer;
                async move {
                    let result = self.mail_one(outgoing, channel, mailer, &recipient, &id).await;
                    (recipient, result)
                }
            })
            .buffered(MAILS_AT_ONCE)
            .collect()
            .await;
        email::worst(sent).unwrap_or_else(|| {
            AttemptResult::permanent(
                "smtp.no_recipient",
                "The channel has no recipients: add at least one address.",
            )
        })
    }

    async fn mail_one(
        &self,
        outgoing: &Message,
        channel: &ResolvedChannel,
        mailer: &Mailer,
        recipient: &str,
        id: &str,
    ) -> AttemptResult {
        let route = &outgoing.route;
        let asking = self.asking(outgoing, recipient);
        let event = asking.as_ref().unwrap_or(&outgoing.event);
        let footer = email::footer(
            event,
            &route.target,
            recipient,
            &self.deps.brand,
            &self.deps.link_keys,
        );
        let mailbox = recipient.parse().ok().map(LinkHolder::Mailbox);
        let links = email::Links {
            footer: &footer,
            acknowledge: mailbox.and_then(|mailbox| self.acknowledge(outgoing, mailbox)),
        };
        let rendered = match self.emails.render(event, &route.reason.sentence, &links) {
            Ok(rendered) => rendered,
            Err(error) => {
                tracing::error!(%error, event_type = %event.event_type, "an email template failed to render");
                return AttemptResult::permanent(
                    "email.not_rendered",
                    "The email could not be rendered. This is a bug in Watchbell.",
                );
            }
        };
        let Some(raw) = email::message(&rendered, &mailer.sender, recipient, id, &footer, outgoing.now)
        else {
            return AttemptResult::permanent(
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
        asks(&mailer.server.host, mailer.server.port);
        let client = mailer.client.clone().with_timeout(channel.timeout);
        let outcome = client
            .send(&mailer.server, &mailer.sender.address, recipient, raw)
            .await;
        let result = email::classify(outcome);
        AttemptResult {
            request_headers: logged,
            ..result
        }
    }

    /// The event of an email that asks its recipient to confirm, with the link, which is nowhere kept: whoever of the team
    /// could read it could confirm in the recipient's place.
    fn asking(&self, outgoing: &Message, recipient: &str) -> Option<AcceptedEvent> {
        if !outgoing.route.is_confirmation() {
            return None;
        }
        let data: Value = serde_json::from_str(&outgoing.event.data).ok()?;
        let confirmation = Confirmation {
            team: outgoing.event.team_id,
            address: recipient.parse().ok()?,
            nonce: data.get("confirmation")?.as_str()?.parse().ok()?,
        };
        let base = self.deps.brand.public_url.as_str().trim_end_matches('/');
        let token = confirmation.sign(&self.deps.link_keys);
        Some(AcceptedEvent {
            url: format!("{base}/confirm?token={token}"),
            ..AcceptedEvent::clone(&outgoing.event)
        })
    }

    /// The link by which the reader of a message takes its alert on.
    fn acknowledge(&self, outgoing: &Message, holder: LinkHolder) -> Option<Url> {
        alert::acknowledge_link(
            &outgoing.event,
            holder,
            outgoing.now,
            &self.deps.brand,
            &self.deps.link_keys,
        )
    }

    /// The team's own server when it has one, else the platform's, whose connections all teams share.
    fn mailer(
        &self,
        team: TeamId,
        configured: Option<(&config::EmailDestination, &config::ChannelSecrets)>,
    ) -> Option<Mailer> {
        let brand = &self.deps.brand;
        let named = |address: &str| Sender {
            name: brand.name.clone(),
            address: address.to_owned(),
        };
        let own = configured.and_then(|(destination, secrets)| Some((destination.smtp.as_ref()?, secrets)));
        let Some((own, secrets)) = own else {
            return Some(Mailer {
                server: self.deps.platform_mail.clone()?,
                client: self.deps.smtp.clone(),
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
            client: self.deps.smtp.clone().on_behalf_of(team),
            sender: named(sender.unwrap_or(&brand.from_address)),
        })
    }
}

/// Secrets of a webhook that a response must not reveal.
fn webhook_secrets(secrets: &config::ChannelSecrets) -> Redactor {
    let mut redactor = Redactor::default();
    redactor.add_url(&secrets.url);
    redactor.add(&secrets.ed25519_private_key);
    secrets
        .signing_secrets
        .iter()
        .for_each(|secret| redactor.add(&secret.secret));
    secrets
        .headers
        .iter()
        .for_each(|header| redactor.add_header(&header.value));
    redactor
}

/// A result whose words may quote values of headers.
fn redacted(mut result: AttemptResult, secrets: &config::ChannelSecrets) -> AttemptResult {
    result.error = webhook_secrets(secrets).redact(result.error.as_bytes());
    result
}

/// `Message-ID` of a mail: the same in every attempt, and different for each recipient.
fn message_id(delivery: DeliveryId, index: Option<usize>) -> String {
    index.map_or_else(|| delivery.to_string(), |index| format!("{delivery}.{index}"))
}

#[async_trait]
impl Transport for Senders {
    async fn send(&self, outgoing: &Message, channel: &ResolvedChannel) -> AttemptResult {
        let started = self.deps.clock.monotonic();
        let result = self.send_by_kind(outgoing, channel).await;
        let latency = self.deps.clock.monotonic().saturating_sub(started);
        AttemptResult { latency, ..result }
    }
}

#[cfg(test)]
mod tests;
