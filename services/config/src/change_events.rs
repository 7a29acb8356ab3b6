//! `config.changed`: what was changed and by whom, once the change is committed. The first change is told at once, those that follow
//! within a minute together. What is to be told is known from the change's own transaction on, and is handed over by
//! the outbox of notices (`owners.rs`), so that none is lost. What members want by email is theirs and is not told.

use chrono::TimeDelta;
use serde_json::{Map, json};
use uuid::Uuid;
use watchbell_contracts::config::v1::{ConfigActor, ConfigActorKind, ConfigChange, ConfigChangeAction};
use watchbell_model::catalog::notices::CONFIG_CHANGED;
use watchbell_model::ids::TeamId;
use watchbell_model::text::cut;

use crate::document::is_of_preferences;
use crate::error::Result;
use crate::owners::OwnerNotice;
use crate::service::Service;
use crate::store::history::Summary;
use crate::store::{history, owner_notices, told_changes};

/// Between two events of one team.
const PAUSE: TimeDelta = TimeDelta::minutes(1);
/// Teams that are read at once.
const PAGE: usize = 100;
/// The most changes, and the most authors, that an event names.
const MAX_NAMED: usize = 20;
/// The longest name of what was changed, and of an author, in characters.
const MAX_NAME: usize = 400;

/// Loop that makes the events.
#[derive(Debug)]
pub struct ChangeTeller {
    service: Service,
}

// === impl ChangeTeller ===

impl ChangeTeller {
    /// A teller of this service's changes.
    pub fn new(service: Service) -> Self {
        Self { service }
    }

    /// Makes the events that are due; answers how many teams had some. A team that cannot be told of keeps no other waiting.
    ///
    /// # Errors
    /// The database's.
    pub async fn tick(&self) -> Result<u64> {
        let store = self.service.store();
        let mut told = 0;
        let mut after = TeamId::from_uuid(Uuid::nil());
        loop {
            let now = self.service.now();
            let teams = told_changes::due_all_teams(store.reader(), now, after, PAGE as u64).await?;
            for team in &teams {
                match self.tell(*team).await {
                    Ok(some) => told += u64::from(some),
                    // The team is gone, or cannot be read.
                    Err(error) => tracing::warn!(%team, %error, "changes of the configuration are not told"),
                }
            }
            match teams.last() {
                Some(last) if teams.len() == PAGE => after = *last,
                _ => return Ok(told),
            }
        }
    }

    async fn tell(&self, team: TeamId) -> Result<bool> {
        let now = self.service.now();
        let transaction = self.service.store().begin().await?;
        let Some(told) = told_changes::take(&transaction, team, now, now + PAUSE).await? else {
            transaction.rollback().await?;
            return Ok(false);
        };
        let summary = history::summary_after(&transaction, team, told, MAX_NAMED as u64).await?;
        if let Some(newest) = summary.newest.first() {
            told_changes::mark(&transaction, team, newest.revision).await?;
        }
        let notice = notice(team, &summary);
        let some = notice.is_some();
        if let Some(notice) = notice {
            owner_notices::insert(&transaction, notice.row(team, now)).await?;
        }
        transaction.commit().await?;
        Ok(some)
    }
}

fn notice(team: TeamId, summary: &Summary) -> Option<OwnerNotice<'static>> {
    let (mut changes, mut by) = (Vec::new(), Vec::new());
    for revision in &summary.newest {
        let shown = revision
            .changes
            .iter()
            .filter(|change| !is_of_preferences(change));
        let shown: Vec<_> = shown.map(in_words).collect();
        if shown.is_empty() {
            continue;
        }
        let author = cut(&author(revision.actor.as_ref()), MAX_NAME).into_owned();
        if !by.contains(&author) {
            by.push(author);
        }
        changes.extend(shown);
    }
    // Revisions that are not named have at least one each.
    let unnamed = usize::try_from(summary.count)
        .unwrap_or_default()
        .saturating_sub(summary.newest.len());
    let (first, newest) = (summary.newest.last()?.revision, summary.newest.first()?.revision);
    let title = match changes.as_slice() {
        [] => return None,
        [one] => format!("The configuration was changed: {one}"),
        [newest, rest @ ..] => format!(
            "The configuration was changed: {newest}, and {} more",
            rest.len() + unnamed
        ),
    };
    changes.truncate(MAX_NAMED);
    let data = Map::from_iter([
        ("revision".to_owned(), json!(newest)),
        ("first_revision".to_owned(), json!(summary.first.unwrap_or(first))),
        ("count".to_owned(), json!(summary.count)),
        ("changes".to_owned(), json!(changes)),
        ("by".to_owned(), json!(by)),
    ]);
    Some(OwnerNotice {
        event_type: CONFIG_CHANGED,
        about: format!("{team}:{newest}"),
        title: title
            .chars()
            .take(watchbell_model::event::MAX_TITLE_CHARS)
            .collect(),
        subject: "",
        data: data.into(),
    })
}

/// `updated channel siem`.
fn in_words(change: &ConfigChange) -> String {
    let did = match change.action() {
        ConfigChangeAction::Create => "created",
        ConfigChangeAction::Delete => "deleted",
        ConfigChangeAction::Update | ConfigChangeAction::Unspecified => "updated",
    };
    cut(&format!("{did} {}", change.subject), MAX_NAME).into_owned()
}

fn author(actor: Option<&ConfigActor>) -> String {
    match actor {
        Some(actor) if !actor.display_name.is_empty() => actor.display_name.clone(),
        Some(actor) if actor.kind() == ConfigActorKind::ApiKey => "an API key".to_owned(),
        Some(actor) if actor.kind() == ConfigActorKind::Member => "a member".to_owned(),
        _ => "the platform".to_owned(),
    }
}
