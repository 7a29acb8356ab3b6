//! The events that were accepted.

use tonic::Request;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::convert::{instant, words};
use watchbell_model::ids::EventId;
use watchbell_model::violation::{Violations, reason};
use watchbell_model::{Category, Severity};
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::{FiltersHash, PageLimits, PageRequest};

use super::deliveries::{patterns, text};
use super::{exists, team};
use crate::encode;
use crate::error::Error;
use crate::state::Core;
use crate::store::EventFilter;

/// Bytes of payloads on one page. As a `google.protobuf.Struct` payloads take up to six times as much, and clients
/// accept messages of up to 4 MiB by default.
const MAX_PAGE_BYTES: i64 = 512 * 1024;

pub(super) async fn list(
    core: &Core,
    request: Request<wire::ListEventsRequest>,
) -> Result<wire::ListEventsResponse, Error> {
    let principal = Principal::from_request(&request)?;
    let team = principal.team(&request.get_ref().team_id)?;
    let request = request.into_inner();
    let mut violations = Violations::new();
    let mut filter = EventFilter {
        before: None,
        severities: words::<Severity>(&request.severities, "severities", &mut violations),
        start: instant(request.start_time.as_ref(), "start_time", &mut violations),
        end: instant(request.end_time.as_ref(), "end_time", &mut violations),
        accepted_from: instant(
            request.accept_start_time.as_ref(),
            "accept_start_time",
            &mut violations,
        ),
        types: patterns(request.types, &mut violations),
        include_tests: request.include_tests,
        subject: (!request.subject.is_empty()).then_some(request.subject),
        sources: request
            .sources
            .iter()
            .map(|source| source.to_ascii_lowercase())
            .collect(),
        categories: words::<Category>(&request.categories, "categories", &mut violations),
        text: text(request.text, &mut violations),
    };
    let hash = FiltersHash::for_method("ListEvents")
        .with(team)
        .with(format!("{filter:?}"));
    let page = PageRequest::<(i64, String)>::parse(
        request.page_size,
        &request.page_token,
        PageLimits::default(),
        hash,
    );
    let page = violations.take(page);
    let Some(mut page) = page.filter(|_| violations.is_empty()) else {
        return Err(violations.into());
    };
    filter.before.clone_from(&page.after);
    let fits = core
        .db
        .events_within(team, &filter, page.limit(), MAX_PAGE_BYTES)
        .await?;
    page.shorten(fits);
    let rows = core.db.events(team, &filter, page.limit()).await?;
    if rows.is_empty() {
        exists(core, principal, team).await?;
    }
    // An event may have a route to each of thousands of people; its data has been measured.
    let page = page
        .within(rows.iter().map(|row| row.routes.len()))
        .page(rows, |row| (row.occurred_at, row.id.clone()))
        .map_err(Problem::internal)?;
    let page = page.try_map(encode::accepted_event)?;
    Ok(wire::ListEventsResponse {
        events: page.items,
        next_page_token: page.next_page_token,
    })
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
    Ok(wire::GetEventResponse {
        event: Some(encode::accepted_event(row)?),
    })
}
