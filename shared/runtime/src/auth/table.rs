//! Access table of all RPCs. An RPC without a row is refused; a test walks the descriptors of every service and finds
//! missing and stale rows.

use std::collections::HashMap;
use std::sync::LazyLock;

use watchbell_contracts::json;
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
    /// As [`Access::Own`], to change something: by no session that only reads.
    OwnChange(Scope),
    /// Managing the team itself and people: `config.write` for keys, an Owner or Admin among members.
    Administer,
    /// As [`Access::Administer`], and by no session: a key that it makes would outlive it.
    ManageKeys,
    /// An API key with this scope; no member.
    Key(Scope),
    /// Any credential.
    Authenticated,
    /// Another service of Watchbell.
    Internal,
    /// Nothing: the call carries its own proof (a signed token), or reveals nothing.
    Public,
}

use Access::{Administer, Authenticated, Internal, Key, ManageKeys, Own, OwnChange, Public};

const EMIT: Access = Access::Scope(Scope::Emit);
const READ: Access = Access::Scope(Scope::ConfigRead);
const WRITE: Access = Access::Scope(Scope::ConfigWrite);
const LOG: Access = Access::Scope(Scope::DeliveriesRead);
const ACT: Access = Access::Scope(Scope::DeliveriesWrite);
const INBOX: Access = Own(Scope::Inbox);
const MARK: Access = OwnChange(Scope::Inbox);
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
            // Of a stored event, and for a backtest, the handler asks for the scope to read deliveries, too.
            ("Explain", READ),
            ("Backtest", READ),
            ("CheckTeamConfig", READ),
            ("Reroute", ACT),
        ],
    ),
    (
        "watchbell.config.v1.TeamService",
        &[
            ("GetSelf", Authenticated),
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
            ("CreateApiKey", ManageKeys),
            ("DeleteApiKey", ManageKeys),
            ("CreatePortalSession", Key(Scope::ConfigWrite)),
            ("GetIntegrationStatus", READ),
            // It shows keys, people, and where they called from.
            ("ListConfigChanges", Administer),
            ("RevertConfigChange", Administer),
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
        "watchbell.config.v1.SilenceService",
        &[
            ("ListSilences", READ),
            ("GetSilence", READ),
            ("CreateSilence", WRITE),
            ("ExpireSilence", WRITE),
        ],
    ),
    (
        "watchbell.config.v1.PreferenceService",
        &[
            ("GetPreferences", Own(Scope::ConfigRead)),
            ("UpdatePreferences", OwnChange(Scope::ConfigWrite)),
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
            ("GetPastTeamSnapshot", Internal),
            ("DraftTeamSnapshot", Internal),
            ("FollowChanges", Internal),
            ("WatchChanges", Internal),
            ("ResolveChannel", Internal),
            ("ResolveDraftChannel", Internal),
            ("Authenticate", Internal),
            ("ReportChannelHealth", Internal),
            ("ReportExpressionFailures", Internal),
            ("ListAllTeams", Internal),
            ("ListOptOuts", Internal),
            ("LocateTeam", Internal),
        ],
    ),
    (
        "watchbell.config.v1.CellService",
        &[
            ("ListCells", PLATFORM),
            ("AddCell", PLATFORM),
            ("MoveTeam", PLATFORM),
            ("GetCellMove", PLATFORM),
        ],
    ),
    (
        "watchbell.dispatcher.v1.DispatcherService",
        &[
            ("Submit", Internal),
            ("SendTest", ACT),
            ("RenderPreview", LOG),
            ("ListDeliveries", LOG),
            ("GetDelivery", LOG),
            ("GetDeliveryStats", LOG),
            ("Replay", ACT),
            ("Recover", ACT),
            ("CancelDelivery", ACT),
            ("CancelDeliveries", ACT),
            ("ListEvents", LOG),
            ("StreamEvents", LOG),
            ("GetEvent", LOG),
            ("WatchDeliveries", LOG),
            ("GetChannelStats", Internal),
            ("AddDeliveries", Internal),
            ("ExplainAlert", Internal),
            ("WatchOwners", Internal),
        ],
    ),
    (
        "watchbell.dispatcher.v1.TeamMoveService",
        &[
            ("DescribeCell", Internal),
            ("GetTeamMove", Internal),
            ("PrepareArrival", Internal),
            ("BeginDeparture", Internal),
            ("ImportRows", Internal),
            ("ReadRows", Internal),
            ("FreezeTeam", Internal),
            ("LeaveCell", Internal),
            ("ActivateTeam", Internal),
            ("RemoveRows", Internal),
            ("CancelTeamMove", Internal),
        ],
    ),
    (
        "watchbell.dispatcher.v1.AlertService",
        &[
            ("ListAlerts", LOG),
            ("GetAlert", LOG),
            // Whoever gets an alert may take it on; the handler checks in whose name.
            ("AcknowledgeAlert", OwnChange(Scope::DeliveriesWrite)),
            ("SnoozeAlert", OwnChange(Scope::DeliveriesWrite)),
            ("ResolveAlert", OwnChange(Scope::DeliveriesWrite)),
            ("InspectAlertLink", Internal),
            ("AcknowledgeAlertByLink", Internal),
            ("WatchAlerts", LOG),
        ],
    ),
    (
        "watchbell.dispatcher.v1.InboxService",
        &[
            ("ListNotifications", INBOX),
            ("GetUnreadCount", INBOX),
            ("MarkRead", MARK),
            ("MarkUnread", MARK),
            ("MarkAllRead", MARK),
            ("Archive", MARK),
            ("Unarchive", MARK),
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

impl Rpc {
    /// Whether it has one request and one response.
    #[must_use]
    pub const fn is_unary(&self) -> bool {
        !self.client_streams && !self.server_streams
    }

    /// Whether it reads, by its verb (AIP-131, AIP-132 and our own), and so takes a database connection for as long as what
    /// the caller asks for takes.
    #[must_use]
    pub fn is_read(&self) -> bool {
        let reads = ["Export", "Get", "List", "Preview", "Render"];
        self.is_unary() && reads.iter().any(|verb| self.method.starts_with(verb))
    }
}

static BY_PATH: LazyLock<HashMap<String, Rpc>> = LazyLock::new(|| {
    let of = |(service, rows): &(&'static str, Rows)| {
        let (service, rows) = (*service, *rows);
        rows.iter().map(move |&(method, access)| {
            let path = format!("/{service}/{method}");
            let streams = json::rpc(&path).map(|rpc| (rpc.is_client_streaming(), rpc.is_server_streaming()));
            let (client_streams, server_streams) = streams.unwrap_or_default();
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

/// The RPC of Watchbell that `/package.Service/Rpc` is.
#[must_use]
pub fn rpc(path: &str) -> Option<Rpc> {
    BY_PATH.get(path).copied()
}

/// All RPCs, in no order.
pub fn all() -> impl Iterator<Item = &'static Rpc> {
    BY_PATH.values()
}

/// All paths and their requirements.
#[cfg(test)]
pub(crate) fn rows() -> std::collections::BTreeMap<String, Access> {
    BY_PATH
        .iter()
        .map(|(path, rpc)| (path.clone(), rpc.access))
        .collect()
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
            (_, Principal::Service) | (Public | Authenticated, _) => Ok(()),
            (Own(scope) | OwnChange(scope), Principal::Member { session, .. }) => match session {
                Some(session) => session.require(scope, matches!(self, OwnChange(_))),
                None => Ok(()),
            },
            (ManageKeys | Key(_), Principal::Member { session: Some(_), .. })
            | (Key(_), Principal::Member { .. }) => Err(Problem::Denied {
                reason: reason::MISSING_SCOPE,
                message: "this call needs an API key: a session, or a member, cannot make it".to_owned(),
            }),
            (Administer | ManageKeys, Principal::Member { role, session, .. }) => match role {
                Role::Owner | Role::Admin => match session {
                    Some(session) => session.require(Scope::ConfigWrite, true),
                    None => Ok(()),
                },
                Role::Member => Err(Problem::Denied {
                    reason: reason::MISSING_SCOPE,
                    message: "this is for Owners and Admins: ask one of them".to_owned(),
                }),
            },
            (Access::Scope(scope) | Own(scope) | OwnChange(scope) | Key(scope), _) => {
                principal.require(scope)
            }
            (Administer | ManageKeys, _) => principal.require(Scope::ConfigWrite),
            (Internal, _) => Err(Problem::Denied {
                reason: reason::INTERNAL_ONLY,
                message: "this call is for services of Watchbell only".to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use std::collections::BTreeSet;

    use chrono::DateTime;
    use watchbell_model::ids::{KeyId, MemberId, TeamId};

    use crate::principal::PortalSession;

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
            session: None,
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
            session: None,
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

    fn session(scopes: &[Scope], read_only: bool) -> Principal {
        Principal::Member {
            member_id: MemberId::generate(DateTime::UNIX_EPOCH),
            team_id: TeamId::generate(DateTime::UNIX_EPOCH),
            role: Role::Owner,
            manages_integrations: true,
            session: Some(PortalSession {
                scopes: scopes.iter().copied().collect(),
                read_only,
                key_id: None,
                expires_at: DateTime::UNIX_EPOCH,
            }),
        }
    }

    /// By their verbs, so that an RPC to come that changes something is not open to such a session by its row alone.
    #[test]
    fn a_session_that_only_reads_makes_no_call_that_changes_something() {
        let reader = session(&Scope::ALL, true);
        let verbs = [
            "Backtest", "Check", "Explain", "Export", "Get", "List", "Preview", "Render", "Stream", "Watch",
        ];
        let changes = |rpc: &Rpc| !verbs.iter().any(|verb| rpc.method.starts_with(verb));
        for rpc in BY_PATH.values().filter(|rpc| rpc.access != Public) {
            assert!(!changes(rpc) || rpc.access.check(&reader).is_err(), "{rpc:?}");
        }
        let reads = BY_PATH
            .values()
            .filter(|rpc| rpc.access.check(&reader).is_ok())
            .count();
        assert!(reads > 20, "{reads}");
    }

    #[test]
    fn a_session_makes_neither_keys_nor_sessions_and_reaches_no_further_than_its_key() {
        let owner = session(&[Scope::Platform], false);
        let allowed = |principal: &Principal, rpc: &str| {
            let found = BY_PATH.values().find(|known| known.method == rpc);
            found.unwrap().access.check(principal).is_ok()
        };
        for rpc in [
            "CreateApiKey",
            "DeleteApiKey",
            "CreatePortalSession",
            "ListTeams",
            "Emit",
        ] {
            assert!(!allowed(&owner, rpc), "{rpc}");
        }
        for rpc in [
            "CreateMember",
            "CreateRule",
            "Replay",
            "UpdatePreferences",
            "MarkRead",
        ] {
            assert!(allowed(&owner, rpc), "{rpc}");
        }
        let narrow = session(&[Scope::ConfigWrite], false);
        for rpc in ["MarkRead", "ListNotifications", "ListDeliveries", "Replay"] {
            assert!(!allowed(&narrow, rpc), "{rpc}");
        }
        assert!(allowed(&narrow, "CreateMember") && allowed(&narrow, "UpdatePreferences"));
    }
}
