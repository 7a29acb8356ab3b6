//! Reads a team's events from the Dispatcher, page by page, straight into the summary: however many there were, no
//! more than one page of them is held.

use tonic::{Code, Status};
use watchbell_contracts::api::DispatcherApi;
use watchbell_contracts::convert;
use watchbell_contracts::dispatcher::v1::{AcceptedEvent, ListEventsRequest};
use watchbell_contracts::event::v1::event::Payload;
use watchbell_domain::ids::TeamId;
use watchbell_domain::violation::Violations;
use watchbell_runtime::auth::internal_request;

use crate::error::{Error, Result};
use crate::schedule::Period;
use crate::summary::{Fact, Figures, Summary};

/// Events of a page; most take less than a kilobyte.
const PAGE: i32 = 500;

/// What the team's events of both periods amount to.
///
/// # Errors
/// When the Dispatcher does not answer.
pub(crate) async fn summarise(
    dispatcher: &dyn DispatcherApi,
    team: TeamId,
    types: &[String],
    period: Period,
) -> Result<Figures> {
    let mut summary = Summary::new(period);
    let mut request = ListEventsRequest {
        team_id: team.to_string(),
        page_size: PAGE,
        types: types.to_vec(),
        start_time: Some(convert::timestamp(period.previous_start)),
        end_time: Some(convert::timestamp(period.end)),
        ..ListEventsRequest::default()
    };
    loop {
        let page = match dispatcher.list_events(internal_request(request.clone())).await {
            Ok(response) => response.into_inner(),
            Err(status) if is_too_large(&status) && request.page_size > 1 => {
                request.page_size /= 2;
                continue;
            }
            Err(status) => return Err(Error::Dispatcher(status)),
        };
        for event in page.events {
            add(&mut summary, event);
        }
        if page.next_page_token.is_empty() {
            return Ok(summary.finish());
        }
        request.page_token = page.next_page_token;
    }
}

fn add(summary: &mut Summary, accepted: AcceptedEvent) {
    let Some(event) = accepted.event else { return };
    let Some(occurred_at) =
        convert::instant(event.occurred_at.as_ref(), "occurred_at", &mut Violations::new())
    else {
        return;
    };
    let data = match event.payload {
        None => serde_json::Map::new(),
        Some(Payload::Data(data)) => convert::object(data),
        Some(Payload::DataJson(text)) => serde_json::from_slice(&text).unwrap_or_default(),
    };
    summary.add(Fact {
        event_type: &event.r#type,
        id: &event.id,
        occurred_at,
        data: &data,
        test: event.test,
    });
}

/// A page of events with much data does not fit into one message; fewer do.
fn is_too_large(status: &Status) -> bool {
    matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted)
        && status.message().contains("too large")
}
