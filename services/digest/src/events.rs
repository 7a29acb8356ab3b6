//! Reads a team's events from the Dispatcher, page by page, straight into the summary: however many there were, no
//! more than one page of them is held.

use prost::Message;
use tonic::{Code, Status};
use watchbell_contracts::api::DispatcherApi;
use watchbell_contracts::dispatcher::v1::{AcceptedEvent, ListEventsRequest};
use watchbell_model::Data;
use watchbell_model::convert;
use watchbell_model::ids::TeamId;
use watchbell_model::violation::Violations;
use watchbell_runtime::auth::internal_request;

use crate::error::{Error, Result};
use crate::summary::{Fact, Figures, Scope, Summary};

/// Events of the first page; how many of the next depends on how large these were.
const FIRST_PAGE: usize = 100;
/// Events of a page, at most.
const LARGEST_PAGE: usize = 1_000;
/// What a page should take, in bytes: small in memory, and within one message.
const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// Pages in which the credits that remain are looked for when no event of both periods says how many.
const MAX_EARLIER: usize = 10;

/// What the team's events amount to: those of both periods, and those of before that came late.
///
/// # Errors
/// When the Dispatcher does not answer.
pub(crate) async fn summarise(
    dispatcher: &dyn DispatcherApi,
    team: TeamId,
    types: &[String],
    scope: Scope,
) -> Result<Figures> {
    let mut summary = Summary::new(scope);
    let end = |at| Some(convert::timestamp(at));
    let request = ListEventsRequest {
        team_id: team.to_string(),
        types: types.to_vec(),
        ..ListEventsRequest::default()
    };
    let of_both_periods = ListEventsRequest {
        start_time: end(scope.period.previous_start),
        end_time: end(scope.period.end),
        ..request.clone()
    };
    read(dispatcher, of_both_periods, &mut summary).await?;
    if let Some(last) = scope.last {
        let late = ListEventsRequest {
            end_time: end(scope.period.previous_start),
            accept_start_time: end(last.made_at),
            ..request.clone()
        };
        read(dispatcher, late, &mut summary).await?;
    }
    if !summary.has_remaining() {
        let earlier = ListEventsRequest {
            end_time: end(scope.period.previous_start),
            ..request
        };
        let mut pages = Pages::new(dispatcher, earlier);
        for _ in 0..MAX_EARLIER {
            let goes_on = pages.read(|fact| summary.recall(fact)).await?;
            if summary.has_remaining() || !goes_on {
                break;
            }
        }
    }
    Ok(summary.finish())
}

/// Counts everything that a request lists.
async fn read(
    dispatcher: &dyn DispatcherApi,
    request: ListEventsRequest,
    summary: &mut Summary,
) -> Result<()> {
    let mut pages = Pages::new(dispatcher, request);
    while pages.read(|fact| summary.add(fact)).await? {}
    Ok(())
}

/// The pages of a request, newest events first.
struct Pages<'d> {
    dispatcher: &'d dyn DispatcherApi,
    request: ListEventsRequest,
    size: usize,
    largest: usize,
}

// === impl Pages ===

impl<'d> Pages<'d> {
    fn new(dispatcher: &'d dyn DispatcherApi, request: ListEventsRequest) -> Self {
        Self {
            dispatcher,
            request,
            size: FIRST_PAGE,
            largest: LARGEST_PAGE,
        }
    }

    /// Reads the next page; whether another one follows.
    async fn read(&mut self, mut add: impl FnMut(Fact<'_>)) -> Result<bool> {
        let page = loop {
            self.request.page_size = i32::try_from(self.size).unwrap_or(i32::MAX);
            let request = internal_request(self.request.clone());
            match self.dispatcher.list_events(request).await {
                Ok(response) => break response.into_inner(),
                Err(status) if is_too_large(&status) && self.size > 1 => {
                    self.size /= 2;
                    self.largest = self.size;
                }
                Err(status) => return Err(Error::Dispatcher(status)),
            }
        };
        let bytes: usize = page.events.iter().map(Message::encoded_len).sum();
        // A page may be empty though others follow.
        if let Some(fitting) = (page.events.len() * PAGE_BYTES).checked_div(bytes) {
            self.size = fitting.clamp(1, self.largest);
        }
        for event in page.events {
            give(event, &mut add);
        }
        self.request.page_token = page.next_page_token;
        Ok(!self.request.page_token.is_empty())
    }
}

fn give(accepted: AcceptedEvent, add: &mut impl FnMut(Fact<'_>)) {
    let Some(event) = accepted.event else { return };
    let instant = |at, field| convert::instant(at, field, &mut Violations::new());
    let Some(occurred_at) = instant(event.occurred_at.as_ref(), "occurred_at") else {
        return;
    };
    let accepted_at = instant(accepted.accept_time.as_ref(), "accept_time").unwrap_or(occurred_at);
    // What was stored before data had its bounds counts as an event without any.
    let data: Data = accepted.data_json.parse().unwrap_or_default();
    add(Fact {
        event_type: &event.r#type,
        id: &event.id,
        occurred_at,
        accepted_at,
        data: data.object(),
        test: event.test,
    });
}

/// A page of events with much data does not fit into one message; fewer do.
fn is_too_large(status: &Status) -> bool {
    matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted)
        && status.message().contains("too large")
}
