//! The author of a change as the history keeps it: who called, by which method, from which address.

use std::net::IpAddr;
use std::ops::Deref;

use tonic::Request;
use watchbell_model::ids::MemberId;
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;
use watchbell_runtime::server::Peer;

/// A call of an RPC that may change something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// The RPC's name as generated code has it, `apply_team_config`.
    pub(crate) method: &'static str,
    /// The address of the connection's other end; none for calls from within the process.
    pub(crate) address: Option<IpAddr>,
}

/// The caller of an RPC that changes a team.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer {
    pub(crate) principal: Principal,
    pub(crate) call: Call,
}

/// Who changes a team, and by which call.
#[derive(Debug, Clone)]
pub(crate) struct Author {
    pub(crate) actor: Actor,
    pub(crate) call: Call,
}

/// Who changes a team.
#[derive(Debug, Clone)]
pub(crate) enum Actor {
    /// A caller with a credential.
    Principal(Principal),
    /// A member in whose name the call was made.
    Member(MemberId),
    /// A person who followed the link of an email.
    EmailLink {
        /// `mbr_…`; empty for somebody who is no member.
        member_id: String,
        /// The address that the email was sent to.
        address: String,
    },
}

// === impl Call ===

impl Call {
    pub(crate) fn of<T>(request: &Request<T>, method: &'static str) -> Self {
        let peer = request.extensions().get::<Peer>();
        Self {
            method,
            address: peer.map(|peer| peer.address().ip().to_canonical()),
        }
    }

    /// A change by whoever followed the link of an email.
    pub(crate) fn by_link(self, member_id: String, address: String) -> Author {
        Author {
            actor: Actor::EmailLink { member_id, address },
            call: self,
        }
    }

    /// The RPC's name, `ApplyTeamConfig`.
    pub(crate) fn rpc(self) -> String {
        let words = self.method.split('_');
        words
            .map(|word| {
                let (first, rest) = word.split_at(word.len().min(1));
                first.to_ascii_uppercase() + rest
            })
            .collect()
    }
}

// === impl Writer ===

impl Writer {
    pub(crate) fn of<T>(request: &Request<T>, method: &'static str) -> Result<Self, Problem> {
        Ok(Self {
            principal: Principal::from_request(request)?,
            call: Call::of(request, method),
        })
    }

    /// A change that this caller makes for a member, if it says for whom.
    pub(crate) fn on_behalf_of(&self, member: Option<MemberId>) -> Author {
        let actor = member.map_or(Actor::Principal(self.principal), Actor::Member);
        Author {
            actor,
            call: self.call,
        }
    }
}

impl Deref for Writer {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.principal
    }
}

impl From<&Writer> for Author {
    fn from(writer: &Writer) -> Self {
        Self {
            actor: Actor::Principal(writer.principal),
            call: writer.call,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_called_as_the_contract_calls_it() {
        let call = Call {
            method: "apply_team_config",
            address: None,
        };
        assert_eq!(call.rpc(), "ApplyTeamConfig");
    }
}
