//! `GetSelf`: who the caller is, and what it may do.

use watchbell_contracts::config::v1::get_self_response::Principal as WirePrincipal;
use watchbell_contracts::config::v1::{GetSelfRequest, GetSelfResponse};
use watchbell_model::convert::timestamp;
use watchbell_runtime::auth::table::Access;
use watchbell_runtime::auth::{Principal, Scope};
use watchbell_runtime::problem::{Problem, reason};

use crate::error::Result;
use crate::service::Service;
use crate::store::entities::{api_key, member};
use crate::store::{Resource, api_keys};

pub(super) async fn get(
    service: &Service,
    caller: Principal,
    _request: GetSelfRequest,
) -> Result<GetSelfResponse> {
    let reader = service.store().reader();
    // The caller may be gone since the auth layer let it in.
    let gone = Problem::Unauthenticated {
        reason: reason::INVALID_CREDENTIAL,
    };
    let principal = match caller {
        Principal::ApiKey { key_id, team_id, .. } => {
            let key = api_key::Entity::seek(reader, team_id, &key_id).await?;
            let key = key.ok_or(gone)?;
            Some(WirePrincipal::ApiKey(key.to_message()?))
        }
        Principal::Member {
            member_id, team_id, ..
        } => {
            let member = member::Entity::seek(reader, team_id, &member_id).await?;
            let member = member.ok_or(gone)?;
            Some(WirePrincipal::Member(member.to_message()?))
        }
        Principal::Service => None,
    };
    let session = caller.session();
    let expire_time = match &principal {
        Some(WirePrincipal::ApiKey(key)) => key.expire_time,
        _ => session.map(|session| timestamp(session.expires_at)),
    };
    let scopes = Scope::ALL.into_iter().filter(|scope| caller.allows(*scope));
    Ok(GetSelfResponse {
        principal,
        team_id: caller.own_team().map(|team| team.to_string()).unwrap_or_default(),
        scopes: scopes.map(api_keys::to_wire).collect(),
        administers: Access::Administer.check(&caller).is_ok(),
        expire_time,
        read_only: session.is_some_and(|session| session.read_only),
    })
}
