//! `MANAGE_INTEGRATIONS` that a team has granted a member in Watchbell. A token need not repeat it: the token's claim, the
//! member's role and the grant each give the permission by themselves.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use moka::future::Cache;
use watchbell_contracts::api::TeamApi;
use watchbell_contracts::config::v1::{GetMemberRequest, Permission};
use watchbell_domain::clock::SharedClock;
use watchbell_domain::ids::{MemberId, TeamId};

use super::{Grant, MemberVerifier, Principal, internal_request};
use crate::problem::Problem;

/// With a question that is answered in time, a permission that is taken back is gone within 30 seconds.
const FRESH: Duration = Duration::from_secs(25);
/// How long a grant is good for while Config cannot be asked.
const STALE: Duration = Duration::from_secs(60 * 60);
/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Members that are remembered, of some 50 bytes each.
const CAPACITY: u64 = 100_000;

/// A [`MemberVerifier`] that adds what Config has granted to what the token says.
pub struct GrantedMembers {
    tokens: Arc<dyn MemberVerifier>,
    config: Arc<dyn TeamApi>,
    clock: SharedClock,
    answers: Cache<MemberId, Answer>,
}

#[derive(Debug, Clone, Copy)]
struct Answer {
    granted: bool,
    /// By the monotonic clock.
    answered_at: Duration,
}

// === impl GrantedMembers ===

impl GrantedMembers {
    /// Members by their tokens, and by this Config.
    pub fn new(tokens: Arc<dyn MemberVerifier>, config: Arc<dyn TeamApi>, clock: SharedClock) -> Self {
        Self {
            tokens,
            config,
            clock,
            answers: Cache::new(CAPACITY),
        }
    }

    /// Whether Config has granted the permission; while Config is away, whether it had within the last hour.
    async fn is_granted(&self, team: TeamId, member: MemberId) -> bool {
        let now = self.clock.monotonic();
        let last = self.answers.get(&member).await;
        let is_younger = |than: Duration| move |last: &Answer| now.saturating_sub(last.answered_at) < than;
        if let Some(last) = last.filter(is_younger(FRESH)) {
            return last.granted;
        }
        let request = internal_request(GetMemberRequest {
            team_id: team.to_string(),
            member_id: member.to_string(),
        });
        let granted = match tokio::time::timeout(PATIENCE, self.config.get_member(request)).await {
            Ok(Ok(answer)) => {
                let member = answer.into_inner().member.unwrap_or_default();
                member
                    .permissions()
                    .any(|permission| permission == Permission::ManageIntegrations)
            }
            Ok(Err(status)) if status.code() == tonic::Code::NotFound => false,
            Ok(Err(_)) | Err(_) => {
                tracing::debug!("members' permissions cannot be asked for; going on with the last answer");
                return last.filter(is_younger(STALE)).is_some_and(|last| last.granted);
            }
        };
        let answer = Answer {
            granted,
            answered_at: now,
        };
        self.answers.insert(member, answer).await;
        granted
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
            *manages = self.is_granted(*team_id, *member_id).await;
        }
        Ok(grant)
    }
}
