//! Sessions of members for the console. A session may do what both its member and the key that made it may, at most for
//! an hour, and never longer than the key.

use std::time::Duration;

use chrono::TimeDelta;
use watchbell_contracts::config::v1::{CreatePortalSessionRequest, CreatePortalSessionResponse};
use watchbell_model::convert::timestamp;
use watchbell_model::ids::MemberId;
use watchbell_model::violation::{Violations, reason as field};
use watchbell_runtime::auth::{Principal, hash_key};
use watchbell_runtime::problem::{Problem, reason};

use super::{api_keys, ensure_capacity};
use crate::error::Result;
use crate::keys;
use crate::service::Service;
use crate::store::entities::{member, portal_session};
use crate::store::{Resource, portal_sessions};

/// The longest session.
const MAX_TTL: Duration = Duration::from_secs(60 * 60);
/// How many sessions of one team there may be at a time.
const MAX_SESSIONS: u64 = 10_000;

pub(super) async fn create(
    service: &Service,
    caller: Principal,
    request: CreatePortalSessionRequest,
) -> Result<CreatePortalSessionResponse> {
    let team = caller.team(&request.team_id)?;
    let (member_id, ttl) = checked(&request)?;
    // What has just been made or removed counts.
    let connection = service.store().writer();
    let now = service.now();
    let member = member::Entity::get(connection, team, &member_id).await?;
    let Some(key) = api_keys::live(connection, now, &caller).await? else {
        // The table lets other services here, which have no key.
        return Err(Problem::Denied {
            reason: reason::MISSING_SCOPE,
            message: "only an API key makes sessions".to_owned(),
        }
        .into());
    };
    let sessions = portal_sessions::count(connection, team, now).await?;
    ensure_capacity(sessions, MAX_SESSIONS, "session")?;
    let wanted = now + ttl;
    let expire_time = key.expire_time.map_or(wanted, |end| wanted.min(end));
    let token = keys::generate_session();
    let row = portal_session::Model {
        token_sha256: hash_key(token.expose()).to_vec(),
        team_id: team.as_uuid(),
        member_id: member.id,
        key_id: key.id,
        read_only: request.read_only,
        expire_time,
        create_time: now,
    };
    portal_sessions::insert(connection, row).await?;
    let base = service.brand().public_url.as_str().trim_end_matches('/');
    Ok(CreatePortalSessionResponse {
        url: format!("{base}/console/t/{team}/overview#session={}", token.expose()),
        token: token.expose().to_owned(),
        expire_time: Some(timestamp(expire_time)),
    })
}

fn checked(request: &CreatePortalSessionRequest) -> Result<(MemberId, TimeDelta)> {
    let mut violations = Violations::new();
    if request.member_id.is_empty() {
        violations.required("member_id");
    }
    let member = (!request.member_id.is_empty())
        .then(|| violations.parse("member_id", field::MALFORMED, &request.member_id))
        .flatten();
    let ttl = request
        .ttl
        .map_or(Some(MAX_TTL), |ttl| Duration::try_from(ttl).ok());
    let ttl = ttl.filter(|ttl| (Duration::from_secs(1)..=MAX_TTL).contains(ttl));
    if ttl.is_none() {
        violations.add("ttl", field::OUT_OF_RANGE, "must be between a second and an hour");
    }
    let ttl = ttl.and_then(|ttl| TimeDelta::from_std(ttl).ok());
    match (member, ttl) {
        (Some(member), Some(ttl)) => Ok((member, ttl)),
        _ => Err(violations.into()),
    }
}
