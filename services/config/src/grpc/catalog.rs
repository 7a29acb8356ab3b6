//! The catalog: the built-in event types, and a team's own. There are few of each, so a page is cut in memory.

use prost::Message as _;
use serde_json::Value;
use watchbell_contracts::config::v1::{
    CreateEventTypeRequest, CreateEventTypeResponse, DeleteEventTypeRequest, DeleteEventTypeResponse,
    EventType, GetEventTypeRequest, GetEventTypeResponse, ListEventTypesRequest, ListEventTypesResponse,
    UpdateEventTypeRequest, UpdateEventTypeResponse,
};
use watchbell_model::catalog::{Catalog, EventTypeSpec, MAX_CUSTOM_TYPES, PatternMeter};
use watchbell_model::convert;
use watchbell_model::ids::TeamId;
use watchbell_model::violation::reason;
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::{FiltersHash, PageRequest};

use super::{PAGE, checked, ensure_capacity, existing, required};
use crate::error::{Error, Result};
use crate::service::Service;
use crate::store::Resource;
use crate::store::entities::event_type;
use crate::{etag, mask};

pub(super) async fn list(
    service: &Service,
    caller: Principal,
    request: ListEventTypesRequest,
) -> Result<ListEventTypesResponse> {
    let team = existing(service, &caller, &request.team_id).await?;
    let filters = FiltersHash::for_method("ListEventTypes").with(team);
    let page = PageRequest::<String>::parse(request.page_size, &request.page_token, PAGE, filters)?;
    let mut types: Vec<EventType> = Catalog::built_in().iter().map(EventType::from).collect();
    for row in event_type::Entity::all(service.store().reader(), team).await? {
        types.push(row.to_message()?);
    }
    types.sort_by(|a, b| a.name.cmp(&b.name));
    types.retain(|entry| page.after.as_ref().is_none_or(|after| entry.name > *after));
    types.truncate(usize::try_from(page.limit()).unwrap_or(usize::MAX));
    let page = page
        .within(types.iter().map(EventType::encoded_len))
        .page(types, |entry| entry.name.clone())
        .map_err(|err| Error::corrupt("event_types", err))?;
    Ok(ListEventTypesResponse {
        event_types: page.items,
        next_page_token: page.next_page_token,
    })
}

pub(super) async fn get(
    service: &Service,
    caller: Principal,
    request: GetEventTypeRequest,
) -> Result<GetEventTypeResponse> {
    let team = caller.team(&request.team_id)?;
    let event_type = match Catalog::built_in().get(&request.name) {
        Some(spec) => spec.into(),
        None => event_type::Entity::get(service.store().reader(), team, &request.name)
            .await?
            .to_message()?,
    };
    Ok(GetEventTypeResponse {
        event_type: Some(event_type),
    })
}

pub(super) async fn create(
    service: &Service,
    caller: Principal,
    request: CreateEventTypeRequest,
) -> Result<CreateEventTypeResponse> {
    let team = caller.team(&request.team_id)?;
    let spec = compiled(service, team, required(request.event_type, "event_type")?).await?;
    let change = service.change(team).await?;
    let count = event_type::Entity::all(change.connection(), team).await?.len();
    ensure_capacity(count as u64, MAX_CUSTOM_TYPES as u64, "event types of its own")?;
    let mut row = event_type::Model {
        team_id: team.as_uuid(),
        name: spec.event_type.to_string(),
        spec: Vec::new(),
        version: 1,
    };
    row.configure(&(&spec).into());
    event_type::Entity::add(change.connection(), &row).await?;
    service.finish(change, request.validate_only).await?;
    Ok(CreateEventTypeResponse {
        event_type: Some(row.to_message()?),
    })
}

pub(super) async fn update(
    service: &Service,
    caller: Principal,
    request: UpdateEventTypeRequest,
) -> Result<UpdateEventTypeResponse> {
    let team = caller.team(&request.team_id)?;
    let update = required(request.event_type, "event_type")?;
    not_built_in("event_type.name", &update.name)?;
    let read = event_type::Entity::get(service.store().reader(), team, &update.name).await?;
    etag::check(&update.etag, read.version, "event type", &read.name)?;
    let current = read.to_message()?;
    let merged = mask::merge(
        "watchbell.config.v1.EventType",
        &current,
        &update,
        request.update_mask.as_ref(),
    )?;
    let spec = compiled(service, team, merged).await?;
    // It was compiled outside of the transaction, which nobody is to wait for so long.
    let change = service.change(team).await?;
    let mut row = event_type::Entity::get(change.connection(), team, &update.name).await?;
    etag::check(&current.etag, row.version, "event type", &row.name)?;
    row.configure(&(&spec).into());
    row.version += 1;
    event_type::Entity::put(change.connection(), &row).await?;
    service.finish(change, request.validate_only).await?;
    Ok(UpdateEventTypeResponse {
        event_type: Some(row.to_message()?),
    })
}

pub(super) async fn delete(
    service: &Service,
    caller: Principal,
    request: DeleteEventTypeRequest,
) -> Result<DeleteEventTypeResponse> {
    let team = caller.team(&request.team_id)?;
    not_built_in("name", &request.name)?;
    let change = service.change(team).await?;
    let row = event_type::Entity::get(change.connection(), team, &request.name).await?;
    etag::check(&request.etag, row.version, "event type", &row.name)?;
    event_type::Entity::remove(change.connection(), team, &row.name).await?;
    service.finish(change, false).await?;
    Ok(DeleteEventTypeResponse {})
}

/// Compiles a schema and tries it on its example, aside, and sees whether its patterns have room beside those of the other
/// types.
async fn compiled(service: &Service, team: TeamId, event_type: EventType) -> Result<EventTypeSpec> {
    let rows = event_type::Entity::all(service.store().reader(), team).await?;
    let others = rows.iter().filter(|row| row.name != event_type.name);
    let others: Vec<_> = others.map(event_type::Model::to_message).collect::<Result<_>>()?;
    let compile = move || {
        let mut patterns = PatternMeter::default();
        for schema in others.into_iter().filter_map(|other| other.data_schema) {
            // Types that have no room any more are set apart, and take none.
            let _ = patterns.take(Some(&Value::Object(convert::object(schema))));
        }
        let spec = EventTypeSpec::try_from(&event_type)?;
        patterns.take(spec.data_schema.as_ref())?;
        Ok(spec)
    };
    let compiled = service.tenant_pool().run(team, compile).await;
    checked("event_type", compiled.map_err(Problem::from)?)
}

fn not_built_in(field: &str, name: &str) -> Result<()> {
    if Catalog::built_in().get(name).is_some() {
        return Err(
            Problem::invalid(field, reason::NOT_ALLOWED, "a built-in event type cannot change").into(),
        );
    }
    Ok(())
}
