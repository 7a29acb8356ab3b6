//! Teams, and how their integrations fare.

use uuid::Uuid;
use watchbell_contracts::config::v1::{
    ChannelHealth, CreateTeamRequest, CreateTeamResponse, DeleteTeamRequest, DeleteTeamResponse,
    GetIntegrationStatusRequest, GetIntegrationStatusResponse, GetTeamRequest, GetTeamResponse,
    IntegrationStatus, ListTeamsRequest, ListTeamsResponse, UpdateTeamRequest, UpdateTeamResponse,
};
use watchbell_contracts::convert::{FromWire, timestamp};
use watchbell_domain::ChannelKind;
use watchbell_domain::ids::{ChannelId, TeamId};
use watchbell_runtime::auth::{Principal, Scope};
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::{FiltersHash, PageRequest};

use super::{PAGE, checked, given};
use crate::error::Result;
use crate::service::Service;
use crate::store::changes::Change;
use crate::store::entities::{channel, team};
use crate::store::{channels, teams};
use crate::{check, etag, mask};

pub(super) async fn list(
    service: &Service,
    _caller: Principal,
    request: ListTeamsRequest,
) -> Result<ListTeamsResponse> {
    let filters = FiltersHash::of("ListTeams");
    let page = PageRequest::<Uuid>::parse(request.page_size, &request.page_token, PAGE, filters)?;
    let page = teams::list_all_teams(service.store().reader(), &page).await?;
    let page = page.try_map(|row| row.to_message())?;
    Ok(ListTeamsResponse {
        teams: page.items,
        next_page_token: page.next_page_token,
    })
}

pub(super) async fn get(
    service: &Service,
    caller: Principal,
    request: GetTeamRequest,
) -> Result<GetTeamResponse> {
    let team = caller.team(&request.team_id)?;
    let row = teams::get(service.store().reader(), team).await?;
    Ok(GetTeamResponse {
        team: Some(row.to_message()?),
    })
}

pub(super) async fn create(
    service: &Service,
    _caller: Principal,
    request: CreateTeamRequest,
) -> Result<CreateTeamResponse> {
    let draft = checked("team", check::team(&given(request.team, "team")?))?;
    let now = service.now();
    let id = TeamId::generate(now);
    let row = team::Model {
        id: id.as_uuid(),
        display_name: draft.display_name,
        plan: draft.plan.to_string(),
        time_zone: draft.time_zone,
        revision: 1,
        version: 1,
        create_time: now,
        update_time: now,
    };
    let team = row.to_message()?;
    let change = Change::begin_new(service.store(), id, now).await?;
    teams::insert(change.connection(), row).await?;
    change.finish(service.store(), request.validate_only).await?;
    Ok(CreateTeamResponse { team: Some(team) })
}

pub(super) async fn update(
    service: &Service,
    caller: Principal,
    request: UpdateTeamRequest,
) -> Result<UpdateTeamResponse> {
    let update = given(request.team, "team")?;
    let team = caller.team(&update.id)?;
    let change = service.change(team).await?;
    let mut row = teams::get(change.connection(), team).await?;
    etag::check(&update.etag, row.version, "team", team)?;
    let current = row.to_message()?;
    let merged = mask::merge(
        "watchbell.config.v1.Team",
        &current,
        &update,
        request.update_mask.as_ref(),
    )?;
    let draft = checked("team", check::team(&merged))?;
    if draft.plan.as_str() != row.plan && !caller.allows(Scope::Platform) {
        return Err(Problem::Denied {
            reason: "PLATFORM_ONLY",
            message: "only the platform sets a team's plan".to_owned(),
        }
        .into());
    }
    row.display_name = draft.display_name;
    row.plan = draft.plan.to_string();
    row.time_zone = draft.time_zone;
    row.version += 1;
    row.update_time = change.now();
    teams::update(change.connection(), &row).await?;
    change.finish(service.store(), request.validate_only).await?;
    Ok(UpdateTeamResponse {
        team: Some(row.to_message()?),
    })
}

pub(super) async fn delete(
    service: &Service,
    caller: Principal,
    request: DeleteTeamRequest,
) -> Result<DeleteTeamResponse> {
    let team = caller.team(&request.team_id)?;
    let change = service.change(team).await?;
    let row = teams::get(change.connection(), team).await?;
    etag::check(&request.etag, row.version, "team", team)?;
    teams::delete(change.connection(), team).await?;
    change.finish(service.store(), false).await?;
    Ok(DeleteTeamResponse {})
}

pub(super) async fn integration_status(
    service: &Service,
    caller: Principal,
    request: GetIntegrationStatusRequest,
) -> Result<GetIntegrationStatusResponse> {
    let team = caller.team(&request.team_id)?;
    teams::get(service.store().reader(), team).await?;
    let rows = channels::all(service.store().reader(), team).await?;
    let integrations = ChannelKind::ALL.iter().map(|kind| status(*kind, &rows)).collect();
    Ok(GetIntegrationStatusResponse { integrations })
}

/// What Config knows by itself: the Dispatcher reports when a channel turns, not each success.
fn status(kind: ChannelKind, channels: &[channel::Model]) -> IntegrationStatus {
    let of_kind: Vec<_> = channels.iter().filter(|row| row.kind == kind.as_str()).collect();
    let enabled: Vec<_> = of_kind.iter().filter(|row| !row.paused).collect();
    let unhealthy: Vec<_> = enabled.iter().filter(|row| row.unhealthy).collect();
    let count = |rows: usize| i32::try_from(rows).unwrap_or(i32::MAX);
    // The inbox needs no channel to work.
    let configured = kind == ChannelKind::InApp || !enabled.is_empty();
    let health = match (configured, unhealthy.is_empty()) {
        (false, _) => ChannelHealth::Unspecified,
        (true, true) => ChannelHealth::Healthy,
        (true, false) => ChannelHealth::Unhealthy,
    };
    let newest_failure = unhealthy.iter().max_by_key(|row| row.health_time);
    let recovered = enabled
        .iter()
        .filter(|row| !row.unhealthy)
        .filter_map(|row| row.health_time)
        .max();
    IntegrationStatus {
        kind: kind.to_wire(),
        configured,
        default_channel_id: of_kind
            .iter()
            .find(|row| row.is_default)
            .map(|row| ChannelId::from_uuid(row.id).to_string())
            .unwrap_or_default(),
        health: health.into(),
        channel_count: count(enabled.len()),
        unhealthy_count: count(unhealthy.len()),
        last_success_time: recovered.map(timestamp),
        last_error: newest_failure
            .map(|row| row.health_message.clone())
            .unwrap_or_default(),
        oldest_waiting_time: None,
    }
}
