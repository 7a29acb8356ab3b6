//! The RPCs: decode, call, encode. The auth layer has asked whether the caller may call an RPC at all; what a handler
//! settles is which team is meant, and what only it can know.

mod api_keys;
mod catalog;
mod cells;
mod channels;
mod config_changes;
mod crud;
mod members;
mod mention_rules;
mod portal;
mod preferences;
mod recipients;
mod revert;
mod rules;
mod self_info;
mod silences;
mod slack;
mod snapshots;
mod status;
mod team_config;
mod team_settings;
mod teams;
mod unsubscribe;

use tonic::{Request, Response, Status};
use watchbell_contracts::api::{
    BoxStream, CatalogApi, CellApi, ChannelApi, PreferenceApi, RoutingApi, SilenceApi, SnapshotApi, TeamApi,
};
use watchbell_contracts::config::v1 as pb;
use watchbell_model::ids::TeamId;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::PageLimits;

use crate::author::{Call, Writer};
use crate::error::{Error, Result};
use crate::service::Service;
use crate::store::teams as teams_store;

/// Sizes of pages.
const PAGE: PageLimits = PageLimits::new(50, 1000);

/// The caller as a handler needs it.
trait Caller: Sized {
    fn from_request<T>(request: &Request<T>, method: &'static str) -> std::result::Result<Self, Problem>;
}

impl Caller for Principal {
    fn from_request<T>(request: &Request<T>, _method: &'static str) -> std::result::Result<Self, Problem> {
        Principal::from_request(request)
    }
}

impl Caller for Writer {
    fn from_request<T>(request: &Request<T>, method: &'static str) -> std::result::Result<Self, Problem> {
        Writer::of(request, method)
    }
}

/// For calls that carry their own proof.
struct Anyone(Call);

impl Caller for Anyone {
    fn from_request<T>(request: &Request<T>, method: &'static str) -> std::result::Result<Self, Problem> {
        Ok(Self(Call::of(request, method)))
    }
}

/// Implements an API by one function for each RPC: `fn(&Service, impl Caller, Request) -> Result<Response>`.
macro_rules! rpcs {
    ($api:ident { $($rpc:ident($request:ty) -> $response:ty = $handler:path;)+ }) => {
        #[async_trait::async_trait]
        impl $api for Service {
            $(
                async fn $rpc(&self, request: Request<$request>) -> std::result::Result<Response<$response>, Status> {
                    let caller = Caller::from_request(&request, stringify!($rpc))?;
                    $handler(self, caller, request.into_inner()).await.map(Response::new).map_err(into_status)
                }
            )+
        }
    };
}

rpcs!(TeamApi {
    get_self(pb::GetSelfRequest) -> pb::GetSelfResponse = self_info::get;
    list_teams(pb::ListTeamsRequest) -> pb::ListTeamsResponse = teams::list;
    get_team(pb::GetTeamRequest) -> pb::GetTeamResponse = teams::get;
    create_team(pb::CreateTeamRequest) -> pb::CreateTeamResponse = teams::create;
    update_team(pb::UpdateTeamRequest) -> pb::UpdateTeamResponse = teams::update;
    delete_team(pb::DeleteTeamRequest) -> pb::DeleteTeamResponse = teams::delete;
    list_members(pb::ListMembersRequest) -> pb::ListMembersResponse = members::list;
    get_member(pb::GetMemberRequest) -> pb::GetMemberResponse = members::get;
    create_member(pb::CreateMemberRequest) -> pb::CreateMemberResponse = members::create;
    update_member(pb::UpdateMemberRequest) -> pb::UpdateMemberResponse = members::update;
    delete_member(pb::DeleteMemberRequest) -> pb::DeleteMemberResponse = members::delete;
    list_api_keys(pb::ListApiKeysRequest) -> pb::ListApiKeysResponse = api_keys::list;
    create_api_key(pb::CreateApiKeyRequest) -> pb::CreateApiKeyResponse = api_keys::create;
    delete_api_key(pb::DeleteApiKeyRequest) -> pb::DeleteApiKeyResponse = api_keys::delete;
    create_portal_session(pb::CreatePortalSessionRequest) -> pb::CreatePortalSessionResponse = portal::create;
    get_integration_status(pb::GetIntegrationStatusRequest) -> pb::GetIntegrationStatusResponse
        = status::get;
    list_config_changes(pb::ListConfigChangesRequest) -> pb::ListConfigChangesResponse = config_changes::list;
    revert_config_change(pb::RevertConfigChangeRequest) -> pb::RevertConfigChangeResponse = revert::revert;
});

rpcs!(ChannelApi {
    list_channels(pb::ListChannelsRequest) -> pb::ListChannelsResponse = channels::list;
    get_channel(pb::GetChannelRequest) -> pb::GetChannelResponse = channels::get;
    create_channel(pb::CreateChannelRequest) -> pb::CreateChannelResponse = channels::create;
    update_channel(pb::UpdateChannelRequest) -> pb::UpdateChannelResponse = channels::update;
    delete_channel(pb::DeleteChannelRequest) -> pb::DeleteChannelResponse = channels::delete;
    set_default_channel(pb::SetDefaultChannelRequest) -> pb::SetDefaultChannelResponse = channels::set_default;
    rotate_webhook_secret(pb::RotateWebhookSecretRequest) -> pb::RotateWebhookSecretResponse
        = channels::rotate_secret;
    reenable_channel(pb::ReenableChannelRequest) -> pb::ReenableChannelResponse = channels::reenable;
    begin_slack_install(pb::BeginSlackInstallRequest) -> pb::BeginSlackInstallResponse = slack::begin;
    inspect_slack_install(pb::InspectSlackInstallRequest) -> pb::InspectSlackInstallResponse = slack::inspect;
    complete_slack_install(pb::CompleteSlackInstallRequest) -> pb::CompleteSlackInstallResponse = slack::complete;
});

rpcs!(RoutingApi {
    list_rules(pb::ListRulesRequest) -> pb::ListRulesResponse = rules::list;
    get_rule(pb::GetRuleRequest) -> pb::GetRuleResponse = rules::get;
    create_rule(pb::CreateRuleRequest) -> pb::CreateRuleResponse = rules::create;
    update_rule(pb::UpdateRuleRequest) -> pb::UpdateRuleResponse = rules::update;
    delete_rule(pb::DeleteRuleRequest) -> pb::DeleteRuleResponse = rules::delete;
    move_rule(pb::MoveRuleRequest) -> pb::MoveRuleResponse = rules::move_to;
    list_mention_rules(pb::ListMentionRulesRequest) -> pb::ListMentionRulesResponse = mention_rules::list;
    get_mention_rule(pb::GetMentionRuleRequest) -> pb::GetMentionRuleResponse = mention_rules::get;
    create_mention_rule(pb::CreateMentionRuleRequest) -> pb::CreateMentionRuleResponse = mention_rules::create;
    update_mention_rule(pb::UpdateMentionRuleRequest) -> pb::UpdateMentionRuleResponse = mention_rules::update;
    delete_mention_rule(pb::DeleteMentionRuleRequest) -> pb::DeleteMentionRuleResponse = mention_rules::delete;
    apply_team_config(pb::ApplyTeamConfigRequest) -> pb::ApplyTeamConfigResponse = team_config::apply;
    export_team_config(pb::ExportTeamConfigRequest) -> pb::ExportTeamConfigResponse = team_config::export;
});

rpcs!(SilenceApi {
    list_silences(pb::ListSilencesRequest) -> pb::ListSilencesResponse = silences::list;
    get_silence(pb::GetSilenceRequest) -> pb::GetSilenceResponse = silences::get;
    create_silence(pb::CreateSilenceRequest) -> pb::CreateSilenceResponse = silences::create;
    expire_silence(pb::ExpireSilenceRequest) -> pb::ExpireSilenceResponse = silences::expire;
});

rpcs!(PreferenceApi {
    get_preferences(pb::GetPreferencesRequest) -> pb::GetPreferencesResponse = preferences::get;
    update_preferences(pb::UpdatePreferencesRequest) -> pb::UpdatePreferencesResponse = preferences::update;
    get_compliance_recipients(pb::GetComplianceRecipientsRequest) -> pb::GetComplianceRecipientsResponse
        = team_settings::get_recipients;
    update_compliance_recipients(pb::UpdateComplianceRecipientsRequest) -> pb::UpdateComplianceRecipientsResponse
        = team_settings::update_recipients;
    get_digest_settings(pb::GetDigestSettingsRequest) -> pb::GetDigestSettingsResponse = team_settings::get_digest;
    update_digest_settings(pb::UpdateDigestSettingsRequest) -> pb::UpdateDigestSettingsResponse
        = team_settings::update_digest;
    inspect_unsubscribe_token(pb::InspectUnsubscribeTokenRequest) -> pb::InspectUnsubscribeTokenResponse
        = unsubscribe::inspect;
    unsubscribe(pb::UnsubscribeRequest) -> pb::UnsubscribeResponse = unsubscribe::unsubscribe;
    inspect_recipient_confirmation(pb::InspectRecipientConfirmationRequest)
        -> pb::InspectRecipientConfirmationResponse = recipients::inspect;
    confirm_recipient(pb::ConfirmRecipientRequest) -> pb::ConfirmRecipientResponse = recipients::confirm;
    resend_recipient_confirmation(pb::ResendRecipientConfirmationRequest)
        -> pb::ResendRecipientConfirmationResponse = recipients::resend;
});

rpcs!(CatalogApi {
    list_event_types(pb::ListEventTypesRequest) -> pb::ListEventTypesResponse = catalog::list;
    get_event_type(pb::GetEventTypeRequest) -> pb::GetEventTypeResponse = catalog::get;
    create_event_type(pb::CreateEventTypeRequest) -> pb::CreateEventTypeResponse = catalog::create;
    update_event_type(pb::UpdateEventTypeRequest) -> pb::UpdateEventTypeResponse = catalog::update;
    delete_event_type(pb::DeleteEventTypeRequest) -> pb::DeleteEventTypeResponse = catalog::delete;
});

rpcs!(SnapshotApi {
    get_team_snapshot(pb::GetTeamSnapshotRequest) -> pb::GetTeamSnapshotResponse = snapshots::get;
    get_past_team_snapshot(pb::GetPastTeamSnapshotRequest) -> pb::GetPastTeamSnapshotResponse = snapshots::get_past;
    draft_team_snapshot(pb::DraftTeamSnapshotRequest) -> pb::DraftTeamSnapshotResponse = team_config::draft;
    follow_changes(BoxStream<pb::FollowChangesRequest>) -> BoxStream<pb::FollowChangesResponse> = snapshots::follow;
    watch_changes(pb::WatchChangesRequest) -> BoxStream<pb::WatchChangesResponse> = snapshots::watch;
    resolve_channel(pb::ResolveChannelRequest) -> pb::ResolveChannelResponse = snapshots::resolve_channel;
    resolve_draft_channel(pb::ResolveDraftChannelRequest) -> pb::ResolveDraftChannelResponse
        = snapshots::resolve_draft_channel;
    authenticate(pb::AuthenticateRequest) -> pb::AuthenticateResponse = snapshots::authenticate;
    report_channel_health(pb::ReportChannelHealthRequest) -> pb::ReportChannelHealthResponse
        = snapshots::report_health;
    report_expression_failures(pb::ReportExpressionFailuresRequest) -> pb::ReportExpressionFailuresResponse
        = snapshots::report_expression_failures;
    list_all_teams(pb::ListAllTeamsRequest) -> pb::ListAllTeamsResponse = snapshots::list_all_teams;
    list_opt_outs(pb::ListOptOutsRequest) -> pb::ListOptOutsResponse = snapshots::list_opt_outs;
    locate_team(pb::LocateTeamRequest) -> pb::LocateTeamResponse = snapshots::locate;
});

rpcs!(CellApi {
    list_cells(pb::ListCellsRequest) -> pb::ListCellsResponse = cells::list;
    add_cell(pb::AddCellRequest) -> pb::AddCellResponse = cells::add;
    move_team(pb::MoveTeamRequest) -> pb::MoveTeamResponse = cells::move_team;
    get_cell_move(pb::GetCellMoveRequest) -> pb::GetCellMoveResponse = cells::get_move;
});

/// The team that something is read of, which must exist: a list of nobody's is not an empty one.
async fn existing(service: &Service, caller: &Principal, team_id: &str) -> Result<TeamId> {
    let team = caller.team(team_id)?;
    teams_store::get(service.store().reader(), team).await?;
    Ok(team)
}

/// Calls of other services only. The auth layer lets nobody else here; what is secret is asked for once more.
fn internal(caller: &Principal) -> Result<()> {
    match caller {
        Principal::Service => Ok(()),
        _ => Err(Problem::Denied {
            reason: watchbell_runtime::problem::reason::INTERNAL_ONLY,
            message: "this call is for services of Watchbell only".to_owned(),
        }
        .into()),
    }
}

fn into_status(err: Error) -> Status {
    Problem::from(err).into()
}

/// The message that a request must carry.
fn required<T>(message: Option<T>, field: &str) -> Result<T> {
    message.ok_or_else(|| Problem::invalid(field, reason::REQUIRED, "must be given").into())
}

/// The id that a request names.
fn id<T>(field: &str, text: &str) -> Result<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    if text.is_empty() {
        return Err(Problem::invalid(field, reason::REQUIRED, "must be given").into());
    }
    text.parse()
        .map_err(|err: T::Err| Problem::invalid(field, reason::MALFORMED, err.to_string()).into())
}

/// The value of a check whose paths start below `field`.
fn checked<T>(field: &str, result: std::result::Result<T, Violations>) -> Result<T> {
    result.map_err(|violations| violations.under(field).into())
}

/// That a team may have one more of a resource, which is called by its name in the singular.
fn ensure_capacity(count: u64, limit: u64, what: &'static str) -> Result<()> {
    if count < limit {
        return Ok(());
    }
    Err(Problem::Precondition {
        reason: "LIMIT_REACHED",
        message: format!("a team may have at most {limit} {what}s"),
    }
    .into())
}
