//! The events that were accepted.

use tonic::Request;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::ids::EventId;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::{FiltersHash, PageLimits, PageRequest};

use super::{exists, filters, team};
use crate::encode;
use crate::error::Error;
use crate::state::Core;
use crate::store::{EXAMINED, EventKeyAndSize};

/// Bytes of events on one page. As a `google.protobuf.Struct` payloads take up to six times as much, and clients
/// accept messages of up to 4 MiB by default.
const MAX_PAGE_BYTES: i64 = 512 * 1024;

pub(super) async fn list(
    core: &Core,
    request: Request<wire::ListEventsRequest>,
) -> Result<wire::ListEventsResponse, Error> {
    let principal = Principal::from_request(&request)?;
    let team = principal.team(&request.get_ref().team_id)?;
    let request = request.into_inner();
    let (page_size, page_token) = (request.page_size, request.page_token.clone());
    let mut violations = Violations::new();
    let mut filter = filters::events(request, &mut violations);
    let hash = FiltersHash::for_method("ListEvents")
        .with(team)
        .with(format!("{filter:?}"));
    let page = PageRequest::<(i64, String)>::parse(page_size, &page_token, PageLimits::default(), hash);
    let page = violations.take(page);
    let Some(mut page) = page.filter(|_| violations.is_empty()) else {
        return Err(violations.into());
    };
    filter.before.clone_from(&page.after);
    let found = core.db.events(team, &filter, page.limit(), EXAMINED).await?;
    if found.rows.is_empty() {
        exists(core, principal, team).await?;
    }
    page.shorten(fitting(&found.rows));
    let page = page
        .page_of_scan(found.rows, EventKeyAndSize::key, found.stopped_at)
        .map_err(Problem::internal)?;
    let ids = page.items.iter().map(|event| event.id.as_str());
    let rows = core.db.events_with_ids(team, ids).await?;
    let encode = match principal {
        Principal::Service => encode::internal_event,
        _ => encode::listed_event,
    };
    let events = rows.into_iter().map(encode);
    Ok(wire::ListEventsResponse {
        events: events.collect::<Result<_, _>>()?,
        next_page_token: page.next_page_token,
    })
}

/// How many of these events, from the first, fit onto a page together.
fn fitting(events: &[EventKeyAndSize]) -> usize {
    let mut left = MAX_PAGE_BYTES;
    let fit = events.iter().take_while(|event| {
        left -= event.bytes;
        left >= 0
    });
    fit.count()
}

pub(super) async fn get(
    core: &Core,
    request: Request<wire::GetEventRequest>,
) -> Result<wire::GetEventResponse, Error> {
    let team = team(&request, &request.get_ref().team_id)?;
    let event_id = request.into_inner().event_id;
    let mut violations = Violations::new();
    if event_id.is_empty() {
        violations.required("event_id");
    } else {
        let _ = violations.parse::<EventId>("event_id", reason::MALFORMED, &event_id);
    }
    violations.into_result(())?;
    let row = core.db.event(team, &event_id).await?;
    let row = row.ok_or_else(|| Problem::not_found("event", event_id))?;
    let event = match row.data.len() > encode::MAX_STRUCT {
        true => {
            let read = core.tenant_pool.run(team, move || encode::accepted_event(row));
            read.await.map_err(Problem::from)??
        }
        false => encode::accepted_event(row)?,
    };
    Ok(wire::GetEventResponse { event: Some(event) })
}
