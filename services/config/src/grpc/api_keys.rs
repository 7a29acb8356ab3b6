//! API keys. A key is shown once. It can never do more than whoever made it, and a key's key never lasts longer than it.

use chrono::{DateTime, Utc};
use prost::Message;
use sea_orm::ConnectionTrait;
use uuid::Uuid;
use watchbell_contracts::config::v1::{
    CreateApiKeyRequest, CreateApiKeyResponse, DeleteApiKeyRequest, DeleteApiKeyResponse, ListApiKeysRequest,
    ListApiKeysResponse,
};
use watchbell_model::Role;
use watchbell_model::ids::{KeyId, TeamId};
use watchbell_model::violation::reason as field;
use watchbell_runtime::auth::{Principal, Scope, hash_key};
use watchbell_runtime::problem::{Problem, reason};
use watchbell_store::paging::{FiltersHash, PageRequest};

use super::{PAGE, checked, crud, id, required};
use crate::author::Writer;
use crate::error::Result;
use crate::service::Service;
use crate::store::changes::Change;
use crate::store::entities::api_key;
use crate::store::{Resource, join, teams};
use crate::{check, keys};

pub(super) async fn list(
    service: &Service,
    caller: Principal,
    request: ListApiKeysRequest,
) -> Result<ListApiKeysResponse> {
    let team = owner(&caller, &request.team_id)?;
    if let Some(team) = team {
        teams::get(service.store().reader(), team).await?;
    }
    let name = team.map(|team| team.to_string()).unwrap_or_default();
    let filters = FiltersHash::for_method("ListApiKeys").with(name);
    let page = PageRequest::<Uuid>::parse(request.page_size, &request.page_token, PAGE, filters)?;
    let rows = api_key::Entity::of_team(team);
    let page = api_key::Entity::page(service.store().reader(), rows, &page).await?;
    let page = page.try_map(|row| row.to_message())?;
    Ok(ListApiKeysResponse {
        api_keys: page.items,
        next_page_token: page.next_page_token,
    })
}

pub(super) async fn create(
    service: &Service,
    caller: Writer,
    request: CreateApiKeyRequest,
) -> Result<CreateApiKeyResponse> {
    let team = owner(&caller, &request.team_id)?;
    let now = service.now();
    let draft = checked(
        "api_key",
        check::api_key(&required(request.api_key, "api_key")?, now),
    )?;
    for scope in &draft.scopes {
        may_grant(&caller, team, *scope)?;
    }
    let change = change(service, team, &caller).await?;
    let maker = maker(&change, &caller).await?;
    let expire_time = within_its_maker(maker.as_ref(), draft.expire_time)?;
    let key = keys::generate();
    let row = api_key::Model {
        id: KeyId::generate(now).as_uuid(),
        team_id: team.map(|team| team.as_uuid()),
        display_name: draft.display_name,
        scopes: join(draft.scopes),
        key_sha256: hash_key(key.expose()).to_vec(),
        create_time: now,
        expire_time,
        creator: change.author().map(|(_, actor)| actor.encode_to_vec()),
        last_use_time: None,
    };
    let api_key = row.to_message()?;
    if team.is_some() {
        crud::room_for_one::<api_key::Entity>(&change).await?;
    }
    api_key::Entity::add(change.connection(), &row).await?;
    service.finish(change, false).await?;
    Ok(CreateApiKeyResponse {
        api_key: Some(api_key),
        key: key.expose().to_owned(),
    })
}

pub(super) async fn delete(
    service: &Service,
    caller: Writer,
    request: DeleteApiKeyRequest,
) -> Result<DeleteApiKeyResponse> {
    let team = owner(&caller, &request.team_id)?;
    let id: KeyId = id("api_key_id", &request.api_key_id)?;
    let change = change(service, team, &caller).await?;
    let key = api_key::Entity::get(change.connection(), team, &id).await?;
    maker(&change, &caller).await?;
    // A key that changes the configuration stands for the Owners, who may end any.
    if matches!(*caller, Principal::Member { .. }) {
        for scope in key.scopes()? {
            may_grant(&caller, team, scope)?;
        }
    }
    api_key::Entity::remove(change.connection(), team, &id).await?;
    service.finish(change, false).await?;
    Ok(DeleteApiKeyResponse {})
}

async fn change(service: &Service, team: Option<TeamId>, caller: &Writer) -> Result<Change> {
    match team {
        Some(team) => service.change(team, caller).await,
        None => Change::begin_platform(service.store(), service.now()).await,
    }
}

/// The team whose keys are meant; `None` stands for the platform's own.
fn owner(caller: &Principal, team_id: &str) -> Result<Option<TeamId>> {
    if team_id.is_empty() && caller.own_team().is_none() && caller.allows(Scope::Platform) {
        return Ok(None);
    }
    Ok(Some(caller.team(team_id)?))
}

/// The key that calls, if it is one. It is looked up once more, within the change: one that was deleted or has
/// expired since it was let in, or that a process still knows which cannot hear of that, makes and deletes nothing.
async fn maker(change: &Change, caller: &Principal) -> Result<Option<api_key::Model>> {
    live(change.connection(), change.now(), caller).await
}

/// The row of the key that calls, if it is one, which must not have ended.
pub(super) async fn live(
    connection: &impl ConnectionTrait,
    now: DateTime<Utc>,
    caller: &Principal,
) -> Result<Option<api_key::Model>> {
    let Principal::ApiKey { key_id, team_id, .. } = caller else {
        return Ok(None);
    };
    let found = api_key::Entity::seek(connection, *team_id, key_id).await?;
    let live = found.filter(|key| key.expire_time.is_none_or(|end| now < end));
    let refused = Problem::Unauthenticated {
        reason: reason::INVALID_CREDENTIAL,
    };
    live.map(Some).ok_or_else(|| refused.into())
}

/// A key as it calls, wherever it is used now: of a team or of the platform, and not ended.
pub(super) async fn principal(service: &Service, team: TeamId, id: KeyId) -> Result<Principal> {
    let connection = service.store().writer();
    let mut team_id = Some(team);
    let mut found = api_key::Entity::seek(connection, team_id, &id).await?;
    if found.is_none() {
        team_id = None;
        found = api_key::Entity::seek(connection, None, &id).await?;
    }
    let live = found.filter(|key| key.expire_time.is_none_or(|end| service.now() < end));
    let refused = Problem::Unauthenticated {
        reason: reason::INVALID_CREDENTIAL,
    };
    let row = live.ok_or(refused)?;
    Ok(Principal::ApiKey {
        key_id: id,
        team_id,
        scopes: row.scopes()?.into_iter().collect(),
    })
}

/// The expiry of a new key: never later than that of the key that makes it, which is also its default.
fn within_its_maker(
    maker: Option<&api_key::Model>,
    wanted: Option<DateTime<Utc>>,
) -> Result<Option<DateTime<Utc>>> {
    match (wanted, maker.and_then(|maker| maker.expire_time)) {
        (Some(wanted), Some(end)) if wanted > end => Err(Problem::invalid(
            "api_key.expire_time",
            field::OUT_OF_RANGE,
            format!(
                "must not lie after {}, when the key that makes it ends",
                end.format("%FT%TZ")
            ),
        )
        .into()),
        (Some(wanted), _) => Ok(Some(wanted)),
        (None, end) => Ok(end),
    }
}

/// Whether a key with this scope may be made, and deleted, by this caller.
fn may_grant(caller: &Principal, team: Option<TeamId>, scope: Scope) -> Result<()> {
    let allowed = match (caller, scope) {
        // It would act for every team, whatever team the key is bound to.
        (_, Scope::Platform) => team.is_none() && caller.allows(Scope::Platform),
        // Such a key makes and removes Owners, or reads their inboxes, which an Admin may not.
        (Principal::Member { role, .. }, Scope::ConfigWrite | Scope::Inbox) => *role == Role::Owner,
        // The table lets Owners and Admins here: their team's keys are theirs to make.
        (Principal::Member { .. }, _) => true,
        _ => caller.allows(scope),
    };
    if allowed {
        return Ok(());
    }
    Err(Problem::Denied {
        reason: reason::MISSING_SCOPE,
        message: format!("you cannot make or delete keys with the scope `{scope}` here"),
    }
    .into())
}
