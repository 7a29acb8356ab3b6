//! The in-app inbox of a member.

use tonic::Request;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::ids::{MemberId, NotificationId, TeamId};
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::{FiltersHash, PageLimits, PageRequest};

use super::deliveries::begin;
use super::id;
use crate::channel::cache::Lookup;
use crate::encode;
use crate::error::Error;
use crate::state::Core;
use crate::store::InboxFilter;

/// The most ids of one request.
const MAX_IDS: usize = 1000;

/// A request about one member's inbox.
pub(super) trait OfMember {
    /// `team_…`
    fn team_id(&self) -> &str;
    /// `mbr_…`
    fn member_id(&self) -> &str;
}

macro_rules! of_member {
    ($($request:ty),+ $(,)?) => {$(
        impl OfMember for $request {
            fn team_id(&self) -> &str {
                &self.team_id
            }

            fn member_id(&self) -> &str {
                &self.member_id
            }
        }
    )+};
}

of_member!(
    wire::ListNotificationsRequest,
    wire::GetUnreadCountRequest,
    wire::MarkReadRequest,
    wire::MarkUnreadRequest,
    wire::MarkAllReadRequest,
    wire::ArchiveRequest,
    wire::UnarchiveRequest,
    wire::WatchRequest,
);

/// The member whose inbox is read, checked against the caller. Config must know the member: a removed one reads nothing.
pub(super) async fn member<T: OfMember>(
    core: &Core,
    request: &Request<T>,
) -> Result<(TeamId, MemberId), Error> {
    let principal = Principal::from_request(request)?;
    let team = principal.team(request.get_ref().team_id())?;
    let member = id("member_id", request.get_ref().member_id())?;
    principal.acts_for(member)?;
    is_member(core, team, member).await?;
    Ok((team, member))
}

/// Whether the member is in the team now, or was when Config last answered.
pub(super) async fn is_member(core: &Core, team: TeamId, member: MemberId) -> Result<(), Error> {
    match core.channels.people(team).await {
        Ok(Lookup::Found(policy)) if policy.people.has(member) => Ok(()),
        Ok(_) => Err(Problem::not_found("member", member).into()),
        Err(_) => Err(Problem::unavailable("the team's members are unavailable at the moment").into()),
    }
}

pub(super) async fn list(
    core: &Core,
    request: Request<wire::ListNotificationsRequest>,
) -> Result<wire::ListNotificationsResponse, Error> {
    let (team, member) = member(core, &request).await?;
    let request = request.into_inner();
    let hash = FiltersHash::for_method("ListNotifications")
        .with(team)
        .with(member)
        .with(request.unread_only)
        .with(request.include_archived);
    let page = PageRequest::<i64>::parse(
        request.page_size,
        &request.page_token,
        PageLimits::default(),
        hash,
    )?;
    let filter = InboxFilter {
        before: page.after,
        unread_only: request.unread_only,
        include_archived: request.include_archived,
        limit: page.limit(),
    };
    let rows = core.db.notifications(team, member, filter).await?;
    let page = page
        .within(
            rows.iter()
                .map(|row| row.title.len() + row.url.len() + row.source.len()),
        )
        .page(rows, |row| row.cursor)
        .map_err(Problem::internal)?
        .map(encode::notification);
    Ok(wire::ListNotificationsResponse {
        notifications: page.items,
        next_page_token: page.next_page_token,
    })
}

pub(super) async fn unread(
    core: &Core,
    request: Request<wire::GetUnreadCountRequest>,
) -> Result<wire::GetUnreadCountResponse, Error> {
    let (team, member) = member(core, &request).await?;
    Ok(wire::GetUnreadCountResponse {
        unread_count: core.db.unread_count(team, member).await?,
    })
}

pub(super) async fn mark_read(
    core: &Core,
    request: Request<wire::MarkReadRequest>,
) -> Result<wire::MarkReadResponse, Error> {
    let (team, member) = member(core, &request).await?;
    let ids = ids(&request.into_inner().notification_ids)?;
    let transaction = begin(core, team).await?;
    core.db
        .mark_read(&transaction, team, member, &ids, core.clock.now())
        .await?;
    core.db.commit(transaction).await?;
    Ok(wire::MarkReadResponse {
        unread_count: core.db.unread_count(team, member).await?,
    })
}

pub(super) async fn mark_unread(
    core: &Core,
    request: Request<wire::MarkUnreadRequest>,
) -> Result<wire::MarkUnreadResponse, Error> {
    let (team, member) = member(core, &request).await?;
    let ids = ids(&request.into_inner().notification_ids)?;
    let transaction = begin(core, team).await?;
    core.db
        .mark_unread(&transaction, team, member, &ids, core.clock.now())
        .await?;
    core.db.commit(transaction).await?;
    Ok(wire::MarkUnreadResponse {
        unread_count: core.db.unread_count(team, member).await?,
    })
}

pub(super) async fn mark_all_read(
    core: &Core,
    request: Request<wire::MarkAllReadRequest>,
) -> Result<wire::MarkAllReadResponse, Error> {
    let (team, member) = member(core, &request).await?;
    let transaction = begin(core, team).await?;
    core.db.mark_all_read(&transaction, team, member).await?;
    core.db.commit(transaction).await?;
    Ok(wire::MarkAllReadResponse {})
}

pub(super) async fn archive(
    core: &Core,
    request: Request<wire::ArchiveRequest>,
) -> Result<wire::ArchiveResponse, Error> {
    let (team, member) = member(core, &request).await?;
    let ids = ids(&request.into_inner().notification_ids)?;
    let transaction = begin(core, team).await?;
    core.db
        .archive(&transaction, team, member, &ids, core.clock.now())
        .await?;
    core.db.commit(transaction).await?;
    Ok(wire::ArchiveResponse {})
}

pub(super) async fn unarchive(
    core: &Core,
    request: Request<wire::UnarchiveRequest>,
) -> Result<wire::UnarchiveResponse, Error> {
    let (team, member) = member(core, &request).await?;
    let ids = ids(&request.into_inner().notification_ids)?;
    let transaction = begin(core, team).await?;
    core.db.unarchive(&transaction, team, member, &ids).await?;
    core.db.commit(transaction).await?;
    Ok(wire::UnarchiveResponse {})
}

fn ids(texts: &[String]) -> Result<Vec<NotificationId>, Violations> {
    let mut violations = Violations::new();
    if texts.len() > MAX_IDS {
        violations.add(
            "notification_ids",
            reason::TOO_LONG,
            format!("must have at most {MAX_IDS} entries"),
        );
        return Err(violations);
    }
    let ids = texts
        .iter()
        .enumerate()
        .filter_map(|(index, text)| {
            violations.parse(&format!("notification_ids[{index}]"), reason::MALFORMED, text)
        })
        .collect();
    violations.into_result(ids)
}
