//! The catalog: the built-in event types, and a team's own. There are few of each, so a page is cut in memory.

use prost::Message as _;
use serde_json::Value;
use watchbell_contracts::config::v1::{
    CreateEventTypeRequest, CreateEventTypeResponse, DeleteEventTypeRequest, DeleteEventTypeResponse,
    EventType, GetEventTypeRequest, GetEventTypeResponse, ListEventTypesRequest, ListEventTypesResponse,
    UpdateEventTypeRequest, UpdateEventTypeResponse,
};
use watchbell_model::catalog::{Catalog, EventTypeSpec, PatternMeter};
use watchbell_model::convert;
use watchbell_model::ids::TeamId;
use watchbell_model::violation::reason;
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::{FiltersHash, PageRequest};

use super::crud::{self, Update};
use super::{PAGE, checked, existing, required};
use crate::author::Writer;
use crate::check;
use crate::error::{Error, Result};
use crate::service::Service;
use crate::store::Resource;
use crate::store::entities::event_type;

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
    caller: Writer,
    request: CreateEventTypeRequest,
) -> Result<CreateEventTypeResponse> {
    let team = caller.team(&request.team_id)?;
    let spec = compiled(service, team, required(request.event_type, "event_type")?).await?;
    let change = service.change(team, &caller).await?;
    let row = event_type::Model::new(team, &(&spec).into());
    crud::add::<event_type::Entity>(&change, &row).await?;
    service.finish(change, request.validate_only).await?;
    Ok(CreateEventTypeResponse {
        event_type: Some(row.to_message()?),
    })
}

pub(super) async fn update(
    service: &Service,
    caller: Writer,
    request: UpdateEventTypeRequest,
) -> Result<UpdateEventTypeResponse> {
    let team = caller.team(&request.team_id)?;
    let update = required(request.event_type, "event_type")?;
    not_built_in("event_type.name", &update.name)?;
    let asked = Update {
        message: &update,
        etag: &update.etag,
        mask: request.update_mask.as_ref(),
    };
    let (reader, name) = (service.store().reader(), &update.name);
    let found = crud::merged::<event_type::Entity>(service, reader, team, name, asked).await?;
    let spec = compiled(service, team, found.merged).await?;
    // It was compiled outside of the transaction, which nobody is to wait for so long.
    let change = service.change(team, &caller).await?;
    let mut row =
        crud::read::<event_type::Entity>(change.connection(), team, name, &found.current.etag).await?;
    row.configure(&(&spec).into());
    event_type::Entity::put(change.connection(), &row).await?;
    service.finish(change, request.validate_only).await?;
    Ok(UpdateEventTypeResponse {
        event_type: Some(row.to_message()?),
    })
}

pub(super) async fn delete(
    service: &Service,
    caller: Writer,
    request: DeleteEventTypeRequest,
) -> Result<DeleteEventTypeResponse> {
    let team = caller.team(&request.team_id)?;
    not_built_in("name", &request.name)?;
    let change = service.change(team, &caller).await?;
    crud::read::<event_type::Entity>(change.connection(), team, &request.name, &request.etag).await?;
    event_type::Entity::remove(change.connection(), team, &request.name).await?;
    service.finish(change, false).await?;
    Ok(DeleteEventTypeResponse {})
}

/// Compiles a schema and tries it on its example, aside, and sees whether its patterns have room beside those of the other
/// types.
pub(super) async fn compiled(
    service: &Service,
    team: TeamId,
    event_type: EventType,
) -> Result<EventTypeSpec> {
    let rows = event_type::Entity::all(service.store().reader(), team).await?;
    let others = rows.iter().filter(|row| row.name != event_type.name);
    let others: Vec<_> = others.map(event_type::Model::to_message).collect::<Result<_>>()?;
    let compile = move || {
        let mut patterns = PatternMeter::default();
        for schema in others.into_iter().filter_map(|other| other.data_schema) {
            // Types that have no room any more are set apart, and take none.
            let _ = patterns.take(Some(&Value::Object(convert::object(schema))));
        }
        let spec = check::event_type(&event_type)?;
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
