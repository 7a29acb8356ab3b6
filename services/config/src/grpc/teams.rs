//! Teams.

use uuid::Uuid;
use watchbell_contracts::config::v1::{
    CreateTeamRequest, CreateTeamResponse, DeleteTeamRequest, DeleteTeamResponse, GetTeamRequest,
    GetTeamResponse, ListTeamsRequest, ListTeamsResponse, UpdateTeamRequest, UpdateTeamResponse,
};
use watchbell_model::ids::TeamId;
use watchbell_runtime::auth::{Principal, Scope};
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::{FiltersHash, PageRequest};

use super::{PAGE, checked, required};
use crate::author::Writer;
use crate::error::Result;
use crate::service::Service;
use crate::store::changes::Change;
use crate::store::entities::team;
use crate::store::{cells, teams};
use crate::{check, etag, mask};

pub(super) async fn list(
    service: &Service,
    _caller: Principal,
    request: ListTeamsRequest,
) -> Result<ListTeamsResponse> {
    let filters = FiltersHash::for_method("ListTeams");
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
    caller: Writer,
    request: CreateTeamRequest,
) -> Result<CreateTeamResponse> {
    let draft = checked("team", check::team(&required(request.team, "team")?))?;
    let now = service.now();
    let id = TeamId::generate(now);
    let row = team::Model {
        id: id.as_uuid(),
        display_name: draft.display_name,
        plan: draft.plan.to_string(),
        time_zone: draft.time_zone,
        cell: cells::emptiest(service.store().reader()).await?,
        revision: 1,
        version: 1,
        create_time: now,
        update_time: now,
    };
    let team = row.to_message()?;
    let change = Change::begin_new(service.store(), id, now, (&caller).into()).await?;
    teams::insert(change.connection(), row).await?;
    service.finish(change, request.validate_only).await?;
    Ok(CreateTeamResponse { team: Some(team) })
}

pub(super) async fn update(
    service: &Service,
    caller: Writer,
    request: UpdateTeamRequest,
) -> Result<UpdateTeamResponse> {
    let update = required(request.team, "team")?;
    let team = caller.team(&update.id)?;
    let change = service.change(team, &caller).await?;
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
    row.configure(draft, change.now());
    teams::update(change.connection(), &row).await?;
    service.finish(change, request.validate_only).await?;
    Ok(UpdateTeamResponse {
        team: Some(row.to_message()?),
    })
}

pub(super) async fn delete(
    service: &Service,
    caller: Writer,
    request: DeleteTeamRequest,
) -> Result<DeleteTeamResponse> {
    let team = caller.team(&request.team_id)?;
    let change = service.change(team, &caller).await?;
    let row = teams::get(change.connection(), team).await?;
    etag::check(&request.etag, row.version, "team", team)?;
    teams::delete(change.connection(), team).await?;
    service.finish(change, false).await?;
    Ok(DeleteTeamResponse {})
}
