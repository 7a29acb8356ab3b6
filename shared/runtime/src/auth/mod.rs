//! Who calls, and what they may do. The gRPC layer ([`AuthLayer`]) turns a credential into a [`Principal`] before any
//! handler runs and asks the one [`table`] whether this RPC is for it; handlers then settle which team is meant.
//! Everything is denied unless a row of the table says otherwise.

mod cache;
mod config;
mod current;
pub mod jwt;
mod layer;
mod rate;
mod rooms;
mod session;
pub mod table;

use std::fmt;

use tonic::Request;
use watchbell_model::ids::{KeyId, MemberId, TeamId};
use watchbell_model::violation::reason as field;
use watchbell_model::vocabulary::Role;

pub use cache::{Authenticator, CachedKeys, Grant, KeyHash, hash_key};
pub use config::ConfigKeys;
pub use current::CurrentMembers;
pub use layer::{Admission, AuthLayer, AuthService, MemberVerifier};
pub use rate::Budget;
pub(crate) use rooms::network;
pub use session::Session;

use crate::problem::{Problem, reason};

/// What a key may do. A team's key has it in its team, a platform key in every team.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Scope {
    /// Emit events.
    Emit = 0,
    /// Read a team's configuration.
    ConfigRead = 1,
    /// Change a team's configuration. Implies reading it.
    ConfigWrite = 2,
    /// Read events, deliveries and attempts.
    DeliveriesRead = 3,
    /// Test, replay, recover and cancel. Implies reading.
    DeliveriesWrite = 4,
    /// Members' in-app inboxes.
    Inbox = 5,
    /// Make teams and set their plans. Implies everything else.
    Platform = 6,
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// A backend or an operator with an API key.
    ApiKey {
        /// The key.
        key_id: KeyId,
        /// The team it is bound to; `None` for a platform key.
        team_id: Option<TeamId>,
        /// What it may do.
        scopes: Scopes,
    },
    /// A signed-in user of the platform.
    Member {
        /// The user.
        member_id: MemberId,
        /// The user's team.
        team_id: TeamId,
        /// The user's role.
        role: Role,
        /// Whether channels and rules may be set up, by role or by grant.
        manages_integrations: bool,
    },
    /// Another service of Watchbell, or this one calling itself.
    Service,
}

// === impl Scope ===

impl Scope {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Emit,
        Self::ConfigRead,
        Self::ConfigWrite,
        Self::DeliveriesRead,
        Self::DeliveriesWrite,
        Self::Inbox,
        Self::Platform,
    ];

    /// As people write it, `config.read`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Emit => "emit",
            Self::ConfigRead => "config.read",
            Self::ConfigWrite => "config.write",
            Self::DeliveriesRead => "deliveries.read",
            Self::DeliveriesWrite => "deliveries.write",
            Self::Inbox => "inbox",
            Self::Platform => "platform",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(word: &str) -> Result<Self, UnknownScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == word)
            .ok_or(UnknownScope)
    }
}

/// A word that is no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of emit, config.read, config.write, deliveries.read, deliveries.write, inbox, platform")]
pub struct UnknownScope;

// === impl Scopes ===

impl Scopes {
    /// The scopes that were granted, without what they imply.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL
            .into_iter()
            .filter(move |scope| self.0 & (1 << *scope as u8) != 0)
    }

    /// Whether the set holds the scope, or one that implies it.
    #[must_use]
    pub fn allow(self, scope: Scope) -> bool {
        self.iter().any(|held| {
            held == scope
                || held == Scope::Platform
                || (held, scope) == (Scope::ConfigWrite, Scope::ConfigRead)
                || (held, scope) == (Scope::DeliveriesWrite, Scope::DeliveriesRead)
        })
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | 1 << scope as u8))
    }
}

// === impl Principal ===

impl Principal {
    /// Who made this request, as the auth layer (or [`internal_request`]) noted it.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` when nobody did.
    pub fn of<T>(request: &Request<T>) -> Result<Self, Problem> {
        request
            .extensions()
            .get()
            .copied()
            .ok_or(Problem::Unauthenticated {
                reason: reason::MISSING_CREDENTIAL,
            })
    }

    /// The team that a request is about, from its `team_id`. A principal of one team may leave it empty; others must
    /// name it.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a text that is no id or is missing; `NOT_FOUND` for another team than the principal's.
    pub fn team(&self, team_id: &str) -> Result<TeamId, Problem> {
        let own = self.own_team();
        if team_id.is_empty() {
            return own.ok_or_else(|| Problem::invalid("team_id", field::REQUIRED, "must be given"));
        }
        let named: TeamId = team_id
            .parse()
            .map_err(|error| Problem::invalid("team_id", field::MALFORMED, format!("{error}")))?;
        match own {
            Some(own) if own != named => Err(Problem::not_found("team", named)),
            _ => Ok(named),
        }
    }

    /// The one team this principal belongs to, if it does.
    #[must_use]
    pub fn own_team(&self) -> Option<TeamId> {
        match self {
            Self::ApiKey { team_id, .. } => *team_id,
            Self::Member { team_id, .. } => Some(*team_id),
            Self::Service => None,
        }
    }

    /// Whether the principal may do what the scope stands for.
    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        match self {
            Self::Service => true,
            Self::ApiKey { scopes, .. } => scopes.allow(scope),
            Self::Member {
                manages_integrations, ..
            } => match scope {
                Scope::ConfigRead | Scope::DeliveriesRead | Scope::Inbox => true,
                Scope::ConfigWrite | Scope::DeliveriesWrite => *manages_integrations,
                Scope::Emit | Scope::Platform => false,
            },
        }
    }

    /// # Errors
    /// `PERMISSION_DENIED` when [`Principal::allows`] says no.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.allows(scope) {
            return Ok(());
        }
        // A person has a role and permissions; scopes are a key's.
        let message = match (self, scope) {
            (Self::Member { .. }, Scope::Emit | Scope::Platform) => {
                "this is not for members: it takes an API key of the platform".to_owned()
            }
            (Self::Member { .. }, _) => "this takes the permission to manage integrations \
                (MANAGE_INTEGRATIONS), which Owners and Admins have: ask one of them"
                .to_owned(),
            _ => format!("this call needs the scope `{scope}`"),
        };
        Err(Problem::Denied {
            reason: reason::MISSING_SCOPE,
            message,
        })
    }

    /// That the principal may act for this member: keys with the scope for everybody, members for themselves only.
    ///
    /// # Errors
    /// `NOT_FOUND` for somebody else.
    pub fn acts_for(&self, member: MemberId) -> Result<(), Problem> {
        match self {
            Self::Member { member_id, .. } if *member_id != member => {
                Err(Problem::not_found("member", member))
            }
            _ => Ok(()),
        }
    }
}

/// A request of this process to itself: it carries [`Principal::Service`]. Over the network the service token says the
/// same (see `client`).
pub fn internal_request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Principal::Service);
    request
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use tonic::{Code, Status};

    fn team() -> TeamId {
        TeamId::generate(DateTime::UNIX_EPOCH)
    }

    fn key(team_id: Option<TeamId>, scopes: &[Scope]) -> Principal {
        Principal::ApiKey {
            key_id: KeyId::generate(DateTime::UNIX_EPOCH),
            team_id,
            scopes: scopes.iter().copied().collect(),
        }
    }

    fn code(result: Result<TeamId, Problem>) -> Code {
        Status::from(result.unwrap_err()).code()
    }

    #[test]
    fn a_team_key_sees_its_own_team_and_no_other() {
        let own = team();
        let principal = key(Some(own), &[Scope::Emit]);
        assert_eq!(principal.team("").unwrap(), own);
        assert_eq!(principal.team(&own.to_string()).unwrap(), own);
        assert_eq!(code(principal.team(&team().to_string())), Code::NotFound);
        assert_eq!(code(principal.team("chn_nonsense")), Code::InvalidArgument);
    }

    #[test]
    fn platform_keys_and_services_must_name_the_team() {
        for principal in [key(None, &[Scope::Emit]), Principal::Service] {
            let other = team();
            assert_eq!(principal.team(&other.to_string()).unwrap(), other);
            assert_eq!(code(principal.team("")), Code::InvalidArgument);
        }
    }

    #[test]
    fn writing_implies_reading_and_nothing_else() {
        let writer = key(None, &[Scope::ConfigWrite]);
        assert!(writer.allows(Scope::ConfigRead));
        assert!(!writer.allows(Scope::DeliveriesRead) && !writer.allows(Scope::Emit));
        assert!(!key(None, &[Scope::ConfigRead]).allows(Scope::ConfigWrite));
        assert!(
            Scope::ALL
                .iter()
                .all(|scope| key(None, &[Scope::Platform]).allows(*scope))
        );
        let denied = Status::from(writer.require(Scope::Emit).unwrap_err());
        assert!(denied.message().contains("`emit`"));
    }

    #[test]
    fn a_member_acts_for_nobody_else_and_configures_only_with_the_permission() {
        let member_id = MemberId::generate(DateTime::UNIX_EPOCH);
        let member = |manages_integrations| Principal::Member {
            member_id,
            team_id: team(),
            role: Role::Member,
            manages_integrations,
        };
        assert!(member(false).acts_for(member_id).is_ok());
        assert!(
            member(false)
                .acts_for(MemberId::generate(DateTime::UNIX_EPOCH))
                .is_err()
        );
        assert!(!member(false).allows(Scope::ConfigWrite) && member(true).allows(Scope::ConfigWrite));
        assert!(!member(true).allows(Scope::Platform));
        for (scope, words) in [
            (Scope::ConfigWrite, "manage integrations"),
            (Scope::Emit, "API key"),
        ] {
            let said = Status::from(member(false).require(scope).unwrap_err());
            assert!(
                said.message().contains(words) && !said.message().contains("scope"),
                "{said}"
            );
        }
    }

    #[test]
    fn scopes_read_back() {
        for scope in Scope::ALL {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        let set: Scopes = [Scope::Emit, Scope::Inbox].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Scope::Emit, Scope::Inbox]);
    }

    #[test]
    fn an_internal_request_is_a_services_and_a_bare_one_nobodys() {
        assert_eq!(Principal::of(&internal_request(())).unwrap(), Principal::Service);
        assert!(Principal::of(&Request::new(())).is_err());
    }
}
