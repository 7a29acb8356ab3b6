//! History of teams' configurations: every change is kept in its own transaction, with its author, in words and as a
//! difference (`store/history.rs`).

mod past;

use std::collections::{BTreeSet, HashMap};

use watchbell_contracts::config::v1::{ConfigChange, ConfigFieldChange, MentionRule};
use watchbell_contracts::event::v1::mention::Who;
use watchbell_model::ids::{ChannelId, MemberId};

pub(crate) use past::Past;

use crate::document::{self, Differing};
use crate::error::Result;
use crate::sealing::{Keyring, RowIdentity};
use crate::secrets;
use crate::store::Resource;
use crate::store::changes::Change;
use crate::store::entities::{config_history, member};
use crate::store::history::{self, Difference, Key, Kind, State, entry_message};
use crate::store::told_changes;

/// A change as it stands: what it made of the team's entries, and the same in words.
pub(crate) struct Made {
    pub(crate) difference: Difference,
    pub(crate) changes: Vec<ConfigChange>,
}

/// Keeps a change that is about to be committed. One that changes nothing of the configuration, such as a report of a channel's health,
/// leaves nothing; nor does the end of a team, with which its history goes.
pub(crate) async fn keep(keyring: &Keyring, change: &Change) -> Result<()> {
    let Some((author, actor)) = change.author() else {
        return Ok(());
    };
    let made = made(keyring, change).await?;
    if made.difference.entries.is_empty() {
        return Ok(());
    }
    let at = (change.team(), change.revision(), change.now());
    let row = config_history::Model::new(at, author, actor.clone(), made.changes, &made.difference)?;
    history::insert(change.connection(), row).await?;
    // A team that was just made has nobody who waits for news of it.
    if change.revision() > 1 {
        told_changes::note(
            change.connection(),
            change.team(),
            change.revision(),
            change.now(),
        )
        .await?;
    }
    Ok(())
}

/// What a change has made of its team so far.
pub(crate) async fn made(keyring: &Keyring, change: &Change) -> Result<Made> {
    let before = change.before().await;
    let after = change.state().await?;
    let mut made = Made {
        difference: Difference::default(),
        changes: Vec::new(),
    };
    if !after.entries.contains_key(&Key::single(Kind::Team)) {
        return Ok(made);
    }
    made.difference = before.changes_to(&after);
    let mut secrets = HashMap::new();
    for (id, fields) in changed_secrets(keyring, change, &before, &after)? {
        let entry = after.entries.get(&Key::new(Kind::Channel, id.as_str()));
        let names = fields.iter().map(|field| field.field.clone()).collect();
        made.difference
            .note_secrets(&id, entry.map_or(&[], Vec::as_slice), names);
        secrets.insert(id, fields);
    }
    let people = people(change, &made.difference).await?;
    let differing = Differing {
        before: &before,
        after: &after,
        people: &people,
        secrets: &secrets,
    };
    made.changes = differing.in_words(&made.difference)?;
    Ok(made)
}

/// Which secrets of which channels differ. A secret that goes with its channel is not told.
fn changed_secrets(
    keyring: &Keyring,
    change: &Change,
    before: &State,
    after: &State,
) -> Result<Vec<(String, Vec<ConfigFieldChange>)>> {
    let mut changed = Vec::new();
    for (id, sealed) in &after.sealed {
        let was = before.sealed.get(id);
        if was == Some(sealed) {
            continue;
        }
        let Ok(channel) = id.parse::<ChannelId>() else {
            continue;
        };
        let identity = RowIdentity::channel(change.team(), channel);
        let is = secrets::open(keyring, identity, sealed)?;
        let was = was.map(|was| secrets::open(keyring, RowIdentity::channel(change.team(), channel), was));
        let was = was.transpose()?.unwrap_or_default();
        let message = after
            .get(&Key::new(Kind::Channel, id.as_str()))?
            .unwrap_or_default();
        let fields = document::secret_changes(&message, &was, &is);
        if !fields.is_empty() {
            changed.push((id.clone(), fields));
        }
    }
    Ok(changed)
}

/// The addresses of the members that a change names without changing them.
async fn people(change: &Change, difference: &Difference) -> Result<HashMap<String, String>> {
    let mut ids = BTreeSet::new();
    for entry in difference.of(Kind::MentionRule) {
        for bytes in [&entry.before, &entry.after].into_iter().flatten() {
            for mention in entry_message::<MentionRule>(bytes)?.mentions {
                if let Some(Who::MemberId(id)) = mention.who {
                    ids.insert(id);
                }
            }
        }
    }
    let mut people = HashMap::new();
    for text in ids {
        let Ok(id) = text.parse::<MemberId>() else {
            continue;
        };
        if let Some(row) = member::Entity::seek(change.connection(), change.team(), &id).await? {
            people.insert(text, row.email);
        }
    }
    Ok(people)
}
