//! Members as they are now, whatever their tokens say: a token lives on when its member is removed or gets another role.
//! So it lets in only whom Config knows as a member of the team, and with the lesser of the token's role and Config's.
//! `MANAGE_INTEGRATIONS` is given by the role, by a grant in Watchbell, or by the token's own claim; the claim of a token
//! whose role is no longer the member's counts for nothing.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use watchbell_contracts::api::TeamApi;
use watchbell_contracts::config::v1::{GetMemberRequest, Member, Permission as WirePermission};
use watchbell_model::clock::SharedClock;
use watchbell_model::convert::FromWire;
use watchbell_model::ids::{MemberId, TeamId};
use watchbell_model::vocabulary::{Permission, Role};

use super::{Grant, MemberVerifier, Principal, internal_request};
use crate::config_feed::ConfigFeed;
use crate::problem::{Problem, reason};
use crate::stale_cache::{Answer, StaleCache};

/// How long an answer is used without another question. With a question that is answered in time, what is taken back is
/// gone within 30 seconds even where the change feed is not heard.
pub(super) const FRESH: Duration = Duration::from_secs(20);
/// How long an answer is good while Config cannot be asked.
const AWAY: Duration = Duration::from_secs(60 * 60);
/// How many members are remembered, of some 300 bytes each.
const CAPACITY: u64 = 100_000;

/// A [`MemberVerifier`] that holds tokens against what Config says of their members.
pub struct CurrentMembers {
    tokens: Arc<dyn MemberVerifier>,
    config: Arc<dyn TeamApi>,
    /// `None`: no member of the team.
    answers: StaleCache<(TeamId, MemberId), Option<Standing>, String>,
}

/// What a member is in Config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    role: Role,
    manages_integrations: bool,
}

// === impl CurrentMembers ===

impl CurrentMembers {
    /// Members by their tokens and by this Config, whose answers are remembered until `feed` tells of a change.
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

    async fn ask(&self, team: TeamId, member: MemberId) -> Result<Answer<Option<Standing>>, String> {
        let request = internal_request(GetMemberRequest {
            team_id: team.to_string(),
            member_id: member.to_string(),
        });
        let standing = match self.config.get_member(request).await {
            Ok(answer) => Some(Standing::of(&answer.into_inner().member.unwrap_or_default())),
            Err(status) if status.code() == tonic::Code::NotFound => None,
            Err(status) => return Err(status.to_string()),
        };
        Ok(Answer {
            value: standing,
            of: Some(team),
            fresh: FRESH,
            stale: AWAY,
        })
    }
}

#[async_trait]
impl MemberVerifier for CurrentMembers {
    async fn verify(&self, token: &str) -> Result<Grant, Problem> {
        let mut grant = self.tokens.verify(token).await?;
        let Principal::Member {
            member_id,
            team_id,
            role,
            manages_integrations,
            ..
        } = &mut grant.principal
        else {
            return Ok(grant);
        };
        let (team, member) = (*team_id, *member_id);
        let asked = self.answers.get((team, member), || self.ask(team, member)).await;
        let standing = asked.map_err(|error| {
            tracing::warn!(%error, "a member cannot be looked up");
            Problem::unavailable("the team's members cannot be looked up at the moment")
        })?;
        let standing = standing.ok_or(Problem::Denied {
            reason: reason::NOT_A_MEMBER,
            message:
                "the token's member is not, or no longer, a member of the team: an Owner, an Admin or the \
                      platform adds members"
                    .to_owned(),
        })?;
        (*role, *manages_integrations) = standing.limit(*role, *manages_integrations);
        Ok(grant)
    }
}

// === impl Standing ===

impl Standing {
    fn of(member: &Member) -> Self {
        Self {
            // What Config did not say is the least.
            role: Role::from_wire(member.role)
                .ok()
                .flatten()
                .unwrap_or(Role::Member),
            manages_integrations: member
                .permissions()
                .any(|permission| permission == WirePermission::ManageIntegrations),
        }
    }

    /// The role, and whether integrations may be managed, of a token that claims these.
    fn limit(self, claimed: Role, claims_to_manage: bool) -> (Role, bool) {
        let demoted = rank(self.role) < rank(claimed);
        let role = if demoted { self.role } else { claimed };
        let by_role = role.permissions().contains(&Permission::ManageIntegrations);
        let by_claim = claims_to_manage && !demoted;
        (role, by_role || by_claim || self.manages_integrations)
    }
}

const fn rank(role: Role) -> u8 {
    match role {
        Role::Member => 0,
        Role::Admin => 1,
        Role::Owner => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(role: Role, manages_integrations: bool) -> Standing {
        Standing {
            role,
            manages_integrations,
        }
    }

    #[test]
    fn a_token_gives_no_more_than_its_member_has_now() {
        use Role::{Admin, Member, Owner};
        for (is, granted, claimed, claims, expected) in [
            (Owner, false, Owner, true, (Owner, true)),
            (Member, false, Owner, true, (Member, false)),
            (Admin, false, Owner, true, (Admin, true)),
            (Member, true, Admin, true, (Member, true)),
            // A token that was made before a promotion.
            (Owner, false, Member, false, (Member, false)),
            (Member, false, Member, true, (Member, true)),
            (Member, true, Member, false, (Member, true)),
        ] {
            let limited = standing(is, granted).limit(claimed, claims);
            assert_eq!(limited, expected, "{is} with a token of {claimed}");
        }
    }
}
