//! What members hear by email.

use watchbell_contracts::config::v1::{
    GetPreferencesRequest, GetPreferencesResponse, InspectUnsubscribeTokenRequest,
    InspectUnsubscribeTokenResponse, Preference, UnsubscribeRequest, UnsubscribeResponse,
    UpdatePreferencesRequest, UpdatePreferencesResponse,
};
use watchbell_domain::Plan;
use watchbell_domain::ids::{MemberId, TeamId};
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;

use super::id;
use crate::check;
use crate::error::Result;
use crate::service::Service;
use crate::store::entities::{member, preference};
use crate::store::{join, members, parse, preferences, teams};

pub(super) async fn get(
    service: &Service,
    caller: Principal,
    request: GetPreferencesRequest,
) -> Result<GetPreferencesResponse> {
    let (team, member) = whose(&caller, &request.team_id, &request.member_id)?;
    let connection = service.store().reader();
    let row = members::get(connection, team, member).await?;
    Ok(GetPreferencesResponse {
        preferences: resolved(connection, team, &row).await?,
    })
}

pub(super) async fn update(
    service: &Service,
    caller: Principal,
    request: UpdatePreferencesRequest,
) -> Result<UpdatePreferencesResponse> {
    let (team, member) = whose(&caller, &request.team_id, &request.member_id)?;
    let drafts = check::preferences(&request.preferences)?;
    let change = service.change(team).await?;
    let row = members::get(change.connection(), team, member).await?;
    for draft in drafts {
        match draft.setting {
            None => preferences::delete(change.connection(), team, member, draft.topic).await?,
            Some((setting, severities)) => {
                let row = preference::Model {
                    member_id: member.as_uuid(),
                    topic: draft.topic.to_string(),
                    team_id: team.as_uuid(),
                    setting: setting.into(),
                    severities: join(severities.iter()),
                };
                preferences::put(change.connection(), row).await?;
            }
        }
    }
    let now = resolved(change.connection(), team, &row).await?;
    change.finish(service.store(), false).await?;
    Ok(UpdatePreferencesResponse { preferences: now })
}

fn whose(caller: &Principal, team: &str, member: &str) -> Result<(TeamId, MemberId)> {
    let team = caller.team(team)?;
    let member: MemberId = id("member_id", member)?;
    caller.acts_for(member)?;
    Ok((team, member))
}

/// Every topic: what the member said, else the default of role and plan.
async fn resolved(
    connection: &impl sea_orm::ConnectionTrait,
    team: TeamId,
    member: &member::Model,
) -> Result<Vec<Preference>> {
    let plan: Plan = parse("teams", &teams::get(connection, team).await?.plan)?;
    let said = preferences::of_member(connection, team, member.member_id()).await?;
    let mut all = check::default_preferences(member.role()?, plan);
    for row in said {
        if let Some(of_topic) = all.iter_mut().find(|preference| preference.topic == row.topic) {
            *of_topic = row.to_message()?;
        }
    }
    Ok(all)
}

pub(super) async fn inspect_token(
    _service: &Service,
    _caller: Principal,
    _request: InspectUnsubscribeTokenRequest,
) -> Result<InspectUnsubscribeTokenResponse> {
    let path = "watchbell.config.v1.PreferenceService/InspectUnsubscribeToken".to_owned();
    Err(Problem::Unimplemented { path }.into())
}

pub(super) async fn unsubscribe(
    _service: &Service,
    _caller: Principal,
    _request: UnsubscribeRequest,
) -> Result<UnsubscribeResponse> {
    let path = "watchbell.config.v1.PreferenceService/Unsubscribe".to_owned();
    Err(Problem::Unimplemented { path }.into())
}
