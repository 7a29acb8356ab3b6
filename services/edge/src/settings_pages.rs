//! Where emails that cannot be unsubscribed from lead: receipts are records, and notices of broken channels are for
//! Owners. What they are about is changed in the platform, so these addresses lead there.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;

use crate::Edge;
use crate::page::Notice;
use crate::text;

/// `GET /settings/notifications`
pub(crate) async fn notifications(State(edge): State<Edge>) -> Response {
    lead(&edge, "", text::SETTINGS)
}

/// `GET /settings/notifications/compliance`
pub(crate) async fn compliance(State(edge): State<Edge>) -> Response {
    lead(&edge, "compliance", text::COMPLIANCE)
}

fn lead(edge: &Edge, section: &str, words: &str) -> Response {
    if let Some(url) = &edge.settings.platform_settings_url {
        let base = url.as_str().trim_end_matches('/');
        let there = if section.is_empty() {
            base.to_owned()
        } else {
            format!("{base}/{section}")
        };
        return Redirect::to(&there).into_response();
    }
    let notice = Notice {
        heading: text::SETTINGS_HEADING.to_owned(),
        paragraphs: vec![words.to_owned()],
        ..Notice::default()
    };
    edge.pages.notice(StatusCode::OK, notice)
}
