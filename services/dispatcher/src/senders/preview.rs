//! Previews: a message as the senders would make it, which is not sent. Pure, and it reads no secret: webhooks are signed
//! with a secret that everybody may know, values of custom headers are masked, an email's link to unsubscribe has no token,
//! and there is no link to acknowledge an alert.

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use http::HeaderName;
use serde_json::Value;
use watchbell_contracts::config::v1 as config;
use watchbell_model::accepted_event::{AcceptedEvent, RenderedEmail};
use watchbell_model::brand::Brand;
use watchbell_model::mention::Mention;
use watchbell_runtime::tenant_pool::TenantPool;

use super::email::{Emails, Footer, Links, NotRendered};
use super::webhook::{NoContent, Signers, request, signature_header};
use super::{slack, teams, webhook};

/// The secret that webhooks of previews are signed with: base64 of `a secret of previews only`.
pub(crate) const SECRET: &str = "whsec_YSBzZWNyZXQgb2YgcHJldmlld3Mgb25seQ==";
const MASKED: &str = "***";

/// Makes previews. Templates are compiled by the first one of an email.
#[derive(Debug)]
pub(crate) struct Previews {
    brand: Arc<Brand>,
    signature_header: HeaderName,
    emails: OnceLock<Emails>,
}

/// A webhook's request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WebhookPreview {
    /// In the order in which they are sent.
    pub(crate) headers: Vec<(String, String)>,
    /// JSON.
    pub(crate) body: String,
}

// === impl Previews ===

impl Previews {
    /// Nothing is compiled yet.
    pub(crate) fn new(brand: Arc<Brand>) -> Self {
        Self {
            signature_header: signature_header(&brand),
            brand,
            emails: OnceLock::new(),
        }
    }

    /// The Block Kit of an event.
    pub(crate) fn slack(&self, event: &AcceptedEvent, mentions: &[Mention]) -> Value {
        slack::message(event, mentions, None, &self.brand)
    }

    /// The adaptive card of an event, in its envelope.
    pub(crate) fn teams(&self, event: &AcceptedEvent, mentions: &[Mention]) -> Value {
        teams::message(event, mentions, None, &self.brand)
    }

    /// The email of an event.
    ///
    /// # Errors
    /// When a template is broken, which only a change of the program can cause.
    pub(crate) fn email(&self, event: &AcceptedEvent, reason: &str) -> Result<RenderedEmail, NotRendered> {
        let emails = match self.emails.get() {
            Some(emails) => emails,
            None => {
                let emails = Emails::new(Arc::clone(&self.brand))?;
                self.emails.get_or_init(|| emails)
            }
        };
        let base = self.brand.public_url.as_str().trim_end_matches('/');
        let footer = Footer {
            label: "Unsubscribe".to_owned(),
            url: format!("{base}/unsubscribe"),
            one_click: false,
        };
        let links = Links {
            footer: &footer,
            acknowledge: None,
        };
        emails.render(event, reason, &links)
    }

    /// The request to a webhook. Of its custom headers only the names are looked at, also where its body reads them.
    ///
    /// # Errors
    /// The body that the channel lays out cannot be made of this event.
    pub(crate) async fn webhook(
        &self,
        pool: &TenantPool,
        event: &Arc<AcceptedEvent>,
        destination: &config::WebhookDestination,
        now: DateTime<Utc>,
    ) -> Result<WebhookPreview, NoContent> {
        let custom: Vec<_> = destination
            .headers
            .iter()
            .map(|header| config::HttpHeader {
                name: header.name.clone(),
                value: MASKED.to_owned(),
            })
            .collect();
        let content =
            webhook::content(pool, event, &webhook::Compiled::default(), destination, &custom).await?;
        let secrets = config::ChannelSecrets {
            signing_secrets: vec![config::SigningSecret {
                secret: SECRET.to_owned(),
                expire_time: None,
            }],
            ..config::ChannelSecrets::default()
        };
        let signers = Signers::new(&secrets, false, now);
        let request = request(
            event,
            &content,
            &custom,
            signers.first(),
            &self.signature_header,
            None,
            now,
        );
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(WebhookPreview {
            headers: request
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
                .collect(),
            body: text(&request.body),
        })
    }
}

#[cfg(test)]
mod tests {
    use watchbell_model::signature::{SigningSecret, plain_signature};

    use super::*;
    use crate::senders::fixtures;

    fn previews() -> Previews {
        let brand = Brand {
            public_url: "https://bell.example.com/".parse().unwrap(),
            ..Brand::default()
        };
        Previews::new(Arc::new(brand))
    }

    async fn preview(event: AcceptedEvent, destination: &config::WebhookDestination) -> WebhookPreview {
        let (previews, pool, event) = (previews(), TenantPool::new(), Arc::new(event));
        let made = previews.webhook(&pool, &event, destination, fixtures::noon());
        made.await.unwrap()
    }

    #[tokio::test]
    async fn a_body_that_the_channel_lays_out_is_shown_without_its_headers() {
        let destination = config::WebhookDestination {
            headers: vec![config::HttpHeader {
                name: "X-Key".to_owned(),
                value: "hunter22".to_owned(),
            }],
            body: r#"{"key": "${headers['x-key']}", "type": "${event.type}"}"#.to_owned(),
            ..config::WebhookDestination::default()
        };
        let preview = preview(fixtures::event("finding.created"), &destination).await;
        assert_eq!(preview.body, r#"{"key":"***","type":"finding.created"}"#);
    }

    #[tokio::test]
    async fn a_webhook_is_signed_with_the_secret_of_previews_and_masks_its_own_headers() {
        let event = fixtures::event("finding.created");
        let destination = config::WebhookDestination {
            headers: vec![config::HttpHeader {
                name: "X-Tenant".to_owned(),
                value: "hunter22".to_owned(),
            }],
            ..config::WebhookDestination::default()
        };
        let preview = preview(event, &destination).await;
        let header = |name: &str| {
            let found = preview.headers.iter().find(|(own, _)| own == name);
            found.map(|(_, value)| value.as_str())
        };
        let secret = SigningSecret::parse(SECRET.into()).unwrap();
        let signature = plain_signature(&secret, preview.body.as_bytes());
        assert_eq!(header("x-watchbell-signature"), Some(&*signature));
        assert_eq!(header("x-tenant"), Some("***"));
        assert_eq!(header("webhook-id"), Some("evt-4711"));
        assert!(header("webhook-signature").unwrap().starts_with("v1,"));
        assert!(preview.body.contains(r#""type":"finding.created""#));
    }

    #[test]
    fn an_email_links_to_no_subscription() {
        let email = previews()
            .email(&fixtures::event("finding.created"), "rule “Findings” sends it")
            .unwrap();
        assert!(email.subject.contains("Public S3 bucket"), "{}", email.subject);
        assert!(email.text.contains("https://bell.example.com/unsubscribe"));
        assert!(!email.html.contains("token=") && !email.text.contains("token="));
        assert!(email.text.contains("rule “Findings” sends it"));
    }

    #[test]
    fn chats_get_what_their_senders_send() {
        let event = fixtures::event("finding.created");
        let brand = &previews().brand;
        assert_eq!(
            previews().slack(&event, &[]),
            slack::message(&event, &[], None, brand)
        );
        assert_eq!(
            previews().teams(&event, &[]),
            teams::message(&event, &[], None, brand)
        );
    }
}
