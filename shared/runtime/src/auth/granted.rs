//! `MANAGE_INTEGRATIONS` that a team has granted a member in Watchbell. A token need not repeat it: the token's claim, the
//! member's role and the grant each give the permission by themselves.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use watchbell_contracts::api::TeamApi;
use watchbell_contracts::config::v1::{GetMemberRequest, Permission};
use watchbell_model::clock::SharedClock;
use watchbell_model::ids::{MemberId, TeamId};

use super::{Grant, MemberVerifier, Principal, internal_request};
use crate::config_feed::ConfigFeed;
use crate::problem::Problem;
use crate::stale_cache::{Answer, StaleCache};

/// How long an answer is used without another lookup. A withdrawn permission ends within 30 seconds even where the
/// change feed is not open.
const FRESH: Duration = Duration::from_secs(25);
/// How long an answer stays valid while Config is unavailable.
const AWAY: Duration = Duration::from_secs(60 * 60);
/// How many members are remembered, of some 300 bytes each.
const CAPACITY: u64 = 100_000;

/// A [`MemberVerifier`] that adds permissions granted in Config to those of the token.
pub struct GrantedMembers {
    tokens: Arc<dyn MemberVerifier>,
    config: Arc<dyn TeamApi>,
    answers: StaleCache<MemberId, bool, String>,
}

// === impl GrantedMembers ===

impl GrantedMembers {
    /// Verifies tokens by `members`, and adds the permissions of Config, which are cached until `feed` reports a
    /// change.
    pub fn new(
        tokens: Arc<dyn MemberVerifier>,
        config: Arc<dyn TeamApi>,
        feed: ConfigFeed,
        clock: SharedClock,
    ) -> Self {
        Self {
            tokens,
            config,
            answers: StaleCache::new(feed, clock, CAPACITY),
        }
    }

    async fn ask(&self, team: TeamId, member: MemberId) -> Result<Answer<bool>, String> {
        let request = internal_request(GetMemberRequest {
            team_id: team.to_string(),
            member_id: member.to_string(),
        });
        let granted = match self.config.get_member(request).await {
            Ok(answer) => {
                let member = answer.into_inner().member.unwrap_or_default();
                member
                    .permissions()
                    .any(|permission| permission == Permission::ManageIntegrations)
            }
            Err(status) if status.code() == tonic::Code::NotFound => false,
            Err(status) => return Err(status.to_string()),
        };
        Ok(Answer {
            value: granted,
            of: Some(team),
            fresh: FRESH,
            stale: AWAY,
        })
    }
}

#[async_trait]
impl MemberVerifier for GrantedMembers {
    async fn verify(&self, token: &str) -> Result<Grant, Problem> {
        let mut grant = self.tokens.verify(token).await?;
        if let Principal::Member {
            member_id,
            team_id,
            manages_integrations: manages @ false,
            ..
        } = &mut grant.principal
        {
            let (team, member) = (*team_id, *member_id);
            let granted = self.answers.get(member, || self.ask(team, member)).await;
            *manages = granted.unwrap_or_else(|error| {
                tracing::debug!(%error, "a member's permissions cannot be asked for");
                false
            });
        }
        Ok(grant)
    }
}
