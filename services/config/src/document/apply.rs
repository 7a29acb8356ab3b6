//! Does what a plan says, under the team's lock and in one transaction.

use watchbell_model::ids::{ChannelId, MemberId, TeamId};
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;

use super::steps::PlanStep;
use crate::error::Result;
use crate::owners;
use crate::sealing::{Keyring, RowIdentity};
use crate::secrets;
use crate::store::changes::Change;
use crate::store::entities::{channel, event_type, mention_rule, rule};
use crate::store::{Resource, channels, preferences, rules, silences, teams};

/// Takes every step.
///
/// # Errors
/// The database's; what is done by then is undone with the change.
pub(crate) async fn apply(
    change: &Change,
    team: TeamId,
    keyring: &Keyring,
    steps: Vec<PlanStep>,
    by: &Principal,
) -> Result<()> {
    let removed = steps.iter().filter_map(|step| match step {
        PlanStep::DeleteChannel(row) => Some(row),
        _ => None,
    });
    owners::channels_removed(change, &removed.collect::<Vec<_>>(), by).await?;
    for step in steps {
        self::step(change, team, keyring, step, by).await?;
    }
    Ok(())
}

async fn step(
    change: &Change,
    team: TeamId,
    keyring: &Keyring,
    step: PlanStep,
    by: &Principal,
) -> Result<()> {
    let connection = change.connection();
    match step {
        PlanStep::InsertEventType(row) => event_type::Entity::add(connection, &row).await,
        PlanStep::UpdateEventType(row) => event_type::Entity::put(connection, &row).await,
        PlanStep::DeleteEventType(name) => event_type::Entity::remove(connection, team, &name).await,
        PlanStep::InsertChannel { mut row, secrets } => {
            let identity = RowIdentity::channel(team, row.channel_id());
            row.secrets = secrets::seal(keyring, identity, &secrets)?;
            channels::insert(connection, &mut row).await
        }
        PlanStep::UpdateChannel {
            mut row,
            read,
            secrets,
        } => {
            if let Some(secrets) = secrets {
                let identity = RowIdentity::channel(team, row.channel_id());
                row.secrets = secrets::seal(keyring, identity, &secrets)?;
            }
            if channels::update_if(connection, &row, read).await? {
                return Ok(());
            }
            Err(Problem::StaleEtag {
                resource: "channel",
                name: row.channel_id().to_string(),
            }
            .into())
        }
        PlanStep::DeleteChannel(row) => {
            // It may have become the default meanwhile, or ceased to be.
            let row = channel::Entity::get(connection, team, &row.channel_id()).await?;
            channels::delete(connection, &row).await
        }
        PlanStep::SetDefault(id) => set_default(change, team, id).await,
        PlanStep::InsertRule(row) => rule::Entity::add(connection, &row).await,
        PlanStep::UpdateRule(row) => rule::Entity::put(connection, &row).await,
        PlanStep::DeleteRule(id) => rule::Entity::remove(connection, team, &id).await,
        PlanStep::OrderRules(mut order) => rules::renumber(connection, &mut order).await,
        PlanStep::InsertMentionRule(row) => mention_rule::Entity::add(connection, &row).await,
        PlanStep::UpdateMentionRule(row) => mention_rule::Entity::put(connection, &row).await,
        PlanStep::DeleteMentionRule(id) => mention_rule::Entity::remove(connection, team, &id).await,
        PlanStep::InsertSilence(mut silence) => {
            silence.author = owners::author(change, by).await?;
            silences::insert(connection, team, &silence, change.now())
                .await
                .map(drop)
        }
        PlanStep::ExpireSilence(id) => silences::expire(connection, team, &id, change.now())
            .await
            .map(drop),
        PlanStep::PutPreference(row) => {
            change.touch(MemberId::from_uuid(row.member_id)).await?;
            preferences::put(connection, row).await
        }
        PlanStep::DeletePreference(member, topic) => {
            change.touch(member).await?;
            preferences::delete(connection, team, member, topic).await
        }
        PlanStep::PutSettings(row) => teams::put_settings(connection, row).await,
    }
}

async fn set_default(change: &Change, team: TeamId, id: ChannelId) -> Result<()> {
    let mut row = channel::Entity::get(change.connection(), team, &id).await?;
    if !row.is_default {
        channels::set_default(change.connection(), &mut row).await?;
    }
    Ok(())
}
