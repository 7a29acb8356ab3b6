//! Limits of concurrent calls and open streams, by budgets ([`watchbell_model::budget`]): a team may use at most
//! as much as is free, one of its keys or members at most as much as remains for the team. Anonymous calls have a
//! small budget of their own, shared between networks. A call is charged for itself and for the size of its body.

use std::net::{IpAddr, Ipv6Addr};

use watchbell_model::budget::{BudgetPermit, SharedBudget};
use watchbell_model::ids::{KeyId, MemberId, TeamId};

use super::Principal;
use crate::problem::{DEFAULT_RETRY, Problem};
use crate::settings::LimitSettings;

/// Units of a call itself, of 4 KiB each: its headers, its task and the first of its body.
pub(super) const CALL: usize = 4;

/// Units of a stream whose caller sends; one whose caller only listens has one. Up to the 256 KiB of a stream's window wait
/// unread.
const SENDING: usize = 8;

/// Public calls and pages at once. Their bodies are counted like those of other calls, and they are smaller.
const ANONYMOUS: usize = 1_024;

/// Credentials that are verified with another service concurrently.
const CREDENTIALS: usize = 256;

/// Owner of permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    Team(TeamId),
    Key(KeyId),
    Member(MemberId),
    Network(IpAddr),
}

impl Owner {
    /// The owner of a caller's share: its team, or the caller itself. Services have none.
    pub(super) fn of(principal: &Principal) -> Option<Self> {
        match principal.own_team() {
            Some(team) => Some(Self::Team(team)),
            None => Self::caller(principal),
        }
    }

    fn caller(principal: &Principal) -> Option<Self> {
        match principal {
            Principal::Service => None,
            Principal::ApiKey { key_id, .. } => Some(Self::Key(*key_id)),
            Principal::Member { member_id, .. } => Some(Self::Member(*member_id)),
        }
    }
}

/// What an RPC holds open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RpcKind {
    /// One request and one response.
    Call,
    /// Responses that go on.
    Listening,
    /// Requests that go on, whatever the responses.
    Sending,
}

/// Permit of one call or stream.
pub(super) type CallPermit = BudgetPermit<Owner>;

/// Budgets of a process.
#[derive(Debug)]
pub(super) struct ConcurrencyLimits {
    calls: SharedBudget<Owner>,
    streams: SharedBudget<Owner>,
    anonymous: SharedBudget<Owner>,
    credentials: SharedBudget<Owner>,
}

// === impl ConcurrencyLimits ===

impl ConcurrencyLimits {
    pub(super) fn new(limits: &LimitSettings) -> Self {
        Self {
            calls: SharedBudget::new(limits.max_calls.saturating_mul(CALL)),
            streams: SharedBudget::new(limits.max_streams),
            anonymous: SharedBudget::new(ANONYMOUS * CALL),
            credentials: SharedBudget::new(CREDENTIALS),
        }
    }

    /// A permit for an RPC of this kind; services are not limited.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` when the caller's share is used up.
    pub(super) fn take(&self, kind: RpcKind, principal: &Principal) -> Result<Option<CallPermit>, Problem> {
        match kind {
            RpcKind::Call => take(&self.calls, principal, CALL),
            RpcKind::Listening => take(&self.streams, principal, 1),
            RpcKind::Sending => take(&self.streams, principal, SENDING),
        }
    }

    /// A permit for an anonymous call or page.
    ///
    /// # Errors
    /// As [`ConcurrencyLimits::take`].
    pub(super) fn anonymous(&self, peer: IpAddr) -> Result<CallPermit, Problem> {
        full_unless(self.anonymous.take(Owner::Network(peer), CALL))
    }

    /// A permit for verifying a credential.
    ///
    /// # Errors
    /// As [`ConcurrencyLimits::take`].
    pub(super) fn credential(&self, peer: IpAddr) -> Result<CallPermit, Problem> {
        full_unless(self.credentials.take(Owner::Network(peer), 1))
    }
}

fn take(
    shares: &SharedBudget<Owner>,
    principal: &Principal,
    units: usize,
) -> Result<Option<CallPermit>, Problem> {
    let Some(caller) = Owner::caller(principal) else {
        return Ok(None);
    };
    let permit = match principal.own_team() {
        Some(team) => shares.take_within(Owner::Team(team), caller, units),
        None => shares.take(caller, units),
    };
    full_unless(permit).map(Some)
}

fn full_unless(permit: Option<CallPermit>) -> Result<CallPermit, Problem> {
    permit.ok_or(Problem::Overloaded {
        retry_after: DEFAULT_RETRY,
    })
}

/// The network that shares what one peer may have: an IPv4 address, or the /64 of an IPv6 address, all of which one host
/// can use.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Scopes;
    use chrono::DateTime;

    fn key(team_id: Option<TeamId>) -> Principal {
        Principal::ApiKey {
            key_id: KeyId::generate(DateTime::UNIX_EPOCH),
            team_id,
            scopes: Scopes::default(),
        }
    }

    fn limits() -> ConcurrencyLimits {
        ConcurrencyLimits::new(&LimitSettings {
            max_calls: 100,
            max_streams: 100 * SENDING,
            ..LimitSettings::default()
        })
    }

    #[test]
    fn one_keys_calls_and_streams_leave_room_for_other_keys_teams_and_services() {
        let limits = limits();
        let team = TeamId::generate(DateTime::UNIX_EPOCH);
        let (loud, sibling) = (key(Some(team)), key(Some(team)));
        let other = key(Some(TeamId::generate(DateTime::UNIX_EPOCH)));
        for (kind, most) in [
            (RpcKind::Call, 100),
            (RpcKind::Listening, 100 * SENDING),
            (RpcKind::Sending, 100),
        ] {
            let taken: Vec<_> = std::iter::from_fn(|| limits.take(kind, &loud).ok()).collect();
            let third = most * 3 / 10..most * 4 / 10;
            assert!(third.contains(&taken.len()), "a third: {}", taken.len());
            for caller in [&sibling, &other, &key(None), &Principal::Service] {
                assert!(limits.take(kind, caller).is_ok());
            }
        }
    }

    #[test]
    fn one_network_leaves_room_for_others_and_for_who_is_known() {
        let limits = limits();
        let of = |text: &str| network(text.parse().unwrap());
        let taken: Vec<_> = std::iter::from_fn(|| limits.anonymous(of("192.0.2.1")).ok()).collect();
        assert_eq!(taken.len(), ANONYMOUS / 2);
        assert!(
            limits.anonymous(of("::ffff:192.0.2.1")).is_err(),
            "the same address"
        );
        assert!(limits.anonymous(of("192.0.2.2")).is_ok());
        assert!(limits.take(RpcKind::Call, &key(None)).is_ok());

        let taken: Vec<_> = std::iter::from_fn(|| limits.anonymous(of("2001:db8:0:1::1")).ok()).collect();
        assert!(
            !taken.is_empty() && limits.anonymous(of("2001:db8:0:1::2")).is_err(),
            "one /64"
        );
        assert!(limits.anonymous(of("2001:db8:0:2::1")).is_ok());
    }
}
