//! "Add to Slack" as browsers meet it: a page that says what is about to happen, Slack's own pages, and a page that
//! says what came of it. What is secret (the app's credentials, the webhook) never passes through here: Config redeems
//! Slack's code, and the state that travels with the browser is the proof of whose installation it is. A cookie ties the
//! state to the browser that began (see [`crate::cookie`]).

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::DateTime;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use tonic::{Code, Status};
use url::Url;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{
    BeginSlackInstallRequest, CompleteSlackInstallRequest, CompleteSlackInstallResponse,
    InspectSlackInstallRequest, InspectSlackInstallResponse, SlackDestination,
};
use watchbell_model::convert::timestamp;
use watchbell_model::text::time_text;
use watchbell_runtime::auth::{Principal, internal_request, table};
use watchbell_runtime::problem::{Problem, from_status};

use crate::Edge;
use crate::cookie::began;
use crate::page::{Link, Notice};
use crate::text::slack as text;

/// The RPC whose rule of access beginning by a credential shares.
const BEGIN: &str = "/watchbell.config.v1.ChannelService/BeginSlackInstall";
const SETTINGS: &str = "/settings/notifications";

/// The start of an installation: a link that Config made, or a credential in the headers.
#[derive(Deserialize)]
pub(crate) struct Install {
    #[serde(default)]
    link: String,
    /// A key of one team, or a signed-in member, may leave it empty.
    #[serde(default)]
    team_id: String,
}

/// What Slack sends the browser back with.
#[derive(Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    error: String,
}

/// `GET /integrations/slack/install`
pub(crate) async fn install(
    State(edge): State<Edge>,
    Query(install): Query<Install>,
    request: Parts,
) -> Response {
    if install.link.is_empty() {
        return match edge.begin(&install.team_id, &request).await {
            Ok(authorize_url) => edge.remember(leave(&authorize_url), &state_of(&authorize_url)),
            Err(status) => edge.no_slack(&status),
        };
    }
    match edge.begun(&install.link).await {
        Ok(begun) => {
            let page = edge.pages.notice(StatusCode::OK, invitation(begun));
            edge.remember(page, &install.link)
        }
        Err(status) => edge.no_slack(&status),
    }
}

/// `GET /integrations/slack/callback`. Programs that only look (HEAD) end nothing, nor does another browser than the one
/// that began.
pub(crate) async fn callback(
    State(edge): State<Edge>,
    method: Method,
    Query(back): Query<Back>,
    headers: HeaderMap,
) -> Response {
    if method != Method::GET {
        return StatusCode::NO_CONTENT.into_response();
    }
    if !back.state.is_empty() && !began(&headers, &back.state) {
        return edge.say(StatusCode::FORBIDDEN, text::ELSEWHERE_HEADING, text::ELSEWHERE);
    }
    if back.code.is_empty() {
        return edge.gave_up(&back).await;
    }
    let request = internal_request(CompleteSlackInstallRequest {
        state: back.state.clone(),
        code: back.code,
    });
    match edge.channels.complete_slack_install(request).await {
        Ok(done) => {
            let page = edge.pages.notice(StatusCode::OK, outcome(done.into_inner()));
            with_cookie(page, edge.cookies.ended(&back.state))
        }
        Err(status) => edge.no_slack(&status),
    }
}

// === impl Edge ===

impl Edge {
    /// By a credential: straight to Slack.
    async fn begin(&self, team_id: &str, request: &Parts) -> Result<String, Status> {
        let access = table::access(BEGIN).unwrap_or(table::Access::Internal);
        let principal = self.auth.admit(request, access).await?;
        let team = principal.team(team_id)?;
        let mut request = BeginSlackInstallRequest {
            team_id: team.to_string(),
            is_permitted: true,
            ..BeginSlackInstallRequest::default()
        };
        match principal {
            Principal::Member {
                member_id, session, ..
            } => {
                request.member_id = member_id.to_string();
                request.key_id = session
                    .and_then(|session| session.key_id)
                    .map(|key| key.to_string())
                    .unwrap_or_default();
                request.session_expire_time = session.map(|session| timestamp(session.expires_at));
            }
            Principal::ApiKey { key_id, .. } => request.key_id = key_id.to_string(),
            Principal::Service => {}
        }
        let begun = self.channels.begin_slack_install(internal_request(request)).await;
        Ok(begun?.into_inner().authorize_url)
    }

    /// An answer that makes the browser remember that it began with this state.
    fn remember(&self, response: Response, state: &str) -> Response {
        with_cookie(response, self.cookies.begun(state))
    }

    fn say(&self, code: StatusCode, heading: &str, words: &str) -> Response {
        let notice = Notice {
            heading: heading.to_owned(),
            paragraphs: vec![words.to_owned()],
            links: vec![settings()],
            ..Notice::default()
        };
        self.pages.notice(code, notice)
    }

    async fn begun(&self, state: &str) -> Result<InspectSlackInstallResponse, Status> {
        let request = InspectSlackInstallRequest {
            state: state.to_owned(),
        };
        let answer = self
            .channels
            .inspect_slack_install(internal_request(request))
            .await;
        Ok(answer?.into_inner())
    }

    /// Slack's person said no, or Slack did. The state is still good, so that they can change their mind.
    async fn gave_up(&self, back: &Back) -> Response {
        let begun = match self.begun(&back.state).await {
            Ok(begun) => begun,
            Err(status) => return self.no_slack(&status),
        };
        let (heading, words) = match back.error.as_str() {
            "access_denied" => (text::CANCELLED_HEADING, text::CANCELLED.to_owned()),
            "" => return self.no_slack(&Problem::invalid("code", "REQUIRED", "must be given").into()),
            word => {
                let word: String = word
                    .chars()
                    .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
                    .take(64)
                    .collect();
                (
                    text::REFUSED_HEADING,
                    text::refused(&format!("Slack says {word}")),
                )
            }
        };
        let notice = Notice {
            heading: heading.to_owned(),
            paragraphs: vec![words],
            onward: Some(Link {
                href: begun.authorize_url,
                label: crate::text::AGAIN,
            }),
            links: vec![settings()],
            ..Notice::default()
        };
        self.pages.notice(StatusCode::OK, notice)
    }

    /// Why nothing was added, and what to do about it.
    fn no_slack(&self, status: &Status) -> Response {
        let reading = from_status(status);
        let say = |code, heading: &str, words: &str| self.say(code, heading, words);
        match reading.reason.as_deref().unwrap_or_default() {
            "SLACK_STATE_EXPIRED" => return say(StatusCode::GONE, text::EXPIRED_HEADING, text::EXPIRED),
            "SLACK_STATE_USED" => return say(StatusCode::GONE, text::USED_HEADING, text::USED),
            "SLACK_APP_REFUSED" => return say(StatusCode::BAD_GATEWAY, text::APP_HEADING, text::APP),
            "SLACK_NOT_CONFIGURED" => return say(StatusCode::NOT_FOUND, text::NO_APP_HEADING, text::NO_APP),
            "SLACK_CODE_REFUSED" | "SLACK_REFUSED" | "SLACK_NO_WEBHOOK" | "SLACK_ANSWER_UNREADABLE" => {
                return say(
                    StatusCode::BAD_GATEWAY,
                    text::REFUSED_HEADING,
                    &text::refused(&reading.message),
                );
            }
            _ => {}
        }
        match status.code() {
            Code::InvalidArgument | Code::NotFound => {
                say(StatusCode::NOT_FOUND, text::INVALID_HEADING, text::INVALID)
            }
            Code::PermissionDenied => say(
                StatusCode::FORBIDDEN,
                text::NOT_ALLOWED_HEADING,
                text::NOT_ALLOWED,
            ),
            Code::Unauthenticated => {
                let mut response = say(StatusCode::UNAUTHORIZED, text::SIGN_IN_HEADING, text::SIGN_IN);
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                response
            }
            Code::FailedPrecondition => say(
                StatusCode::CONFLICT,
                text::REFUSED_HEADING,
                &text::refused(&reading.message),
            ),
            _ => {
                tracing::warn!(code = ?status.code(), message = status.message(), "Slack cannot be added");
                let mut response = say(StatusCode::SERVICE_UNAVAILABLE, text::AWAY_HEADING, text::AWAY);
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
                response
            }
        }
    }
}

fn invitation(begun: InspectSlackInstallResponse) -> Notice {
    let until = begun
        .expire_time
        .and_then(|end| DateTime::from_timestamp(end.seconds, 0))
        .map(|end| text::until(&time_text(end)));
    let mut paragraphs = vec![text::INSTALL.to_owned(), text::suggest(&begun.suggested_channel)];
    paragraphs.extend(until);
    Notice {
        heading: text::install_heading(&begun.team_display_name),
        paragraphs,
        onward: Some(Link {
            href: begun.authorize_url,
            label: text::GO,
        }),
        ..Notice::default()
    }
}

fn outcome(done: CompleteSlackInstallResponse) -> Notice {
    let channel = done.channel.unwrap_or_default();
    let slack = match channel.destination {
        Some(Destination::Slack(slack)) => slack,
        _ => SlackDestination::default(),
    };
    let name = channel.display_name;
    let role = match (channel.paused, channel.is_default) {
        (true, _) => text::IS_PAUSED,
        (false, true) => text::IS_DEFAULT,
        (false, false) => text::IS_NOT_DEFAULT,
    };
    let configure = (!slack.configuration_url.is_empty()).then(|| Link {
        href: slack.configuration_url.clone(),
        label: text::CONFIGURE,
    });
    Notice {
        heading: if done.reconnected {
            text::reconnected_heading(&name)
        } else {
            text::added_heading(&name)
        },
        paragraphs: vec![
            text::added(&done.team_display_name, &name, &slack.workspace),
            role.to_owned(),
        ],
        links: configure.into_iter().chain([settings()]).collect(),
        ..Notice::default()
    }
}

fn settings() -> Link {
    Link {
        href: SETTINGS.to_owned(),
        label: text::SETTINGS,
    }
}

/// The state that a link to Slack carries.
fn state_of(authorize_url: &str) -> String {
    let url = Url::parse(authorize_url).ok();
    url.and_then(|url| {
        url.query_pairs()
            .find(|(name, _)| name == "state")
            .map(|(_, state)| state.into_owned())
    })
    .unwrap_or_default()
}

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// To Slack; nobody keeps the way, which holds the state.
fn leave(url: &str) -> Response {
    let mut response = Redirect::to(url).into_response();
    let text = HeaderValue::from_static;
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, text("no-store"));
    response
        .headers_mut()
        .insert(header::REFERRER_POLICY, text("no-referrer"));
    response
}
