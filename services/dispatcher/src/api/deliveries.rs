//! The delivery log.

use tonic::Request;
use uuid::Uuid;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::catalog::notices::NOTIFICATIONS_SUMMARY;
use watchbell_model::ids::{ChannelId, DeliveryId, TeamId};
use watchbell_model::violation::Violations;
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::{FiltersHash, PageLimits, PageRequest};

use super::{exists, filters, id, internal, standing, team};
use crate::delivery::summaries::notify_watchers;
use crate::encode;
use crate::error::Error;
use crate::state::Core;
use crate::store::entities::deliveries;
use crate::store::{ChannelStats, Transaction};

pub(super) async fn list(
    core: &Core,
    request: Request<wire::ListDeliveriesRequest>,
) -> Result<wire::ListDeliveriesResponse, Error> {
    let principal = Principal::from_request(&request)?;
    let team = principal.team(&request.get_ref().team_id)?;
    let request = request.into_inner();
    let (page_size, page_token) = (request.page_size, request.page_token.clone());
    let mut violations = Violations::new();
    let mut filter = filters::listed_deliveries(request, &mut violations);
    let hash = FiltersHash::for_method("ListDeliveries")
        .with(team)
        .with(format!("{filter:?}"));
    let page = PageRequest::<Uuid>::parse(page_size, &page_token, PageLimits::default(), hash);
    let page = violations.take(page);
    let Some(page) = page.filter(|_| violations.is_empty()) else {
        return Err(violations.into());
    };
    filter.before = page.after;
    let found = core
        .db
        .deliveries(team, &filter, page.limit(), filter.bound())
        .await?;
    if found.rows.is_empty() {
        exists(core, principal, team).await?;
    }
    let sizes = found
        .rows
        .iter()
        .map(|row| row.route.len() + row.title.len() + row.state_message.len());
    let page = page
        .within(sizes)
        .page_of_scan(found.rows, |row| row.id, found.stopped_at)
        .map_err(Problem::internal)?;
    Ok(wire::ListDeliveriesResponse {
        deliveries: standing::listed(core, team, &page.items).await?,
        next_page_token: page.next_page_token,
    })
}

pub(super) async fn get(
    core: &Core,
    request: Request<wire::GetDeliveryRequest>,
) -> Result<wire::GetDeliveryResponse, Error> {
    let team = team(&request, &request.get_ref().team_id)?;
    let row = find(core, team, &request.get_ref().delivery_id).await?;
    Ok(wire::GetDeliveryResponse {
        delivery: Some(in_full(core, team, &row).await?),
    })
}

/// The delivery of an id.
pub(super) async fn find(core: &Core, team: TeamId, text: &str) -> Result<deliveries::Model, Error> {
    let id: DeliveryId = id("delivery_id", text)?;
    let row = core.db.delivery(team, id).await?;
    row.ok_or_else(|| Problem::not_found("delivery", id).into())
}

/// A delivery with its attempts.
pub(super) async fn in_full(
    core: &Core,
    team: TeamId,
    row: &deliveries::Model,
) -> Result<wire::Delivery, Error> {
    let attempts = core.db.attempts(team, DeliveryId::from_uuid(row.id)).await?;
    let listed = standing::listed(core, team, std::slice::from_ref(row)).await?;
    let mut delivery = listed.into_iter().next().unwrap_or_default();
    delivery.attempts = attempts.into_iter().map(encode::attempt).collect();
    if row.event_type == NOTIFICATIONS_SUMMARY {
        delivery.folded_count = core.db.folded_count(team, row.id).await?;
    }
    Ok(delivery)
}

/// Begins a transaction that writes for a team, at the owner of its shard.
pub(super) async fn begin(core: &Core, team: TeamId) -> Result<Transaction, Error> {
    let transaction = core.begin_fenced(team).await?;
    Ok(transaction.ok_or(Problem::NotOwner { address: None })?)
}

/// Tells watchers of deliveries that a call has changed, as they are now. Those who miss it see the next change.
pub(super) async fn tell_watchers(core: &Core, team: TeamId, ids: &[Uuid]) {
    if !core.feed.is_watched(team) {
        return;
    }
    match core.db.deliveries_now(team, ids).await {
        Ok(rows) => notify_watchers(core, &rows),
        Err(error) => tracing::warn!(%error, %team, "watchers miss a change of deliveries"),
    }
}

pub(super) async fn channel_stats(
    core: &Core,
    request: Request<wire::GetChannelStatsRequest>,
) -> Result<wire::GetChannelStatsResponse, Error> {
    internal(&request)?;
    let team = team(&request, &request.get_ref().team_id)?;
    let stats = core.db.channel_stats(team).await?;
    let channels = stats.into_iter().map(channel_stats_message);
    // Teams have a lane for mail to people even if no mail was ever sent; it has no stats.
    let has_stats = |stats: &wire::ChannelStats| {
        !stats.channel_id.is_empty()
            || stats.waiting_count > 0
            || stats.last_success_time.is_some()
            || stats.last_error_time.is_some()
    };
    Ok(wire::GetChannelStatsResponse {
        channels: channels.filter(has_stats).collect(),
    })
}

fn channel_stats_message(stats: ChannelStats) -> wire::ChannelStats {
    wire::ChannelStats {
        channel_id: stats
            .channel_id
            .map(|id| ChannelId::from_uuid(id).to_string())
            .unwrap_or_default(),
        kind: i32::from(stats.kind),
        last_success_time: stats.last_success_at.map(encode::time),
        last_error: stats.last_error.unwrap_or_default(),
        oldest_waiting_time: stats.oldest_waiting_at.map(encode::time),
        waiting_count: stats.waiting,
        last_error_time: stats.last_error_at.map(encode::time),
    }
}
