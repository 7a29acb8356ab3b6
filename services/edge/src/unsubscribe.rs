//! Leaving a topic by the link of an email. Opening the link (GET) changes nothing, since mail scanners open links too:
//! it shows one button. A POST is done at once, needs neither login nor cookie, and may come twice (RFC 8058).

use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use tonic::{Code, Status};
use watchbell_contracts::config::v1::{
    InspectUnsubscribeTokenRequest, InspectUnsubscribeTokenResponse, Preference, PreferenceSetting,
    UnsubscribeRequest,
};
use watchbell_runtime::auth::internal_request;

use crate::Edge;
use crate::page::{Button, Link, Notice};
use crate::text;

/// The token of the link.
#[derive(Deserialize)]
pub(crate) struct Token {
    #[serde(default)]
    token: String,
}

/// `GET /unsubscribe`
pub(crate) async fn ask(State(edge): State<Edge>, Query(token): Query<Token>) -> Response {
    match edge.inspect(&token.token).await {
        Ok(found) if found.outdated => edge.outdated(&found),
        Ok(found) => {
            let notice = Notice {
                heading: text::ask_heading(text::topic(&found.topic).name),
                paragraphs: vec![text::ask(address(&found))],
                buttons: vec![Button {
                    action: token.path("/unsubscribe"),
                    label: text::UNSUBSCRIBE,
                }],
                links: choose(&token, &found),
                ..Notice::default()
            };
            edge.pages.notice(StatusCode::OK, notice)
        }
        Err(status) => edge.failure(&status, None),
    }
}

/// `POST /unsubscribe`: by the page's button, or by a mail program. The body says nothing that the path does not.
pub(crate) async fn off(State(edge): State<Edge>, Query(token): Query<Token>) -> Response {
    let again = Button {
        action: token.path("/unsubscribe"),
        label: text::AGAIN,
    };
    edge.change(&token, false, false, again, |found, _| Notice {
        heading: text::OFF_HEADING.to_owned(),
        paragraphs: vec![text::off(text::topic(&found.topic).name, address(found))],
        buttons: buttons(&token, found, "/unsubscribe/undo"),
        ..Notice::default()
    })
    .await
}

/// `POST /unsubscribe/all`
pub(crate) async fn all_off(State(edge): State<Edge>, Query(token): Query<Token>) -> Response {
    let again = Button {
        action: token.path("/unsubscribe/all"),
        label: text::AGAIN,
    };
    edge.change(&token, true, false, again, |found, changed| Notice {
        heading: text::ALL_OFF_HEADING.to_owned(),
        paragraphs: vec![
            if !changed {
                text::all_off_already(address(found))
            } else {
                text::all_off(address(found), &names(found))
            },
            text::RECEIPTS_STAY.to_owned(),
        ],
        buttons: vec![Button {
            action: token.path("/unsubscribe/undo-all"),
            label: text::UNDO,
        }],
        ..Notice::default()
    })
    .await
}

/// `POST /unsubscribe/undo`
pub(crate) async fn undo(State(edge): State<Edge>, Query(token): Query<Token>) -> Response {
    let again = Button {
        action: token.path("/unsubscribe/undo"),
        label: text::AGAIN,
    };
    edge.change(&token, false, true, again, |found, changed| {
        undone(&token, found, changed)
    })
    .await
}

/// `POST /unsubscribe/undo-all`
pub(crate) async fn undo_all(State(edge): State<Edge>, Query(token): Query<Token>) -> Response {
    let again = Button {
        action: token.path("/unsubscribe/undo-all"),
        label: text::AGAIN,
    };
    edge.change(&token, true, true, again, |found, changed| {
        undone(&token, found, changed)
    })
    .await
}

fn undone(token: &Token, found: &InspectUnsubscribeTokenResponse, changed: bool) -> Notice {
    let is_on = |of: &Preference| of.topic == found.topic && of.setting() != PreferenceSetting::Off;
    // Whoever asks twice is told twice.
    if !changed && !found.preferences.iter().any(is_on) {
        return Notice {
            heading: text::NOT_UNDONE_HEADING.to_owned(),
            paragraphs: vec![text::NOT_UNDONE.to_owned()],
            ..Notice::default()
        };
    }
    Notice {
        heading: text::UNDONE_HEADING.to_owned(),
        paragraphs: vec![text::undone(address(found))],
        buttons: vec![Button {
            action: token.path("/unsubscribe"),
            label: text::UNSUBSCRIBE,
        }],
        ..Notice::default()
    }
}

fn buttons(token: &Token, found: &InspectUnsubscribeTokenResponse, undo: &str) -> Vec<Button> {
    let mut buttons = vec![Button {
        action: token.path(undo),
        label: text::UNDO,
    }];
    if is_member(found) {
        buttons.push(Button {
            action: token.path("/unsubscribe/all"),
            label: text::ALL_OFF,
        });
    }
    buttons
}

/// Of every topic: those that were off before are off now, too.
fn names(found: &InspectUnsubscribeTokenResponse) -> Vec<&'static str> {
    let topics = found.preferences.iter();
    topics
        .map(|preference| text::topic(&preference.topic).name)
        .collect()
}

/// Whoever is no member has no topics to choose from.
fn choose(token: &Token, found: &InspectUnsubscribeTokenResponse) -> Vec<Link> {
    let link = is_member(found).then(|| Link {
        href: token.path("/preferences"),
        label: text::CHOOSE,
    });
    link.into_iter().collect()
}

pub(crate) fn is_member(found: &InspectUnsubscribeTokenResponse) -> bool {
    !found.member_id.is_empty() && !found.preferences.is_empty()
}

pub(crate) fn address(found: &InspectUnsubscribeTokenResponse) -> &str {
    if found.masked_address.is_empty() {
        text::SOMEBODY
    } else {
        &found.masked_address
    }
}

// === impl Token ===

impl Token {
    pub(crate) fn text(&self) -> &str {
        &self.token
    }

    /// A path with this token in it.
    pub(crate) fn path(&self, path: &str) -> String {
        let token: String = url::form_urlencoded::byte_serialize(self.token.as_bytes()).collect();
        format!("{path}?token={token}")
    }
}

// === impl Edge ===

impl Edge {
    pub(crate) async fn inspect(&self, token: &str) -> Result<InspectUnsubscribeTokenResponse, Status> {
        let request = internal_request(InspectUnsubscribeTokenRequest {
            token: token.to_owned(),
        });
        self.preferences
            .inspect_unsubscribe_token(request)
            .await
            .map(tonic::Response::into_inner)
    }

    /// Does it, and says so. What the page says of the address is worth a question, but not a failure.
    async fn change(
        &self,
        token: &Token,
        all_topics: bool,
        undo: bool,
        again: Button,
        say: impl FnOnce(&InspectUnsubscribeTokenResponse, bool) -> Notice,
    ) -> Response {
        let request = UnsubscribeRequest {
            token: token.token.clone(),
            all_topics,
            undo,
            preferences: Vec::new(),
        };
        let changed = match self.preferences.unsubscribe(internal_request(request)).await {
            Ok(response) => response.into_inner().changed,
            Err(status) => return self.failure(&status, Some(again)),
        };
        let found = self.inspect(&token.token).await.unwrap_or_default();
        if found.outdated {
            return self.outdated(&found);
        }
        let notice = say(&found, changed);
        let links = choose(token, &found);
        self.pages.notice(
            StatusCode::OK,
            Notice {
                links,
                done: true,
                ..notice
            },
        )
    }

    /// The page of a link whose address is nobody's any more: there is nothing to change.
    pub(crate) fn outdated(&self, found: &InspectUnsubscribeTokenResponse) -> Response {
        let notice = Notice {
            heading: text::OUTDATED_HEADING.to_owned(),
            paragraphs: vec![text::outdated(address(found))],
            ..Notice::default()
        };
        self.pages.notice(StatusCode::OK, notice)
    }

    /// A token that stands for nothing and one that is forged look the same.
    pub(crate) fn failure(&self, status: &Status, again: Option<Button>) -> Response {
        let invalid = matches!(
            status.code(),
            Code::InvalidArgument
                | Code::NotFound
                | Code::Unauthenticated
                | Code::PermissionDenied
                | Code::FailedPrecondition
        );
        if invalid {
            return self.pages.notice(
                StatusCode::NOT_FOUND,
                Notice {
                    heading: text::INVALID_HEADING.to_owned(),
                    paragraphs: vec![text::INVALID.to_owned()],
                    ..Notice::default()
                },
            );
        }
        tracing::warn!(code = ?status.code(), message = status.message(), "what a page needs is unavailable");
        let notice = Notice {
            heading: text::AWAY_HEADING.to_owned(),
            paragraphs: vec![text::AWAY.to_owned()],
            buttons: again.into_iter().collect(),
            ..Notice::default()
        };
        let mut response = self.pages.notice(StatusCode::SERVICE_UNAVAILABLE, notice);
        response
            .headers_mut()
            .insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("60"));
        response
    }
}
