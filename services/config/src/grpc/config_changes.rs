//! The changes of a team's configuration that were kept.

use watchbell_contracts::config::v1::{ConfigRevision, ListConfigChangesRequest, ListConfigChangesResponse};
use watchbell_model::convert::instant;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::Principal;
use watchbell_store::paging::{FiltersHash, PageLimits, PageRequest};

use super::existing;
use crate::document::is_of_preferences;
use crate::error::Result;
use crate::service::Service;
use crate::store::history::{self, HistoryFilter};

/// Sizes of pages: a change may be large.
const PAGE: PageLimits = PageLimits::new(50, 200);
/// The longest name of an actor, in bytes.
const MAX_ACTOR: usize = 400;

pub(super) async fn list(
    service: &Service,
    caller: Principal,
    request: ListConfigChangesRequest,
) -> Result<ListConfigChangesResponse> {
    let team = existing(service, &caller, &request.team_id).await?;
    let mut violations = Violations::new();
    let filter = HistoryFilter {
        start: instant(request.start_time.as_ref(), "start_time", &mut violations),
        end: instant(request.end_time.as_ref(), "end_time", &mut violations),
        actor: (!request.actor.is_empty()).then_some(request.actor),
    };
    if filter.actor.as_ref().is_some_and(|actor| actor.len() > MAX_ACTOR) {
        let why = format!("must have at most {MAX_ACTOR} bytes");
        violations.add("actor", reason::TOO_LONG, why);
    }
    let hash = FiltersHash::for_method("ListConfigChanges")
        .with(team)
        .with(format!("{filter:?}"));
    let page = PageRequest::<i64>::parse(request.page_size, &request.page_token, PAGE, hash);
    let Some(page) = violations.take(page).filter(|_| violations.is_empty()) else {
        return Err(violations.into());
    };
    let page = history::list(service.store().reader(), team, &filter, &page).await?;
    let page = page.map(|revision| as_shown(&caller, revision));
    Ok(ListConfigChangesResponse {
        revisions: page.items,
        next_page_token: page.next_page_token,
    })
}

/// What others want by email is not a member's to read.
fn as_shown(caller: &Principal, mut revision: ConfigRevision) -> ConfigRevision {
    if matches!(caller, Principal::Member { .. }) {
        for change in &mut revision.changes {
            if is_of_preferences(change) {
                change.fields.clear();
            }
        }
    }
    revision
}
