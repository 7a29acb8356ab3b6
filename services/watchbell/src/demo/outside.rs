//! The world outside: stand-ins on loopback that speak the real protocols.

use watchbell_contracts::config::v1::{SmtpSecurity, SmtpServer};
use watchbell_model::brand::Brand;
use watchbell_testkit::{SlackStandIn, SmtpStandIn, TeamsStandIn, WebhookReceiver};

use super::scenario::Place;
use crate::failure::Outcome;

/// So often the SOAR's endpoint refuses before it takes anything.
pub(super) const REFUSALS: usize = 2;

/// The world outside.
pub(super) struct Outside {
    pub(super) slack: SlackStandIn,
    pub(super) teams: TeamsStandIn,
    pub(super) mail: SmtpStandIn,
    pub(super) siem: WebhookReceiver,
    pub(super) soar: WebhookReceiver,
}

impl Outside {
    /// Starts all stand-ins.
    pub(super) async fn start(brand: &Brand) -> Outcome<Self> {
        let outside = Self {
            slack: SlackStandIn::start().await?,
            teams: TeamsStandIn::start().await?,
            mail: SmtpStandIn::start().await?,
            siem: WebhookReceiver::builder()
                .brand_header(brand.signature_header())
                .start()
                .await?,
            soar: WebhookReceiver::builder()
                .brand_header(brand.signature_header())
                .start()
                .await?,
        };
        outside.soar.fail_first(REFUSALS, 503);
        Ok(outside)
    }

    /// The incoming webhook of a Slack channel.
    pub(super) fn slack_url(&self, place: Place) -> String {
        self.slack
            .webhook_url("T0DEMO", &format!("B0{}", place as u8), "demo")
    }

    /// The Slack channel behind a path.
    pub(super) fn slack_place(&self, path: &str) -> Option<Place> {
        Place::ALL
            .into_iter()
            .find(|place| self.slack_url(*place).ends_with(path))
    }

    /// As a team's own mail server.
    pub(super) fn mail_server(&self) -> SmtpServer {
        SmtpServer {
            host: self.mail.host(),
            port: u32::from(self.mail.port()),
            from_address: "alerts@acme.example".to_owned(),
            security: SmtpSecurity::None as i32,
            ..SmtpServer::default()
        }
    }
}
