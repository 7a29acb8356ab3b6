//! Members of a team.

use watchbell_contracts::config::v1::{
    CreateMemberRequest, CreateMemberResponse, DeleteMemberRequest, DeleteMemberResponse, GetMemberRequest,
    GetMemberResponse, ListMembersRequest, ListMembersResponse, UpdateMemberRequest, UpdateMemberResponse,
};
use watchbell_model::Role;
use watchbell_model::ids::MemberId;
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;

use super::crud::{self, Update};
use super::{checked, id, required};
use crate::author::Writer;
use crate::check;
use crate::error::Result;
use crate::service::Service;
use crate::store::Resource;
use crate::store::changes::Change;
use crate::store::entities::member;

pub(super) async fn list(
    service: &Service,
    caller: Principal,
    request: ListMembersRequest,
) -> Result<ListMembersResponse> {
    let (team, size, token) = (&request.team_id, request.page_size, &request.page_token);
    let page = crud::list::<member::Entity>(service, &caller, team, size, token).await?;
    Ok(ListMembersResponse {
        members: page.items,
        next_page_token: page.next_page_token,
    })
}

pub(super) async fn get(
    service: &Service,
    caller: Principal,
    request: GetMemberRequest,
) -> Result<GetMemberResponse> {
    let (team, id) = (&request.team_id, &request.member_id);
    let member = crud::get::<member::Entity>(service, &caller, team, "member_id", id).await?;
    Ok(GetMemberResponse { member: Some(member) })
}

pub(super) async fn create(
    service: &Service,
    caller: Writer,
    request: CreateMemberRequest,
) -> Result<CreateMemberResponse> {
    let team = caller.team(&request.team_id)?;
    let draft = checked("member", check::member(&required(request.member, "member")?))?;
    owners_by_owners(&caller, &[draft.role])?;
    let change = service.change(team, &caller).await?;
    let row = member::Model::new(team, draft, change.now());
    change.touch(row.member_id()).await?;
    crud::add::<member::Entity>(&change, &row).await?;
    service.finish(change, request.validate_only).await?;
    Ok(CreateMemberResponse {
        member: Some(row.to_message()?),
    })
}

pub(super) async fn update(
    service: &Service,
    caller: Writer,
    request: UpdateMemberRequest,
) -> Result<UpdateMemberResponse> {
    let team = caller.team(&request.team_id)?;
    let update = required(request.member, "member")?;
    let id: MemberId = id("member.id", &update.id)?;
    let change = service.change(team, &caller).await?;
    let asked = Update {
        message: &update,
        etag: &update.etag,
        mask: request.update_mask.as_ref(),
    };
    let found = crud::merged::<member::Entity>(service, change.connection(), team, &id, asked).await?;
    let mut row = found.row;
    let draft = checked("member", check::member(&found.merged))?;
    owners_by_owners(&caller, &[row.role()?, draft.role])?;
    if draft.role != Role::Owner {
        another_owner(&caller, &change, &row).await?;
    }
    row.configure(draft, change.now());
    change.touch(id).await?;
    member::Entity::put(change.connection(), &row).await?;
    service.finish(change, request.validate_only).await?;
    Ok(UpdateMemberResponse {
        member: Some(row.to_message()?),
    })
}

pub(super) async fn delete(
    service: &Service,
    caller: Writer,
    request: DeleteMemberRequest,
) -> Result<DeleteMemberResponse> {
    let team = caller.team(&request.team_id)?;
    let id: MemberId = id("member_id", &request.member_id)?;
    let change = service.change(team, &caller).await?;
    let row = crud::read::<member::Entity>(change.connection(), team, &id, &request.etag).await?;
    owners_by_owners(&caller, &[row.role()?])?;
    another_owner(&caller, &change, &row).await?;
    change.touch(id).await?;
    member::Entity::remove(change.connection(), team, &id).await?;
    service.finish(change, false).await?;
    Ok(DeleteMemberResponse {})
}

/// An Admin must not become an Owner by their own hand, nor push one out.
pub(super) fn owners_by_owners(caller: &Principal, roles: &[Role]) -> Result<()> {
    match caller {
        Principal::Member { role, .. } if *role != Role::Owner && roles.contains(&Role::Owner) => {
            Err(Problem::Denied {
                reason: "OWNER_ONLY",
                message: "only an Owner may make, change or remove an Owner".to_owned(),
            }
            .into())
        }
        _ => Ok(()),
    }
}

/// The last Owner who went would leave a team in which nobody can make one. Keys may do it: with them it can be undone.
pub(super) async fn another_owner(caller: &Principal, change: &Change, going: &member::Model) -> Result<()> {
    if !matches!(caller, Principal::Member { .. }) || going.role()? != Role::Owner {
        return Ok(());
    }
    for other in member::Entity::all(change.connection(), change.team()).await? {
        if other.id != going.id && other.role()? == Role::Owner {
            return Ok(());
        }
    }
    Err(Problem::Precondition {
        reason: "LAST_OWNER",
        message: "a team keeps an Owner: make somebody else one first".to_owned(),
    }
    .into())
}
