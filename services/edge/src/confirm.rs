//! Confirming that one wants a team's emails, by the link of the email that asks. Opening the link (GET) changes nothing,
//! since mail scanners open links too: it shows one button. A POST confirms, needs neither login nor cookie, and may come
//! twice.

use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use watchbell_contracts::config::v1::{
    ConfirmRecipientRequest, InspectRecipientConfirmationRequest, InspectRecipientConfirmationResponse,
};
use watchbell_runtime::auth::internal_request;

use crate::Edge;
use crate::page::{Button, Notice};
use crate::text::{self, confirm as words};
use crate::unsubscribe::Token;

/// `GET /confirm`
pub(crate) async fn ask(State(edge): State<Edge>, Query(token): Query<Token>) -> Response {
    let found = match edge.inspect_confirmation(&token).await {
        Ok(found) => found,
        Err(status) => return edge.failure(&status, None),
    };
    if found.outdated {
        return edge.no_confirmation();
    }
    if found.confirmed {
        return edge.confirmed(&found);
    }
    let brand = &edge.pages.brand().name;
    let notice = Notice {
        heading: words::ask_heading(&found.team_display_name),
        paragraphs: vec![
            words::ask(&found.team_display_name, &found.masked_address, brand),
            words::OR_NOT.to_owned(),
        ],
        buttons: vec![Button {
            action: token.path("/confirm"),
            label: words::CONFIRM,
        }],
        ..Notice::default()
    };
    edge.pages.notice(StatusCode::OK, notice)
}

/// `POST /confirm`
pub(crate) async fn confirm(State(edge): State<Edge>, Query(token): Query<Token>) -> Response {
    let again = Button {
        action: token.path("/confirm"),
        label: text::AGAIN,
    };
    let request = internal_request(ConfirmRecipientRequest {
        token: token.text().to_owned(),
    });
    match edge.preferences.confirm_recipient(request).await {
        Ok(response) if response.get_ref().confirmed => {}
        Ok(_) => return edge.no_confirmation(),
        Err(status) => return edge.failure(&status, Some(again)),
    }
    // What the page says of the team is worth a question, but not a failure.
    let found = edge.inspect_confirmation(&token).await.unwrap_or_default();
    edge.confirmed(&found)
}

// === impl Edge ===

impl Edge {
    async fn inspect_confirmation(
        &self,
        token: &Token,
    ) -> Result<InspectRecipientConfirmationResponse, tonic::Status> {
        let request = internal_request(InspectRecipientConfirmationRequest {
            token: token.text().to_owned(),
        });
        let answer = self.preferences.inspect_recipient_confirmation(request).await;
        answer.map(tonic::Response::into_inner)
    }

    fn confirmed(&self, found: &InspectRecipientConfirmationResponse) -> Response {
        let address = match found.masked_address.as_str() {
            "" => text::SOMEBODY,
            masked => masked,
        };
        let notice = Notice {
            heading: words::CONFIRMED_HEADING.to_owned(),
            paragraphs: vec![words::confirmed(&found.team_display_name, address)],
            done: true,
            ..Notice::default()
        };
        self.pages.notice(StatusCode::OK, notice)
    }

    fn no_confirmation(&self) -> Response {
        let notice = Notice {
            heading: text::OUTDATED_HEADING.to_owned(),
            paragraphs: vec![words::OUTDATED.to_owned()],
            ..Notice::default()
        };
        self.pages.notice(StatusCode::OK, notice)
    }
}
