//! A team's snapshot: everything that decides who hears of its events, as of one revision.

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use watchbell_contracts::config::v1::{MemberSnapshot, Preference, TeamSnapshot};
use watchbell_model::ids::TeamId;
use watchbell_store::Store;

use crate::confirmations::Unconfirmed;
use crate::error::Result;
use crate::store::entities::{channel, event_type, member, mention_rule, preference, rule};
use crate::store::{Resource, cells, preferences, silences, teams};

/// Reads a team's snapshot in one transaction, so that its parts belong to one revision.
pub(crate) async fn read(store: &Store, team: TeamId, now: DateTime<Utc>) -> Result<TeamSnapshot> {
    let transaction = store.begin_reading().await?;
    let snapshot = collect(&transaction, team, now).await?;
    transaction.rollback().await?;
    Ok(snapshot)
}

/// Reads a team's snapshot; the connection must see one state of it.
pub(crate) async fn collect(
    connection: &impl ConnectionTrait,
    team: TeamId,
    now: DateTime<Utc>,
) -> Result<TeamSnapshot> {
    let row = teams::get(connection, team).await?;
    let cell = cells::of_team(connection, &row).await?;
    let settings = teams::settings(connection, team).await?;
    let said = preferences::all(connection, team).await?;
    let of = |member: &member::Model| -> Result<Vec<Preference>> {
        said.iter()
            .filter(|row| row.member_id == member.id)
            .map(preference::Model::to_message)
            .collect()
    };
    let mut people = Vec::new();
    for member in member::Entity::all(connection, team).await? {
        people.push(MemberSnapshot {
            preferences: of(&member)?,
            member: Some(member.to_message()?),
        });
    }
    let unconfirmed = Unconfirmed::read(connection, team).await?;
    let mut compliance_recipients = settings.recipients();
    let unconfirmed_compliance_recipients = unconfirmed.take_from(&mut compliance_recipients);
    let mut digest = settings.digest()?;
    unconfirmed.take_from(&mut digest.recipients);
    let channels = channel::Entity::all(connection, team).await?;
    let rules_in_order = rule::Entity::all(connection, team).await?;
    let mention_rules = mention_rule::Entity::all(connection, team).await?;
    let event_types = event_type::Entity::all(connection, team).await?;
    let silences = silences::ended_after(connection, team, now).await?;
    Ok(TeamSnapshot {
        revision: row.revision,
        team: Some(row.to_message()?),
        members: people,
        channels: channels
            .iter()
            .map(|row: &channel::Model| {
                let mut channel = row.to_message(now)?;
                unconfirmed.withhold(&mut channel);
                Ok(channel)
            })
            .collect::<Result<_>>()?,
        rules: rules_in_order
            .iter()
            .map(rule::Model::to_message)
            .collect::<Result<_>>()?,
        mention_rules: mention_rules
            .iter()
            .map(mention_rule::Model::to_message)
            .collect::<Result<_>>()?,
        compliance_recipients,
        event_types: event_types
            .iter()
            .map(event_type::Model::to_message)
            .collect::<Result<_>>()?,
        digest: Some(digest),
        unconfirmed_compliance_recipients,
        silences: silences
            .iter()
            .map(|row| row.to_message(now))
            .collect::<Result<_>>()?,
        cell: cell.as_ref().map(Into::into),
    })
}
