//! Access table of all RPCs. An RPC without a row is refused; a test walks the descriptors of every service and finds
//! missing and stale rows.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use watchbell_model::vocabulary::Role;

use super::{Principal, Scope};
use crate::problem::{Problem, reason};

/// Requirement of an RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// This scope.
    Scope(Scope),
    /// This scope for keys; for members, always: the handler must ask [`Principal::acts_for`].
    Own(Scope),
    /// Managing the team itself, people and keys: `config.write` for keys, an Owner or Admin among members.
    Administer,
    /// Another service of Watchbell.
    Internal,
    /// Nothing: the call carries its own proof (a signed token), or reveals nothing.
    Public,
}

use Access::{Administer, Internal, Own, Public};

const EMIT: Access = Access::Scope(Scope::Emit);
const READ: Access = Access::Scope(Scope::ConfigRead);
const WRITE: Access = Access::Scope(Scope::ConfigWrite);
const LOG: Access = Access::Scope(Scope::DeliveriesRead);
const ACT: Access = Access::Scope(Scope::DeliveriesWrite);
const INBOX: Access = Own(Scope::Inbox);
const PLATFORM: Access = Access::Scope(Scope::Platform);

type Rows = &'static [(&'static str, Access)];

/// Every RPC of Watchbell, by service.
const TABLE: &[(&str, Rows)] = &[
    (
        "watchbell.router.v1.RouterService",
        &[
            ("Emit", EMIT),
            ("EmitBatch", EMIT),
            ("EmitStream", EMIT),
            ("Explain", READ),
        ],
    ),
    (
        "watchbell.config.v1.TeamService",
        &[
            ("ListTeams", PLATFORM),
            ("GetTeam", READ),
            ("CreateTeam", PLATFORM),
            // The plan within it is for the platform alone, which the handler checks.
            ("UpdateTeam", Administer),
            ("DeleteTeam", PLATFORM),
            ("ListMembers", READ),
            ("GetMember", READ),
            ("CreateMember", Administer),
            ("UpdateMember", Administer),
            ("DeleteMember", Administer),
            ("ListApiKeys", Administer),
            // No key can make one that may do more than itself, which the handler checks.
            ("CreateApiKey", Administer),
            ("DeleteApiKey", Administer),
            ("GetIntegrationStatus", READ),
        ],
    ),
    (
        "watchbell.config.v1.ChannelService",
        &[
            ("ListChannels", READ),
            ("GetChannel", READ),
            ("CreateChannel", WRITE),
            ("UpdateChannel", WRITE),
            ("DeleteChannel", WRITE),
            ("SetDefaultChannel", WRITE),
            ("RotateWebhookSecret", WRITE),
            ("ReenableChannel", WRITE),
            ("BeginSlackInstall", WRITE),
            // Called by the Edge for a browser, whose proof is the state.
            ("InspectSlackInstall", Internal),
            ("CompleteSlackInstall", Internal),
        ],
    ),
    (
        "watchbell.config.v1.RoutingService",
        &[
            ("ListRules", READ),
            ("GetRule", READ),
            ("CreateRule", WRITE),
            ("UpdateRule", WRITE),
            ("DeleteRule", WRITE),
            ("MoveRule", WRITE),
            ("ListMentionRules", READ),
            ("GetMentionRule", READ),
            ("CreateMentionRule", WRITE),
            ("UpdateMentionRule", WRITE),
            ("DeleteMentionRule", WRITE),
            ("ApplyTeamConfig", WRITE),
            ("ExportTeamConfig", READ),
        ],
    ),
    (
        "watchbell.config.v1.PreferenceService",
        &[
            ("GetPreferences", Own(Scope::ConfigRead)),
            ("UpdatePreferences", Own(Scope::ConfigWrite)),
            ("GetComplianceRecipients", READ),
            ("UpdateComplianceRecipients", WRITE),
            ("GetDigestSettings", READ),
            ("UpdateDigestSettings", WRITE),
            // RFC 8058: the signed token of the email is the proof; there is no login.
            ("InspectUnsubscribeToken", Public),
            ("Unsubscribe", Public),
            ("InspectRecipientConfirmation", Public),
            ("ConfirmRecipient", Public),
            ("ResendRecipientConfirmation", WRITE),
        ],
    ),
    (
        "watchbell.config.v1.CatalogService",
        &[
            ("ListEventTypes", READ),
            ("GetEventType", READ),
            ("CreateEventType", WRITE),
            ("UpdateEventType", WRITE),
            ("DeleteEventType", WRITE),
        ],
    ),
    (
        "watchbell.config.v1.SnapshotService",
        &[
            ("GetTeamSnapshot", Internal),
            ("FollowChanges", Internal),
            ("WatchChanges", Internal),
            ("ResolveChannel", Internal),
            ("ResolveDraftChannel", Internal),
            ("Authenticate", Internal),
            ("ReportChannelHealth", Internal),
            ("ReportExpressionFailures", Internal),
            ("ListAllTeams", Internal),
            ("ListOptOuts", Internal),
        ],
    ),
    (
        "watchbell.dispatcher.v1.DispatcherService",
        &[
            ("Submit", Internal),
            ("SendTest", ACT),
            ("ListDeliveries", LOG),
            ("GetDelivery", LOG),
            ("Replay", ACT),
            ("Recover", ACT),
            ("CancelDelivery", ACT),
            ("ListEvents", LOG),
            ("GetEvent", LOG),
            ("WatchDeliveries", LOG),
            ("GetChannelStats", Internal),
        ],
    ),
    (
        "watchbell.dispatcher.v1.InboxService",
        &[
            ("ListNotifications", INBOX),
            ("GetUnreadCount", INBOX),
            ("MarkRead", INBOX),
            ("MarkAllRead", INBOX),
            ("Archive", INBOX),
            ("Watch", INBOX),
        ],
    ),
    (
        "watchbell.digest.v1.DigestService",
        &[
            ("PreviewDigest", READ),
            ("SendDigest", WRITE),
            ("ListDigestRuns", READ),
        ],
    ),
];

/// Services of gRPC itself: any method of theirs is open.
const PUBLIC_SERVICES: &[&str] = &[
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// An RPC that has a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rpc {
    /// `package.Service`.
    pub service: &'static str,
    /// The method's name.
    pub method: &'static str,
    /// Its requirement.
    pub access: Access,
    /// Whether the caller sends many messages.
    pub client_streams: bool,
    /// Whether the answer is a stream, which may stay open.
    pub server_streams: bool,
}

static BY_PATH: LazyLock<HashMap<String, Rpc>> = LazyLock::new(|| {
    let streams = streams();
    let of = |(service, rows): &(&'static str, Rows)| {
        let (service, rows) = (*service, *rows);
        let streams = &streams;
        rows.iter().map(move |&(method, access)| {
            let path = format!("/{service}/{method}");
            let (client_streams, server_streams) = streams.get(&path).copied().unwrap_or_default();
            let rpc = Rpc {
                service,
                method,
                access,
                client_streams,
                server_streams,
            };
            (path, rpc)
        })
    };
    TABLE.iter().flat_map(of).collect()
});

/// Which RPCs stream requests, and which answers, as the contracts say.
fn streams() -> HashMap<String, (bool, bool)> {
    let set = FileDescriptorSet::decode(watchbell_contracts::FILE_DESCRIPTOR_SET).unwrap_or_default();
    let of = |file: FileDescriptorProto| {
        let package = file.package().to_owned();
        file.service.into_iter().flat_map(move |service| {
            let name = format!("/{package}.{}", service.name());
            service.method.into_iter().map(move |rpc| {
                let path = format!("{name}/{}", rpc.name());
                (path, (rpc.client_streaming(), rpc.server_streaming()))
            })
        })
    };
    set.file.into_iter().flat_map(of).collect()
}

/// The RPC of Watchbell that `/package.Service/Rpc` is.
#[must_use]
pub fn rpc(path: &str) -> Option<Rpc> {
    BY_PATH.get(path).copied()
}

/// Whether a path belongs to a service of gRPC itself, such as health.
#[must_use]
pub fn is_public(path: &str) -> bool {
    let service = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    service.is_some_and(|(service, _)| PUBLIC_SERVICES.contains(&service))
}

/// The requirement of `/package.Service/Rpc`; `None` without a row.
#[must_use]
pub fn access(path: &str) -> Option<Access> {
    match rpc(path) {
        Some(rpc) => Some(rpc.access),
        None => is_public(path).then_some(Public),
    }
}

// === impl Access ===

impl Access {
    /// Checks a caller.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, naming the missing permission.
    pub fn check(self, principal: &Principal) -> Result<(), Problem> {
        match (self, principal) {
            (_, Principal::Service) | (Public, _) | (Own(_), Principal::Member { .. }) => Ok(()),
            (Access::Scope(scope) | Own(scope), _) => principal.require(scope),
            (Administer, Principal::Member { role, .. }) => match role {
                Role::Owner | Role::Admin => Ok(()),
                Role::Member => Err(Problem::Denied {
                    reason: reason::MISSING_SCOPE,
                    message: "this is for Owners and Admins: ask one of them".to_owned(),
                }),
            },
            (Administer, _) => principal.require(Scope::ConfigWrite),
            (Internal, _) => Err(Problem::Denied {
                reason: reason::INTERNAL_ONLY,
                message: "this call is for services of Watchbell only".to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    use chrono::DateTime;
    use watchbell_model::ids::{KeyId, MemberId, TeamId};

    fn described() -> BTreeSet<String> {
        let set = prost_types::FileDescriptorSet::decode(watchbell_contracts::FILE_DESCRIPTOR_SET).unwrap();
        let ours = set
            .file
            .iter()
            .filter(|file| file.package().starts_with("watchbell."));
        ours.flat_map(|file| {
            file.service.iter().flat_map(move |service| {
                let name = format!("/{}.{}", file.package(), service.name());
                service
                    .method
                    .iter()
                    .map(move |rpc| format!("{name}/{}", rpc.name()))
            })
        })
        .collect()
    }

    #[test]
    fn every_rpc_has_a_row_and_every_row_an_rpc() {
        let described = described();
        assert!(described.len() > 50, "the descriptors are missing: {described:?}");
        let rows: BTreeSet<String> = BY_PATH.keys().cloned().collect();
        let missing: Vec<_> = described.difference(&rows).collect();
        let stale: Vec<_> = rows.difference(&described).collect();
        assert!(
            missing.is_empty() && stale.is_empty(),
            "missing: {missing:?}, stale: {stale:?}"
        );
        assert_eq!(
            TABLE.iter().map(|(_, rows)| rows.len()).sum::<usize>(),
            rows.len(),
            "a row is there twice"
        );
    }

    #[test]
    fn rows_know_what_streams() {
        let streams = |path: &str| rpc(path).map(|rpc| (rpc.client_streams, rpc.server_streams));
        assert_eq!(
            streams("/watchbell.router.v1.RouterService/Emit"),
            Some((false, false))
        );
        assert_eq!(
            streams("/watchbell.router.v1.RouterService/EmitStream"),
            Some((true, true))
        );
        assert_eq!(
            streams("/watchbell.dispatcher.v1.InboxService/Watch"),
            Some((false, true))
        );
    }

    #[test]
    fn a_path_without_a_row_is_for_nobody() {
        assert_eq!(access("/watchbell.router.v1.RouterService/Emit"), Some(EMIT));
        assert_eq!(access("/watchbell.router.v1.RouterService/Erase"), None);
        assert_eq!(access("/grpc.health.v1.Health/Check"), Some(Public));
        assert_eq!(access("/grpc.health.v1.Healthy/Check"), None);
        assert_eq!(access("nonsense"), None);
    }

    #[test]
    fn internal_calls_are_for_services_whatever_the_key() {
        let key = Principal::ApiKey {
            key_id: KeyId::generate(DateTime::UNIX_EPOCH),
            team_id: None,
            scopes: Scope::ALL.into_iter().collect(),
        };
        assert!(Internal.check(&key).is_err());
        assert!(Internal.check(&Principal::Service).is_ok());
    }

    #[test]
    fn members_manage_people_by_role_and_reach_their_own_things_without_a_scope() {
        let member = |role| Principal::Member {
            member_id: MemberId::generate(DateTime::UNIX_EPOCH),
            team_id: TeamId::generate(DateTime::UNIX_EPOCH),
            role,
            manages_integrations: true,
        };
        assert!(Administer.check(&member(Role::Admin)).is_ok());
        assert!(Administer.check(&member(Role::Member)).is_err());
        assert!(Own(Scope::ConfigWrite).check(&member(Role::Member)).is_ok());
        assert!(PLATFORM.check(&member(Role::Owner)).is_err());
    }

    /// `MANAGE_INTEGRATIONS` stands for channels and rules, and for nothing besides.
    #[test]
    fn a_granted_permission_makes_nobody_an_admin() {
        let granted = Principal::Member {
            member_id: MemberId::generate(DateTime::UNIX_EPOCH),
            team_id: TeamId::generate(DateTime::UNIX_EPOCH),
            role: Role::Member,
            manages_integrations: true,
        };
        let allowed = |path: &str| access(path).unwrap().check(&granted).is_ok();
        assert!(allowed("/watchbell.config.v1.ChannelService/CreateChannel"));
        assert!(allowed("/watchbell.config.v1.RoutingService/ApplyTeamConfig"));
        for rpc in [
            "UpdateTeam",
            "CreateMember",
            "UpdateMember",
            "DeleteMember",
            "CreateApiKey",
            "DeleteTeam",
        ] {
            assert!(
                !allowed(&format!("/watchbell.config.v1.TeamService/{rpc}")),
                "{rpc}"
            );
        }
    }
}
