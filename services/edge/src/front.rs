//! The address itself, without a path: what messages link to when there is nothing more to open.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;

use crate::Edge;
use crate::page::Notice;
use crate::text;

/// `GET /`
pub(crate) async fn front(State(edge): State<Edge>) -> Response {
    if let Some(console) = &edge.console {
        return Redirect::to(console).into_response();
    }
    let notice = Notice {
        heading: edge.pages.brand().name.clone(),
        paragraphs: vec![text::FRONT.to_owned()],
        ..Notice::default()
    };
    edge.pages.notice(StatusCode::OK, notice)
}
