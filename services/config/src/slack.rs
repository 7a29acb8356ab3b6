//! "Add to Slack": the platform's own Slack app, installed by OAuth v2 with the one scope `incoming-webhook`, which
//! lets it post to the one channel that a person picks and do nothing else. What Slack hands out besides the webhook
//! (a bot token) is not needed and not kept.

mod exchange;
mod state;

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;
use watchbell_egress::{Guard, HttpClient};
use watchbell_model::brand::Brand;
use watchbell_model::secret::Secret;
use watchbell_runtime::settings::write;

pub(crate) use exchange::Grant;
pub(crate) use state::{Credential, State};

/// All that the app asks for.
const SCOPE: &str = "incoming-webhook";
/// The path that Slack sends the browser back to, below the public URL.
const CALLBACK: &str = "/integrations/slack/callback";
/// The path where "Add to Slack" begins, below the public URL.
const INSTALL: &str = "/integrations/slack/install";

/// `[config.slack]`: the platform's Slack app.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackSettings {
    /// As Slack shows it among the app's credentials.
    pub client_id: String,
    /// The same.
    #[serde(serialize_with = "write::secret")]
    pub client_secret: Secret,
    /// The URL of Slack's API.
    #[serde(default = "slack_com")]
    pub base_url: Url,
    /// The URL where people approve the app, when browsers reach Slack under another name than this process does.
    #[serde(default)]
    pub authorize_url: Option<Url>,
}

/// The app, ready to be installed.
pub(crate) struct SlackApp {
    client_id: String,
    client_secret: Secret,
    authorize_url: Url,
    access_url: String,
    public_url: String,
    guard: Guard,
    http: HttpClient,
}

fn slack_com() -> Url {
    #[allow(clippy::unwrap_used, reason = "a constant, parsed by a test")]
    "https://slack.com".parse().unwrap()
}

// === impl SlackApp ===

impl SlackApp {
    pub(crate) fn new(settings: &SlackSettings, brand: &Brand, guard: Guard) -> Self {
        let base = settings.base_url.as_str().trim_end_matches('/');
        let authorize_url = settings.authorize_url.clone().unwrap_or_else(|| {
            let mut url = settings.base_url.clone();
            url.set_path(&format!(
                "{}/oauth/v2/authorize",
                url.path().trim_end_matches('/')
            ));
            url
        });
        Self {
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            authorize_url,
            access_url: format!("{base}/api/oauth.v2.access"),
            public_url: brand.public_url.as_str().trim_end_matches('/').to_owned(),
            http: HttpClient::new(guard.clone()),
            guard,
        }
    }

    /// The URL where a person picks a channel and approves the app.
    pub(crate) fn authorize_url(&self, state: &str) -> String {
        let mut url = self.authorize_url.clone();
        url.query_pairs_mut()
            .append_pair("client_id", &self.client_id)
            .append_pair("scope", SCOPE)
            .append_pair("redirect_uri", &self.redirect_uri())
            .append_pair("state", state);
        url.into()
    }

    /// The page before that.
    pub(crate) fn install_url(&self, state: &str) -> String {
        format!("{}{INSTALL}?link={state}", self.public_url)
    }

    fn redirect_uri(&self) -> String {
        format!("{}{CALLBACK}", self.public_url)
    }
}

impl fmt::Debug for SlackApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlackApp")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use watchbell_egress::EgressPolicy;

    use super::*;

    fn app(base_url: &str, authorize_url: Option<&str>) -> SlackApp {
        let settings = SlackSettings {
            client_id: "1.2".to_owned(),
            client_secret: "hunter2".into(),
            base_url: base_url.parse().unwrap(),
            authorize_url: authorize_url.map(|url| url.parse().unwrap()),
        };
        let brand = Brand {
            public_url: "https://bell.example.com/w/".parse().unwrap(),
            ..Brand::default()
        };
        SlackApp::new(&settings, &brand, Guard::new(EgressPolicy::default()))
    }

    #[test]
    fn people_are_sent_to_slack_for_the_one_scope_and_back_to_the_public_address() {
        assert_eq!(
            app("https://slack.com", None).authorize_url("s-t_a"),
            "https://slack.com/oauth/v2/authorize?client_id=1.2&scope=incoming-webhook\
             &redirect_uri=https%3A%2F%2Fbell.example.com%2Fw%2Fintegrations%2Fslack%2Fcallback&state=s-t_a"
        );
        let elsewhere = app(
            "http://slack:8080/api-of-slack",
            Some("http://localhost:8080/approve"),
        );
        assert!(
            elsewhere
                .authorize_url("s")
                .starts_with("http://localhost:8080/approve?client_id=")
        );
        assert_eq!(
            elsewhere.access_url,
            "http://slack:8080/api-of-slack/api/oauth.v2.access"
        );
        assert_eq!(
            elsewhere.install_url("s"),
            "https://bell.example.com/w/integrations/slack/install?link=s"
        );
        assert_eq!(slack_com().host_str(), Some("slack.com"));
    }

    #[test]
    fn the_secret_is_not_printed() {
        assert!(!format!("{:?}", app("https://slack.com", None)).contains("hunter2"));
    }
}
