//! Silences.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, QueryFilter};
use watchbell_contracts::config::v1::{
    CreateSilenceRequest, CreateSilenceResponse, ExpireSilenceRequest, ExpireSilenceResponse,
    GetSilenceRequest, GetSilenceResponse, ListSilencesRequest, ListSilencesResponse, Silence,
};
use watchbell_model::ChannelKind;
use watchbell_model::ids::{ChannelId, SilenceId, TeamId};
use watchbell_model::silence;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::{Principal, Scope};
use watchbell_store::paging::{FiltersHash, PageRequest};

use super::{PAGE, checked, crud, existing, id, required};
use crate::author::Writer;
use crate::error::Result;
use crate::owners::author;
use crate::reach::{self, Reach};
use crate::service::Service;
use crate::store::entities::silence::Column;
use crate::store::entities::{channel, silence as row};
use crate::store::{Resource, silences};
use crate::warnings::Known;

pub(super) async fn list(
    service: &Service,
    caller: Principal,
    request: ListSilencesRequest,
) -> Result<ListSilencesResponse> {
    let team = existing(service, &caller, &request.team_id).await?;
    let filters = FiltersHash::for_method("ListSilences")
        .with(team)
        .with(request.show_expired);
    let page = PageRequest::parse(request.page_size, &request.page_token, PAGE, filters)?;
    let now = service.now();
    let mut rows = row::Entity::of_team(team);
    if !request.show_expired {
        rows = rows.filter(Column::EndTime.gt(now));
    }
    let page = row::Entity::page(service.store().reader(), rows, &page).await?;
    let page = page.try_map(|row| row.to_message(now))?;
    Ok(ListSilencesResponse {
        silences: page.items,
        next_page_token: page.next_page_token,
    })
}

pub(super) async fn get(
    service: &Service,
    caller: Principal,
    request: GetSilenceRequest,
) -> Result<GetSilenceResponse> {
    let (team, id) = (&request.team_id, &request.silence_id);
    let silence = crud::get::<row::Entity>(service, &caller, team, "silence_id", id).await?;
    Ok(GetSilenceResponse {
        silence: Some(silence),
    })
}

pub(super) async fn create(
    service: &Service,
    caller: Writer,
    request: CreateSilenceRequest,
) -> Result<CreateSilenceResponse> {
    let team = caller.team(&request.team_id)?;
    let draft = required(request.silence, "silence")?;
    let mut silence = examine(service.store().reader(), team, &draft, service.now()).await?;
    // What an expression matches tells what is in the log.
    let reach = match caller.allows(Scope::DeliveriesRead) {
        true => reach::lately(service, team, &silence).await,
        false => None,
    };
    let change = service.change(team, &caller).await?;
    let (connection, now) = (change.connection(), change.now());
    // Again, now that nobody can delete one.
    checked(
        "silence",
        own_channels(connection, team, &draft).await?.into_result(()),
    )?;
    silence.author = author(&change, &caller).await?;
    let row = silences::insert(connection, team, &silence, now).await?;
    let message = row.to_message(now)?;
    let mut warnings = Known::read(connection, team).await?.of_silence(&message);
    warnings.extend(reach.and_then(Reach::warning));
    service.finish(change, request.validate_only).await?;
    Ok(CreateSilenceResponse {
        silence: Some(message),
        warnings,
        reach: reach.map(Reach::to_message),
    })
}

pub(super) async fn expire(
    service: &Service,
    caller: Writer,
    request: ExpireSilenceRequest,
) -> Result<ExpireSilenceResponse> {
    let team = caller.team(&request.team_id)?;
    let id: SilenceId = id("silence_id", &request.silence_id)?;
    let change = service.change(team, &caller).await?;
    let now = change.now();
    let row = silences::expire(change.connection(), team, &id, now).await?;
    service.finish(change, false).await?;
    Ok(ExpireSilenceResponse {
        silence: Some(row.to_message(now)?),
    })
}

/// A silence that somebody wrote, as it is kept.
///
/// # Errors
/// Every violation at once: of its fields, and of the channels that it names.
async fn examine(
    connection: &impl ConnectionTrait,
    team: TeamId,
    draft: &Silence,
    now: DateTime<Utc>,
) -> Result<silence::Silence> {
    let mut violations = Violations::new();
    let silence = violations.take(silence::Silence::written(draft, now));
    violations.extend(own_channels(connection, team, draft).await?);
    match silence {
        Some(silence) if violations.is_empty() => Ok(silence),
        _ => Err(violations.under("silence").into()),
    }
}

/// Violations of the channels that a silence names: they must be the team's own, and interrupt somebody.
async fn own_channels(
    connection: &impl ConnectionTrait,
    team: TeamId,
    draft: &Silence,
) -> Result<Violations> {
    let mut violations = Violations::new();
    if draft.channel_ids.is_empty() {
        return Ok(violations);
    }
    let existing = channel::Entity::all(connection, team).await?;
    for (index, text) in draft.channel_ids.iter().enumerate().take(silence::MAX_CHANNELS) {
        let at = format!("channel_ids[{index}]");
        match existing.iter().find(|row| row.channel_id().to_string() == *text) {
            None if text.parse::<ChannelId>().is_err() => {}
            None => violations.add(at, reason::UNKNOWN_VALUE, "is not a channel of this team"),
            Some(row) if row.kind()? == ChannelKind::InApp => {
                violations.add(
                    at,
                    reason::NOT_ALLOWED,
                    "is the in-app inbox, which interrupts nobody",
                );
            }
            Some(_) => {}
        }
    }
    Ok(violations)
}
