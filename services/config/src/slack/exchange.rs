//! The code for the webhook: one guarded call to Slack's `oauth.v2.access`, and its answer read.
//! <https://docs.slack.dev/reference/methods/oauth.v2.access>

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use url::form_urlencoded;
use watchbell_model::secret::Secret;
use watchbell_runtime::problem::Problem;

use super::SlackApp;

const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer that is read. With every scope that an app may have it stays far below.
const MAX_ANSWER: usize = 64 * 1024;
/// Slack's own words are short.
const MAX_WORD: usize = 64;

/// The grant of an installation: a webhook that posts to one channel.
#[derive(Debug)]
pub(crate) struct Grant {
    /// A secret.
    pub(crate) url: Secret,
    /// As people see it, `#alerts`; may be empty.
    pub(crate) channel: String,
    /// `C…`
    pub(crate) channel_id: String,
    /// Slack's page to change or remove it.
    pub(crate) configuration_url: String,
    /// The workspace's name.
    pub(crate) workspace: String,
    /// `T…`
    pub(crate) workspace_id: String,
}

/// Answer of `oauth.v2.access`, as far as it is needed. Slack says `null` as well as leaving a field out.
#[derive(Deserialize)]
struct Answer {
    ok: bool,
    error: Option<String>,
    incoming_webhook: Option<Webhook>,
    team: Option<Workspace>,
}

#[derive(Default, Deserialize)]
struct Webhook {
    url: Option<Secret>,
    channel: Option<String>,
    channel_id: Option<String>,
    configuration_url: Option<String>,
}

#[derive(Default, Deserialize)]
struct Workspace {
    id: Option<String>,
    name: Option<String>,
}

// === impl SlackApp ===

impl SlackApp {
    /// Redeems a code, which works once at Slack: the webhook, or why Slack refuses it.
    ///
    /// # Errors
    /// Slack is away, or its answer cannot be read. What is the operator's to mend is logged.
    pub(crate) async fn redeem(&self, code: &str) -> Result<Result<Grant, Problem>, Problem> {
        let url = self.guard.admit_url(&self.access_url).await.map_err(|refusal| {
            tracing::error!(%refusal, "the address of Slack in the settings may not be reached");
            away()
        })?;
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.redirect_uri())
            .finish();
        let answer = self
            .http
            .post_keeping(&url, self.headers()?, body.into(), TIMEOUT, MAX_ANSWER)
            .await;
        let answer = answer.map_err(|error| {
            tracing::warn!(%error, "Slack did not answer");
            away()
        })?;
        if answer.status.is_server_error() || answer.status == http::StatusCode::TOO_MANY_REQUESTS {
            tracing::warn!(status = %answer.status, "Slack does not redeem codes at the moment");
            return Err(away());
        }
        match serde_json::from_slice::<Answer>(&answer.body_prefix) {
            Ok(answer) => match read(answer) {
                Err(away @ Problem::Unavailable { .. }) => Err(away),
                said => Ok(said),
            },
            Err(error) => {
                // Neither the body nor the parser's words, which quote it: the webhook may be in there.
                tracing::error!(
                    status = %answer.status,
                    complete = answer.body_complete,
                    fault = ?error.classify(),
                    line = error.line(),
                    column = error.column(),
                    "Slack's answer cannot be read"
                );
                Err(unreadable())
            }
        }
    }

    fn headers(&self) -> Result<HeaderMap, Problem> {
        let basic = STANDARD.encode(format!("{}:{}", self.client_id, self.client_secret.expose()));
        let mut basic = HeaderValue::from_str(&format!("Basic {basic}")).map_err(Problem::internal)?;
        basic.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, basic);
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(headers)
    }
}

fn read(answer: Answer) -> Result<Grant, Problem> {
    if !answer.ok {
        return Err(refused(&answer.error.unwrap_or_default()));
    }
    let workspace = answer.team.unwrap_or_default();
    let webhook = answer.incoming_webhook.unwrap_or_default();
    match webhook.url {
        Some(url) if !url.is_empty() => Ok(Grant {
            url,
            channel: webhook.channel.unwrap_or_default(),
            channel_id: webhook.channel_id.unwrap_or_default(),
            configuration_url: webhook.configuration_url.unwrap_or_default(),
            workspace: workspace.name.unwrap_or_default(),
            workspace_id: workspace.id.unwrap_or_default(),
        }),
        _ => Err(Problem::Precondition {
            reason: "SLACK_NO_WEBHOOK",
            message: "Slack gave no webhook: no channel was picked, or the app does not ask for one"
                .to_owned(),
        }),
    }
}

/// Slack's own word, told apart by whose it is to mend.
fn refused(word: &str) -> Problem {
    let word: String = word
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
        .take(MAX_WORD)
        .collect();
    match word.as_str() {
        "invalid_code" | "code_already_used" | "code_expired" => Problem::Precondition {
            reason: "SLACK_CODE_REFUSED",
            message: format!("Slack says {word}: the approval came too late, or was used already"),
        },
        "ratelimited"
        | "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout"
        | "team_added_to_org" => away(),
        "invalid_client_id"
        | "bad_client_secret"
        | "bad_redirect_uri"
        | "invalid_client"
        | "oauth_authorization_url_mismatch" => {
            tracing::error!(word, "Slack does not take the app's settings");
            Problem::Precondition {
                reason: "SLACK_APP_REFUSED",
                message: format!("Slack says {word}: the settings of the Slack app are wrong"),
            }
        }
        _ => Problem::Precondition {
            reason: "SLACK_REFUSED",
            message: format!("Slack says {}", if word.is_empty() { "no" } else { &word }),
        },
    }
}

fn unreadable() -> Problem {
    Problem::Precondition {
        reason: "SLACK_ANSWER_UNREADABLE",
        message: "Slack's answer could not be read, so no channel was added: begin again".to_owned(),
    }
}

fn away() -> Problem {
    Problem::unavailable("Slack does not answer at the moment")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<Grant, Problem> {
        read(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn the_webhook_is_taken_and_the_token_is_not() {
        let grant = of(
            r##"{"ok":true,"access_token":"xoxb-1","scope":"incoming-webhook","team":{"id":"T1","name":"Acme"},
                "authed_user":{"id":"U1"},"enterprise":null,"incoming_webhook":{"channel":"#alerts","channel_id":"C1",
                "configuration_url":"https://acme.slack.com/services/B1","url":"https://hooks.slack.com/services/T1/B1/x"}}"##,
        )
        .unwrap();
        assert_eq!(
            (grant.channel.as_str(), grant.workspace.as_str()),
            ("#alerts", "Acme")
        );
        assert!(!format!("{grant:?}").contains("hooks.slack.com"));
    }

    #[test]
    fn a_null_is_a_field_that_is_absent() {
        let grant = of(
            r#"{"ok":true,"error":null,"team":null,"incoming_webhook":{"channel":null,"channel_id":null,
                "configuration_url":null,"url":"https://hooks.slack.com/services/T1/B1/x"}}"#,
        )
        .unwrap();
        assert_eq!((grant.channel.as_str(), grant.workspace_id.as_str()), ("", ""));
        let grant = of(
            r#"{"ok":true,"team":{"id":null,"name":null},"incoming_webhook":{"url":"https://hooks.slack.com/services/T1/B1/x"}}"#,
        )
        .unwrap();
        assert_eq!(grant.workspace, "");
        for json in [
            r#"{"ok":true,"incoming_webhook":null}"#,
            r#"{"ok":true,"incoming_webhook":{"url":null}}"#,
        ] {
            assert_eq!(of(json).unwrap_err().reason(), "SLACK_NO_WEBHOOK", "{json}");
        }
        assert_eq!(
            of(r#"{"ok":false,"error":null}"#).unwrap_err().reason(),
            "SLACK_REFUSED"
        );
    }

    #[test]
    fn slacks_words_are_told_apart_by_who_can_mend_them() {
        for (json, reason) in [
            (r#"{"ok":false,"error":"invalid_code"}"#, "SLACK_CODE_REFUSED"),
            (r#"{"ok":false,"error":"bad_client_secret"}"#, "SLACK_APP_REFUSED"),
            (r#"{"ok":false,"error":"org_login_required"}"#, "SLACK_REFUSED"),
            (r#"{"ok":false,"error":"<script>"}"#, "SLACK_REFUSED"),
            (r#"{"ok":false,"error":"internal_error"}"#, "UNAVAILABLE"),
            (r#"{"ok":true,"team":{"id":"T1"}}"#, "SLACK_NO_WEBHOOK"),
        ] {
            assert_eq!(of(json).unwrap_err().reason(), reason, "{json}");
        }
        assert!(
            !of(r#"{"ok":false,"error":"<script>"}"#)
                .unwrap_err()
                .to_string()
                .contains('<')
        );
    }
}
