//! Configuration for the other services of Watchbell. The auth layer lets nobody else here; since some of it is
//! secret, every handler asks once more.

use std::collections::HashMap;

use chrono::TimeDelta;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use watchbell_contracts::api::BoxStream;
use watchbell_contracts::config::v1::resolve_channel_request::Selector;
use watchbell_contracts::config::v1::{
    AuthenticateRequest, AuthenticateResponse, ChannelHealth, FollowChangesRequest, FollowChangesResponse,
    GetPastTeamSnapshotRequest, GetPastTeamSnapshotResponse, GetTeamSnapshotRequest, GetTeamSnapshotResponse,
    ListAllTeamsRequest, ListAllTeamsResponse, ListOptOutsRequest, ListOptOutsResponse, LocateTeamRequest,
    LocateTeamResponse, Mailbox, OptOut, PortalSession, ReportChannelHealthRequest,
    ReportChannelHealthResponse, ReportExpressionFailuresRequest, ReportExpressionFailuresResponse,
    ResolveChannelRequest, ResolveChannelResponse, ResolveDraftChannelRequest, ResolveDraftChannelResponse,
    WatchChangesRequest, WatchChangesResponse,
};
use watchbell_model::convert::{instant, required};
use watchbell_model::ids::{ChannelId, KeyId};
use watchbell_model::preference::Preference;
use watchbell_model::violation::{Violations, reason as field};
use watchbell_model::{ChannelKind, Plan, Role, Topic};
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::{Problem, reason};
use watchbell_store::paging::{FiltersHash, PageLimits, PageRequest};

use super::{id, internal};
use crate::author::Writer;
use crate::confirmations::{self, Trusted, Unconfirmed};
use crate::error::Result;
use crate::history::Past;
use crate::sealing::RowIdentity;
use crate::service::Service;
use crate::store::entities::{api_key, channel, member};
use crate::store::{
    Resource, api_keys, cells, channels, now, parse, portal_sessions, preferences, silences, teams,
};
use crate::{expressions, feed, secrets, snapshot};

const PAGE: PageLimits = PageLimits::new(100, 1000);
/// The longest word on a channel's health that is kept, in characters.
const MAX_MESSAGE: usize = 1_000;
/// The time for which a noted use of a key stands for all others.
const USE_NOTED: TimeDelta = TimeDelta::minutes(10);

pub(super) async fn get(
    service: &Service,
    caller: Principal,
    request: GetTeamSnapshotRequest,
) -> Result<GetTeamSnapshotResponse> {
    internal(&caller)?;
    let team = caller.team(&request.team_id)?;
    let snapshot = snapshot::read(service.store(), team, service.now()).await?;
    Ok(GetTeamSnapshotResponse {
        snapshot: Some(snapshot),
    })
}

pub(super) async fn locate(
    service: &Service,
    caller: Principal,
    request: LocateTeamRequest,
) -> Result<LocateTeamResponse> {
    internal(&caller)?;
    let team = caller.team(&request.team_id)?;
    let reader = service.store().reader();
    let row = teams::get(reader, team).await?;
    Ok(LocateTeamResponse {
        cell: cells::of_team(reader, &row).await?.as_ref().map(Into::into),
    })
}

pub(super) async fn get_past(
    service: &Service,
    caller: Principal,
    request: GetPastTeamSnapshotRequest,
) -> Result<GetPastTeamSnapshotResponse> {
    internal(&caller)?;
    let team = caller.team(&request.team_id)?;
    let mut violations = Violations::new();
    let time = instant(request.as_of_time.as_ref(), "as_of_time", &mut violations);
    if time.is_none() && violations.is_empty() {
        violations.required("as_of_time");
    }
    let Some(time) = time.filter(|_| violations.is_empty()) else {
        return Err(violations.into());
    };
    let transaction = service.store().begin_reading().await?;
    let past = Past::at_time(&transaction, team, time, service.now()).await?;
    transaction.rollback().await?;
    Ok(GetPastTeamSnapshotResponse {
        snapshot: Some(past.snapshot(team, time)?),
    })
}

pub(super) async fn watch(
    service: &Service,
    caller: Principal,
    request: WatchChangesRequest,
) -> Result<BoxStream<WatchChangesResponse>> {
    internal(&caller)?;
    feed::watch(service, request.after_cursor).await
}

pub(super) async fn follow(
    service: &Service,
    caller: Principal,
    requests: BoxStream<FollowChangesRequest>,
) -> Result<BoxStream<FollowChangesResponse>> {
    internal(&caller)?;
    feed::follow(service, requests).await
}

pub(super) async fn resolve_channel(
    service: &Service,
    caller: Principal,
    request: ResolveChannelRequest,
) -> Result<ResolveChannelResponse> {
    internal(&caller)?;
    let team = caller.team(&request.team_id)?;
    let transaction = service.store().begin_reading().await?;
    let revision = teams::get(&transaction, team).await?.revision;
    let row = match request.selector {
        None => return Err(Problem::invalid("selector", field::REQUIRED, "must be given").into()),
        Some(Selector::ChannelId(text)) => {
            channel::Entity::get(&transaction, team, &id::<ChannelId>("channel_id", &text)?).await?
        }
        Some(Selector::DefaultOfKind(number)) => {
            let mut violations = Violations::new();
            let Some(kind) = required::<ChannelKind>(number, "default_of_kind", &mut violations) else {
                return Err(violations.into());
            };
            channels::default_of_kind(&transaction, team, kind)
                .await?
                .ok_or_else(|| Problem::not_found("default channel", kind))?
        }
    };
    let unconfirmed = Unconfirmed::read(&transaction, team).await?;
    let silences = silences::in_force_lately(&transaction, team, service.now()).await?;
    transaction.rollback().await?;
    let identity = RowIdentity::channel(team, row.channel_id());
    let secrets = secrets::open(service.keyring(), identity, &row.secrets)?;
    let now = service.now();
    let mut channel = row.to_message(now)?;
    unconfirmed.withhold(&mut channel);
    Ok(ResolveChannelResponse {
        channel: Some(channel),
        secrets: Some(secrets::live(secrets, now)),
        revision,
        silences,
    })
}

pub(super) async fn resolve_draft_channel(
    service: &Service,
    caller: Principal,
    request: ResolveDraftChannelRequest,
) -> Result<ResolveDraftChannelResponse> {
    internal(&caller)?;
    let team = caller.team(&request.team_id)?;
    let (row, taken) = super::channels::draft(service, team, request.channel).await?;
    let now = service.now();
    let mut channel = row.to_message(now)?;
    confirmations::withhold_of_draft(service, team, &mut channel).await?;
    Ok(ResolveDraftChannelResponse {
        channel: Some(channel),
        secrets: Some(secrets::live(taken.secrets, now)),
    })
}

pub(super) async fn authenticate(
    service: &Service,
    caller: Principal,
    request: AuthenticateRequest,
) -> Result<AuthenticateResponse> {
    internal(&caller)?;
    let row = api_keys::by_hash_all_teams(service.store().reader(), &request.key_sha256).await?;
    let live = row.filter(|row| {
        bool::from(row.key_sha256.ct_eq(&request.key_sha256))
            && row.expire_time.is_none_or(|end| now(service.clock()) < end)
    });
    if let Some(row) = live {
        note_use(service, &row).await;
        return Ok(AuthenticateResponse {
            key: Some(row.to_message()?),
            session: None,
        });
    }
    match live_session(service, &request.key_sha256).await? {
        Some(session) => Ok(AuthenticateResponse {
            key: None,
            session: Some(session),
        }),
        None => Err(Problem::Unauthenticated {
            reason: reason::UNKNOWN_KEY,
        }
        .into()),
    }
}

/// Notes that a key was used. The key works whether or not that is kept.
async fn note_use(service: &Service, row: &api_key::Model) {
    let (id, now) = (KeyId::from_uuid(row.id), service.now());
    let since = now - USE_NOTED;
    if row.last_use_time.is_some_and(|last| last >= since) {
        return;
    }
    let noted = api_keys::note_use_all_teams(service.store().writer(), id, since, now).await;
    if let Err(error) = noted {
        tracing::warn!(key = %id, %error, "the use of an API key was not noted");
    }
}

/// The session with this hash, unless it or its key has ended.
async fn live_session(service: &Service, hash: &[u8]) -> Result<Option<PortalSession>> {
    let found = portal_sessions::by_hash_all_teams(service.store().reader(), hash).await?;
    let Some((session, member, key)) = found else {
        return Ok(None);
    };
    let now = now(service.clock());
    let is_live = bool::from(session.token_sha256.ct_eq(hash))
        && now < session.expire_time
        && key.expire_time.is_none_or(|end| now < end);
    is_live.then(|| session.to_message(&member, &key)).transpose()
}

pub(super) async fn report_health(
    service: &Service,
    caller: Writer,
    request: ReportChannelHealthRequest,
) -> Result<ReportChannelHealthResponse> {
    internal(&caller)?;
    let team = caller.team(&request.team_id)?;
    let id: ChannelId = id("channel_id", &request.channel_id)?;
    let unhealthy = match request.health() {
        ChannelHealth::Healthy => false,
        ChannelHealth::Unhealthy => true,
        ChannelHealth::Unspecified => {
            return Err(Problem::invalid("health", field::REQUIRED, "must be given").into());
        }
    };
    let mut violations = Violations::new();
    let seen = instant(request.observe_time.as_ref(), "observe_time", &mut violations);
    violations.into_result(())?;

    let change = service.change(team, &caller).await?;
    let mut row = channel::Entity::get(change.connection(), team, &id).await?;
    let seen = seen.unwrap_or(change.now());
    let overtaken =
        request.health_epoch < row.health_epoch || row.health_time.is_some_and(|last| seen < last);
    let message: String = request.message.chars().take(MAX_MESSAGE).collect();
    let known = (row.unhealthy, &row.health_message) == (unhealthy, &message);
    if overtaken || known {
        return Ok(ReportChannelHealthResponse {});
    }
    row.unhealthy = unhealthy;
    row.health_message = message;
    row.health_time = Some(seen);
    channels::update_health(change.connection(), &row).await?;
    service.finish(change, false).await?;
    Ok(ReportChannelHealthResponse {})
}

pub(super) async fn report_expression_failures(
    service: &Service,
    caller: Principal,
    request: ReportExpressionFailuresRequest,
) -> Result<ReportExpressionFailuresResponse> {
    internal(&caller)?;
    let team = caller.team(&request.team_id)?;
    if request.failures.len() > expressions::MAX_REPORTED {
        let why = format!("must have at most {} entries", expressions::MAX_REPORTED);
        return Err(Problem::invalid("failures", field::TOO_LONG, why).into());
    }
    teams::get(service.store().reader(), team).await?;
    expressions::note(service, team, &request.failures).await?;
    Ok(ReportExpressionFailuresResponse {})
}

pub(super) async fn list_all_teams(
    service: &Service,
    caller: Principal,
    request: ListAllTeamsRequest,
) -> Result<ListAllTeamsResponse> {
    internal(&caller)?;
    let filters = FiltersHash::for_method("ListAllTeams");
    let page = PageRequest::<Uuid>::parse(request.page_size, &request.page_token, PAGE, filters)?;
    let page = teams::list_all_teams(service.store().reader(), &page).await?;
    let page = page.try_map(|row| row.to_message())?;
    Ok(ListAllTeamsResponse {
        teams: page.items,
        next_page_token: page.next_page_token,
    })
}

pub(super) async fn list_opt_outs(
    service: &Service,
    caller: Principal,
    request: ListOptOutsRequest,
) -> Result<ListOptOutsResponse> {
    internal(&caller)?;
    let team = caller.team(&request.team_id)?;
    let transaction = service.store().begin_reading().await?;
    let plan: Plan = parse("teams", &teams::get(&transaction, team).await?.plan)?;
    let people = member::Entity::all(&transaction, team).await?;
    let said = preferences::all(&transaction, team).await?;
    let settings = teams::settings(&transaction, team).await?;
    let unconfirmed = Unconfirmed::read(&transaction, team).await?;
    let mut trusted = Trusted::default();
    if service.confirms_recipients() {
        trusted = Trusted::read(&transaction, team).await?;
    }
    let silences = silences::in_force_lately(&transaction, team, service.now()).await?;
    transaction.rollback().await?;
    let mut compliance_recipients = settings.recipients();
    let mut digest_recipients = settings.digest()?.recipients;
    unconfirmed.take_from(&mut compliance_recipients);
    unconfirmed.take_from(&mut digest_recipients);
    let said: HashMap<_, _> = said
        .iter()
        .map(|row| ((row.member_id, row.topic.as_str()), row.is_off()))
        .collect();
    let mut mailboxes = Vec::new();
    let mut opt_outs = Vec::new();
    for member in people {
        let role = member.role()?;
        mailboxes.push(Mailbox {
            member_id: member.member_id().to_string(),
            email: member.email.clone(),
            is_owner: role == Role::Owner,
        });
        let off = |topic: Topic| match said.get(&(member.id, topic.as_str())) {
            Some(off) => *off,
            // A team may name as a recipient a member who never asked for the digest.
            None => topic != Topic::WeeklyDigest && Preference::default_for(role, plan, topic).is_off(),
        };
        let topics = Topic::ALL.iter().filter(|topic| off(**topic));
        let topics: Vec<_> = topics.map(ToString::to_string).collect();
        if !topics.is_empty() {
            opt_outs.push(OptOut {
                member_id: member.member_id().to_string(),
                topics,
            });
        }
    }
    Ok(ListOptOutsResponse {
        opt_outs,
        members: mailboxes,
        compliance_recipients,
        digest_recipients,
        unconfirmed_recipients: unconfirmed.addresses(),
        confirms_recipients: service.confirms_recipients(),
        member_domains: trusted.domains,
        confirmed_recipients: trusted.confirmed,
        silences,
    })
}
