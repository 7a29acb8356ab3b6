//! Fakes of Slack, Teams, mail and webhooks on loopback, which speak the real protocols.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use watchbell_model::brand::Brand;
use watchbell_testkit::{SlackStandIn, SmtpStandIn, TeamsStandIn, WebhookReceiver};

use super::scenario::Destination;
use crate::failure::Outcome;

/// How often the SOAR's endpoint refuses before it accepts.
pub(super) const REFUSALS: usize = 2;

/// What Watchbell delivers to.
pub(super) struct Fakes {
    pub(super) slack: SlackStandIn,
    pub(super) teams: TeamsStandIn,
    pub(super) mail: SmtpStandIn,
    pub(super) siem: Endpoint,
    pub(super) soar: Endpoint,
}

/// A webhook endpoint and the secret that its requests are signed with.
pub(super) struct Endpoint {
    pub(super) receiver: WebhookReceiver,
    secret: String,
}

impl Fakes {
    /// Starts all fakes.
    pub(super) async fn start(brand: &Brand) -> Outcome<Self> {
        let fakes = Self {
            slack: SlackStandIn::start().await?,
            teams: TeamsStandIn::start().await?,
            mail: SmtpStandIn::start().await?,
            siem: Endpoint::start(brand).await?,
            soar: Endpoint::start(brand).await?,
        };
        fakes.soar.receiver.fail_first(REFUSALS, 503);
        Ok(fakes)
    }

    /// What a reference in Acme's document stands for.
    pub(super) fn acme_reference(&self, name: &str) -> Option<String> {
        Some(match name {
            "SLACK_ALERTS" => self.slack_url(Destination::Alerts),
            "SLACK_INCIDENTS" => self.slack_url(Destination::Incidents),
            "SLACK_APPSEC" => self.slack_url(Destination::Appsec),
            "SLACK_SCANS" => self.slack_url(Destination::Scans),
            "TEAMS_LEADERSHIP" => self.teams.workflow_url(),
            "SIEM_URL" => self.siem.receiver.url(),
            "SIEM_SECRET" => self.siem.secret.clone(),
            "SOAR_URL" => self.soar.receiver.url(),
            "SOAR_SECRET" => self.soar.secret.clone(),
            _ => return None,
        })
    }

    /// What a reference in Solo's document stands for.
    pub(super) fn solo_reference(&self, name: &str) -> Option<String> {
        Some(match name {
            "SLACK_ALERTS" => self.slack_url(Destination::SoloAlerts),
            "SLACK_INCIDENTS" => self.slack_url(Destination::SoloIncidents),
            _ => return None,
        })
    }

    /// The incoming webhook of a Slack channel.
    fn slack_url(&self, destination: Destination) -> String {
        self.slack
            .webhook_url("T0DEMO", &format!("B0{}", destination as u8), "demo")
    }

    /// The Slack channel behind a path.
    pub(super) fn slack_destination(&self, path: &str) -> Option<Destination> {
        Destination::ALL
            .into_iter()
            .find(|destination| self.slack_url(*destination).ends_with(path))
    }
}

impl Endpoint {
    async fn start(brand: &Brand) -> Outcome<Self> {
        let receiver = WebhookReceiver::builder()
            .brand_header(brand.signature_header())
            .start()
            .await?;
        let secret = format!("whsec_{}", STANDARD.encode(rand::random::<[u8; 32]>()));
        receiver.expect_secret(secret.clone());
        Ok(Self { receiver, secret })
    }
}
