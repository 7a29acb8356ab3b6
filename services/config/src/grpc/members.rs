//! Members of a team.

use uuid::Uuid;
use watchbell_contracts::config::v1::{
    CreateMemberRequest, CreateMemberResponse, DeleteMemberRequest, DeleteMemberResponse, GetMemberRequest,
    GetMemberResponse, ListMembersRequest, ListMembersResponse, UpdateMemberRequest, UpdateMemberResponse,
};
use watchbell_model::Role;
use watchbell_model::ids::MemberId;
use watchbell_model::member::Member;
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::{FiltersHash, PageRequest};

use super::{PAGE, checked, ensure_capacity, existing, id, required};
use crate::error::Result;
use crate::service::Service;
use crate::store::changes::Change;
use crate::store::entities::member;
use crate::store::{Resource, join};
use crate::{check, etag, mask};

const MAX_MEMBERS: u64 = 5_000;

pub(super) async fn list(
    service: &Service,
    caller: Principal,
    request: ListMembersRequest,
) -> Result<ListMembersResponse> {
    let team = existing(service, &caller, &request.team_id).await?;
    let filters = FiltersHash::for_method("ListMembers").with(team);
    let page = PageRequest::<Uuid>::parse(request.page_size, &request.page_token, PAGE, filters)?;
    let page = member::Entity::page(service.store().reader(), team, &page, |row| row.id)
        .await?
        .try_map(|row| row.to_message())?;
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
    let team = caller.team(&request.team_id)?;
    let id: MemberId = id("member_id", &request.member_id)?;
    let row = member::Entity::get(service.store().reader(), team, &id).await?;
    Ok(GetMemberResponse {
        member: Some(row.to_message()?),
    })
}

pub(super) async fn create(
    service: &Service,
    caller: Principal,
    request: CreateMemberRequest,
) -> Result<CreateMemberResponse> {
    let team = caller.team(&request.team_id)?;
    let draft = checked("member", check::member(&required(request.member, "member")?))?;
    owners_by_owners(&caller, &[draft.role])?;
    let change = service.change(team).await?;
    ensure_capacity(
        member::Entity::count(change.connection(), team).await?,
        MAX_MEMBERS,
        "members",
    )?;
    let now = change.now();
    let mut row = member::Model {
        id: MemberId::generate(now).as_uuid(),
        team_id: team.as_uuid(),
        email: String::new(),
        email_key: String::new(),
        display_name: String::new(),
        role: String::new(),
        slack_user_id: String::new(),
        permissions: String::new(),
        version: 1,
        create_time: now,
        update_time: now,
    };
    write(draft, &mut row);
    member::Entity::add(change.connection(), &row).await?;
    service.finish(change, request.validate_only).await?;
    Ok(CreateMemberResponse {
        member: Some(row.to_message()?),
    })
}

pub(super) async fn update(
    service: &Service,
    caller: Principal,
    request: UpdateMemberRequest,
) -> Result<UpdateMemberResponse> {
    let team = caller.team(&request.team_id)?;
    let update = required(request.member, "member")?;
    let id: MemberId = id("member.id", &update.id)?;
    let change = service.change(team).await?;
    let mut row = member::Entity::get(change.connection(), team, &id).await?;
    etag::check(&update.etag, row.version, "member", id)?;
    let current = row.to_message()?;
    let merged = mask::merge(
        "watchbell.config.v1.Member",
        &current,
        &update,
        request.update_mask.as_ref(),
    )?;
    let draft = checked("member", check::member(&merged))?;
    owners_by_owners(&caller, &[row.role()?, draft.role])?;
    if draft.role != Role::Owner {
        another_owner(&caller, &change, &row).await?;
    }
    write(draft, &mut row);
    row.version += 1;
    row.update_time = change.now();
    member::Entity::put(change.connection(), &row).await?;
    service.finish(change, request.validate_only).await?;
    Ok(UpdateMemberResponse {
        member: Some(row.to_message()?),
    })
}

pub(super) async fn delete(
    service: &Service,
    caller: Principal,
    request: DeleteMemberRequest,
) -> Result<DeleteMemberResponse> {
    let team = caller.team(&request.team_id)?;
    let id: MemberId = id("member_id", &request.member_id)?;
    let change = service.change(team).await?;
    let row = member::Entity::get(change.connection(), team, &id).await?;
    etag::check(&request.etag, row.version, "member", id)?;
    owners_by_owners(&caller, &[row.role()?])?;
    another_owner(&caller, &change, &row).await?;
    member::Entity::remove(change.connection(), team, &id).await?;
    service.finish(change, false).await?;
    Ok(DeleteMemberResponse {})
}

/// An Admin must not become an Owner by their own hand, nor push one out.
fn owners_by_owners(caller: &Principal, roles: &[Role]) -> Result<()> {
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
async fn another_owner(caller: &Principal, change: &Change, going: &member::Model) -> Result<()> {
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

fn write(draft: Member, row: &mut member::Model) {
    row.email_key = draft.email.key();
    row.email = draft.email.into();
    row.display_name = draft.name;
    row.role = draft.role.to_string();
    row.slack_user_id = draft.slack_user_id.map(String::from).unwrap_or_default();
    row.permissions = join(draft.permissions);
}
