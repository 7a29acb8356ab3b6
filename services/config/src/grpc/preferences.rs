//! Members' preferences for emails.

use watchbell_contracts::config::v1::{
    GetPreferencesRequest, GetPreferencesResponse, Preference, UpdatePreferencesRequest,
    UpdatePreferencesResponse,
};
use watchbell_model::ids::{MemberId, TeamId};
use watchbell_model::preference::Preference as Word;
use watchbell_model::{Plan, Topic};
use watchbell_runtime::auth::Principal;

use super::id;
use crate::author::Writer;
use crate::check;
use crate::error::Result;
use crate::service::Service;
use crate::store::entities::{member, preference};
use crate::store::{Resource, parse, preferences, teams};

pub(super) async fn get(
    service: &Service,
    caller: Principal,
    request: GetPreferencesRequest,
) -> Result<GetPreferencesResponse> {
    let (team, member) = team_and_member(&caller, &request.team_id, &request.member_id)?;
    let connection = service.store().reader();
    let row = member::Entity::get(connection, team, &member).await?;
    Ok(GetPreferencesResponse {
        preferences: resolved(connection, team, &row).await?,
    })
}

pub(super) async fn update(
    service: &Service,
    caller: Writer,
    request: UpdatePreferencesRequest,
) -> Result<UpdatePreferencesResponse> {
    let (team, member) = team_and_member(&caller, &request.team_id, &request.member_id)?;
    let said = check::preferences(&request.preferences)?;
    let change = service.change(team, &caller).await?;
    let row = member::Entity::get(change.connection(), team, &member).await?;
    change.touch(member).await?;
    for (topic, word) in said {
        match word {
            None => preferences::delete(change.connection(), team, member, topic).await?,
            Some(word) => {
                let row = preference::Model::new(team, member, topic, word);
                preferences::put(change.connection(), row).await?;
            }
        }
    }
    let now = resolved(change.connection(), team, &row).await?;
    service.finish(change, false).await?;
    Ok(UpdatePreferencesResponse { preferences: now })
}

fn team_and_member(caller: &Principal, team: &str, member: &str) -> Result<(TeamId, MemberId)> {
    let team = caller.team(team)?;
    let member: MemberId = id("member_id", member)?;
    caller.acts_for(member)?;
    Ok((team, member))
}

/// Every topic: what the member said, else the default of role and plan.
pub(super) async fn resolved(
    connection: &impl sea_orm::ConnectionTrait,
    team: TeamId,
    member: &member::Model,
) -> Result<Vec<Preference>> {
    let plan: Plan = parse("teams", &teams::get(connection, team).await?.plan)?;
    let role = member.role()?;
    let said = preferences::of_member(connection, team, member.member_id()).await?;
    Topic::ALL
        .iter()
        .map(
            |topic| match said.iter().find(|row| row.topic == topic.as_str()) {
                Some(row) => row.to_message(),
                None => Ok(Word::default_for(role, plan, *topic).to_message(*topic, true)),
            },
        )
        .collect()
}
