//! Principals: the caller of a request, and what it may do.

use std::fmt;

use chrono::{DateTime, Utc};
use tonic::Request;
use watchbell_model::ids::{KeyId, MemberId, TeamId};
use watchbell_model::violation::reason as field;
use watchbell_model::vocabulary::Role;

use crate::problem::{Problem, reason};

/// A permission of a key. A team's key has it in its team, a platform key in every team.
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
    /// Test, replay, recover, reroute and cancel. Implies reading.
    DeliveriesWrite = 4,
    /// Members' in-app inboxes.
    Inbox = 5,
    /// Make teams and set their plans. Implies everything else.
    Platform = 6,
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

/// The caller of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// A backend or an operator with an API key.
    ApiKey {
        /// The key.
        key_id: KeyId,
        /// The team it is bound to; `None` for a platform key.
        team_id: Option<TeamId>,
        /// Its permissions.
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
        /// The session that the user came by, if a key made one; `None` for a token of the identity provider.
        session: Option<PortalSession>,
    },
    /// Another service of Watchbell, or this one calling itself.
    Service,
}

/// A member's session that a key made: it may do what both the member and the key may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortalSession {
    /// The key's permissions.
    pub scopes: Scopes,
    /// Whether it changes nothing, not even what is the member's own.
    pub read_only: bool,
    /// The key; `None` when an older Config said nothing of it.
    pub key_id: Option<KeyId>,
    /// Its end.
    pub expires_at: DateTime<Utc>,
}

// === impl Scope ===

impl Scope {
    /// All scopes.
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

// === impl PortalSession ===

impl PortalSession {
    /// Whether it leaves its member this permission.
    #[must_use]
    pub fn allows(self, scope: Scope) -> bool {
        let reads = matches!(scope, Scope::ConfigRead | Scope::DeliveriesRead | Scope::Inbox);
        self.scopes.allow(scope) && (reads || !self.read_only)
    }

    /// Checks what a member does with the permission, beyond reading when `changes`.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`.
    pub(crate) fn require(self, scope: Scope, changes: bool) -> Result<(), Problem> {
        let message = if changes && self.read_only {
            "this session may only read".to_owned()
        } else if self.scopes.allow(scope) {
            return Ok(());
        } else {
            format!("this session may do no more than the key that made it, which lacks the scope `{scope}`")
        };
        Err(Problem::Denied {
            reason: reason::MISSING_SCOPE,
            message,
        })
    }
}

// === impl Principal ===

impl Principal {
    /// The caller of a request, as set by the auth layer (or [`internal_request`]).
    ///
    /// # Errors
    /// `UNAUTHENTICATED` without a caller.
    pub fn from_request<T>(request: &Request<T>) -> Result<Self, Problem> {
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

    /// Whether the principal has the permission.
    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        match self {
            Self::Service => true,
            Self::ApiKey { scopes, .. } => scopes.allow(scope),
            Self::Member {
                manages_integrations,
                session,
                ..
            } => {
                let has = match scope {
                    Scope::ConfigRead | Scope::DeliveriesRead | Scope::Inbox => true,
                    Scope::ConfigWrite | Scope::DeliveriesWrite => *manages_integrations,
                    Scope::Emit | Scope::Platform => false,
                };
                has && session.is_none_or(|session| session.allows(scope))
            }
        }
    }

    /// # Errors
    /// `PERMISSION_DENIED` when [`Principal::allows`] is false.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.allows(scope) {
            return Ok(());
        }
        // Of what no member may do the session is not the reason.
        if let Some(session) = self
            .session()
            .filter(|_| !matches!(scope, Scope::Emit | Scope::Platform))
        {
            let changes = !matches!(scope, Scope::ConfigRead | Scope::DeliveriesRead | Scope::Inbox);
            session.require(scope, changes)?;
        }
        // A person has a role and permissions; scopes are a key's.
        let message = match (self, scope) {
            (Self::Member { .. }, Scope::Emit | Scope::Platform) => {
                "this call is not for members: it needs an API key of the platform".to_owned()
            }
            (Self::Member { .. }, _) => "this call needs the permission to manage integrations \
                (MANAGE_INTEGRATIONS), which Owners and Admins have: ask one of them"
                .to_owned(),
            _ => format!("this call needs the scope `{scope}`"),
        };
        Err(Problem::Denied {
            reason: reason::MISSING_SCOPE,
            message,
        })
    }

    /// The session that a member came by, if a key made one.
    #[must_use]
    pub fn session(&self) -> Option<PortalSession> {
        match self {
            Self::Member { session, .. } => *session,
            Self::ApiKey { .. } | Self::Service => None,
        }
    }

    /// Checks that the principal may act for a member: keys with the scope for all members, members for themselves
    /// only.
    ///
    /// # Errors
    /// `NOT_FOUND` for another member.
    pub fn acts_for(&self, member: MemberId) -> Result<(), Problem> {
        match self {
            Self::Member { member_id, .. } if *member_id != member => {
                Err(Problem::not_found("member", member))
            }
            _ => Ok(()),
        }
    }
}

/// A request of this process to itself: it carries [`Principal::Service`]. Over the network the service token does
/// the same (see `client`).
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
            session: None,
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
    fn a_session_may_do_what_both_the_member_and_the_key_may() {
        let by = |manages_integrations, scopes: &[Scope], read_only| Principal::Member {
            member_id: MemberId::generate(DateTime::UNIX_EPOCH),
            team_id: team(),
            role: Role::Owner,
            manages_integrations,
            session: Some(PortalSession {
                scopes: scopes.iter().copied().collect(),
                read_only,
                key_id: None,
                expires_at: DateTime::UNIX_EPOCH,
            }),
        };
        let allowed = |principal: Principal| -> Vec<Scope> {
            Scope::ALL
                .into_iter()
                .filter(|scope| principal.allows(*scope))
                .collect()
        };
        use Scope::{ConfigRead, ConfigWrite, DeliveriesRead, DeliveriesWrite, Emit, Inbox, Platform};
        assert_eq!(
            allowed(by(true, &[ConfigWrite], false)),
            [ConfigRead, ConfigWrite]
        );
        assert_eq!(allowed(by(false, &[ConfigWrite, Emit], false)), [ConfigRead]);
        let all = [ConfigRead, ConfigWrite, DeliveriesRead, DeliveriesWrite, Inbox];
        assert_eq!(allowed(by(true, &[Platform], false)), all);
        assert_eq!(
            allowed(by(true, &[Platform], true)),
            [ConfigRead, DeliveriesRead, Inbox]
        );
        let said = Status::from(by(true, &[Platform], true).require(ConfigWrite).unwrap_err());
        assert!(said.message().contains("only read"), "{said}");
        let said = Status::from(by(true, &[Platform], true).require(Platform).unwrap_err());
        assert!(
            !said.message().contains("only read"),
            "nobody's session lists teams: {said}"
        );
        let said = Status::from(by(true, &[ConfigWrite], false).require(Inbox).unwrap_err());
        assert!(said.message().contains("`inbox`"), "{said}");
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
        assert_eq!(
            Principal::from_request(&internal_request(())).unwrap(),
            Principal::Service
        );
        assert!(Principal::from_request(&Request::new(())).is_err());
    }
}
