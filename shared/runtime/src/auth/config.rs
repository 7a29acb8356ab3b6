//! API keys, and sessions that they made, from Config.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use watchbell_contracts::api::SnapshotApi;
use watchbell_contracts::config::v1::{
    ApiKey, AuthenticateRequest, Permission as WirePermission, PortalSession as WireSession,
    Scope as WireScope,
};
use watchbell_model::convert::FromWire as _;
use watchbell_model::vocabulary::{Permission, Role};

use super::{Authenticator, Grant, KeyHash, PortalSession, Principal, Scope, internal_request};
use crate::problem::{Problem, from_status, reason};

/// Looks up each key in Config; put a [`super::CachedKeys`] before it.
pub struct ConfigKeys(Arc<dyn SnapshotApi>);

// === impl ConfigKeys ===

impl ConfigKeys {
    /// Uses this Config, local or remote.
    pub fn new(config: Arc<dyn SnapshotApi>) -> Self {
        Self(config)
    }
}

#[async_trait]
impl Authenticator for ConfigKeys {
    async fn authenticate(&self, key: KeyHash) -> Result<Grant, Problem> {
        let request = internal_request(AuthenticateRequest {
            key_sha256: key.to_vec().into(),
        });
        match self.0.authenticate(request).await {
            Ok(response) => {
                let response = response.into_inner();
                let granted = match response.session {
                    Some(session) => session_grant(&session),
                    None => response.key.and_then(|key| grant(&key)),
                };
                granted.ok_or_else(|| Problem::internal("config answered a key that cannot be read"))
            }
            Err(status) if from_status(&status).reason.as_deref() == Some(reason::UNKNOWN_KEY) => {
                Err(Problem::Unauthenticated {
                    reason: reason::UNKNOWN_KEY,
                })
            }
            // Any other refusal concerns this process's own credential, and says nothing about the key.
            Err(status) => Err(Problem::from_upstream("config", status)),
        }
    }
}

/// The grant of a key's record, if it is valid. Scopes that this version does not know grant nothing.
fn grant(key: &ApiKey) -> Option<Grant> {
    let team_id = match key.team_id.as_str() {
        "" => None,
        team => Some(team.parse().ok()?),
    };
    let expires_at = match key.expire_time {
        None => None,
        Some(time) => Some(DateTime::<Utc>::from_timestamp(
            time.seconds,
            u32::try_from(time.nanos).ok()?,
        )?),
    };
    Some(Grant {
        principal: Principal::ApiKey {
            key_id: key.id.parse().ok()?,
            team_id,
            scopes: key.scopes().filter_map(scope).collect(),
        },
        expires_at,
    })
}

/// The grant of a session, which has an end and a member, if it is valid.
fn session_grant(session: &WireSession) -> Option<Grant> {
    let member = session.member.as_ref()?;
    let end = session.expire_time?;
    let expires_at = DateTime::<Utc>::from_timestamp(end.seconds, u32::try_from(end.nanos).ok()?)?;
    let role = Role::from_wire(member.role).ok().flatten()?;
    let granted = member
        .permissions()
        .any(|permission| permission == WirePermission::ManageIntegrations);
    Some(Grant {
        principal: Principal::Member {
            member_id: member.id.parse().ok()?,
            team_id: member.team_id.parse().ok()?,
            role,
            manages_integrations: granted || role.permissions().contains(&Permission::ManageIntegrations),
            session: Some(PortalSession {
                scopes: session.scopes().filter_map(scope).collect(),
                read_only: session.read_only,
                key_id: session.key_id.parse().ok(),
                expires_at,
            }),
        },
        expires_at: Some(expires_at),
    })
}

const fn scope(wire: WireScope) -> Option<Scope> {
    match wire {
        WireScope::Unspecified => None,
        WireScope::Emit => Some(Scope::Emit),
        WireScope::ConfigRead => Some(Scope::ConfigRead),
        WireScope::ConfigWrite => Some(Scope::ConfigWrite),
        WireScope::DeliveriesRead => Some(Scope::DeliveriesRead),
        WireScope::DeliveriesWrite => Some(Scope::DeliveriesWrite),
        WireScope::Inbox => Some(Scope::Inbox),
        WireScope::Platform => Some(Scope::Platform),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchbell_contracts::config::v1::{Member, Role as WireRole};
    use watchbell_model::ids::{KeyId, MemberId, TeamId};

    fn record() -> ApiKey {
        ApiKey {
            id: KeyId::generate(DateTime::UNIX_EPOCH).to_string(),
            team_id: TeamId::generate(DateTime::UNIX_EPOCH).to_string(),
            scopes: vec![WireScope::Emit.into(), WireScope::ConfigWrite.into(), 4711],
            ..ApiKey::default()
        }
    }

    #[test]
    fn a_record_becomes_a_principal_of_its_team() {
        let key = record();
        let grant = grant(&key).unwrap();
        assert_eq!(grant.principal.own_team().unwrap().to_string(), key.team_id);
        assert!(grant.principal.allows(Scope::Emit) && grant.principal.allows(Scope::ConfigRead));
        assert!(!grant.principal.allows(Scope::Inbox));
        assert_eq!(grant.expires_at, None);
    }

    #[test]
    fn a_session_is_its_members_and_has_an_end() {
        let session = WireSession {
            member: Some(Member {
                id: MemberId::generate(DateTime::UNIX_EPOCH).to_string(),
                team_id: TeamId::generate(DateTime::UNIX_EPOCH).to_string(),
                role: WireRole::Admin.into(),
                ..Member::default()
            }),
            scopes: vec![WireScope::ConfigWrite.into(), 4711],
            read_only: true,
            key_id: KeyId::generate(DateTime::UNIX_EPOCH).to_string(),
            expire_time: Some(prost_types::Timestamp {
                seconds: 60,
                nanos: 0,
            }),
        };
        let granted = session_grant(&session).unwrap();
        assert_eq!(granted.expires_at, DateTime::from_timestamp(60, 0));
        assert!(granted.principal.allows(Scope::ConfigRead) && !granted.principal.allows(Scope::ConfigWrite));
        let endless = WireSession {
            expire_time: None,
            ..session.clone()
        };
        assert_eq!(session_grant(&endless), None);
        let nobodys = WireSession {
            member: None,
            ..session
        };
        assert_eq!(session_grant(&nobodys), None);
    }

    #[test]
    fn a_key_without_a_team_is_the_platforms_and_a_garbled_team_is_no_platform_key() {
        let platform = ApiKey {
            team_id: String::new(),
            ..record()
        };
        assert_eq!(grant(&platform).unwrap().principal.own_team(), None);
        let garbled = ApiKey {
            team_id: "team_?".to_owned(),
            ..record()
        };
        assert_eq!(grant(&garbled), None);
    }
}
