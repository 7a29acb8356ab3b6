//! The standard methods of resources (AIP-131 to 135), as far as they are the same for all of them.

use prost_types::FieldMask;
use sea_orm::ConnectionTrait;
use watchbell_model::ids::TeamId;
use watchbell_runtime::auth::Principal;
use watchbell_store::paging::{FiltersHash, Page, PageRequest};

use super::{PAGE, ensure_capacity, existing, id};
use crate::error::Result;
use crate::service::Service;
use crate::store::Resource;
use crate::store::changes::Change;
use crate::{etag, mask};

/// An update of a resource as the caller sent it.
pub(super) struct Update<'r, M> {
    pub(super) message: &'r M,
    /// The version that the caller has read; empty for whichever it is.
    pub(super) etag: &'r str,
    pub(super) mask: Option<&'r FieldMask>,
}

/// The row that an update is about.
pub(super) struct Found<R: Resource> {
    pub(super) row: R::Model,
    pub(super) current: R::Message,
    /// The message that the update makes of it.
    pub(super) merged: R::Message,
}

/// A page of a team's resources.
pub(super) async fn list<R: Resource>(
    service: &Service,
    caller: &Principal,
    team_id: &str,
    page_size: i32,
    page_token: &str,
) -> Result<Page<R::Message>> {
    let team = existing(service, caller, team_id).await?;
    let filters = FiltersHash::for_method(R::TABLE).with(team);
    let page = PageRequest::parse(page_size, page_token, PAGE, filters)?;
    let page = R::page(service.store().reader(), R::of_team(team), &page).await?;
    page.try_map(|row| R::message(&row, service.now()))
}

/// One of a team's resources, by the id that the request's `field` holds.
pub(super) async fn get<R: Resource>(
    service: &Service,
    caller: &Principal,
    team_id: &str,
    field: &str,
    text: &str,
) -> Result<R::Message> {
    let team = caller.team(team_id)?;
    let id: R::Id = id(field, text)?;
    let row = R::get(service.store().reader(), team, &id).await?;
    R::message(&row, service.now())
}

/// Inserts a new row, if the team may have one more.
pub(super) async fn add<R: Resource>(change: &Change, row: &R::Model) -> Result<()> {
    room_for_one::<R>(change).await?;
    R::add(change.connection(), row).await
}

/// That a team may have one more of a resource.
pub(super) async fn room_for_one<R: Resource>(change: &Change) -> Result<()> {
    let count = R::count(change.connection(), change.team()).await?;
    ensure_capacity(count, R::LIMIT, R::NAME)
}

/// The row that a call is about, in the version that the caller has read.
pub(super) async fn read<R: Resource>(
    connection: &impl ConnectionTrait,
    team: TeamId,
    id: &R::Id,
    etag: &str,
) -> Result<R::Model> {
    let row = R::get(connection, team, id).await?;
    etag::check(etag, R::version(&row), R::NAME, id)?;
    Ok(row)
}

/// The row that an update is about, and what the update makes of it.
pub(super) async fn merged<R: Resource>(
    service: &Service,
    connection: &impl ConnectionTrait,
    team: TeamId,
    id: &R::Id,
    update: Update<'_, R::Message>,
) -> Result<Found<R>> {
    let row = read::<R>(connection, team, id, update.etag).await?;
    let current = R::message(&row, service.now())?;
    let merged = mask::merge(R::MESSAGE, &current, update.message, update.mask)?;
    Ok(Found { row, current, merged })
}
