//! API keys from Config.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use watchbell_contracts::api::SnapshotApi;
use watchbell_contracts::config::v1::{ApiKey, AuthenticateRequest, Scope as WireScope};

use super::{Authenticator, Grant, KeyHash, Principal, Scope, internal_request};
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
            Ok(response) => response
                .into_inner()
                .key
                .and_then(|key| grant(&key))
                .ok_or_else(|| Problem::internal("config answered a key that cannot be read")),
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
    use watchbell_model::ids::{KeyId, TeamId};

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
