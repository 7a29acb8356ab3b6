//! Notices to a team's Owners: that a channel was removed, that the older of two signing secrets is about to stop
//! signing, that an API key is about to expire, that an expression fails. By email and in the inbox, each once: what
//! is to be told is a row whose id says what it is about, handed to the Dispatcher until it has it, under an event id
//! that the Dispatcher takes once. Operational events among them go to whoever the configuration names, too; changes of the
//! configuration (`change_events.rs`) to nobody else.

use chrono::{DateTime, TimeDelta, Utc};
use prost::Message;
use serde_json::{Value, json};
use watchbell_contracts::config::v1::expression_failure::Owner;
use watchbell_contracts::dispatcher::v1::SubmitRequest;
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::event::v1::route::Target;
use watchbell_contracts::event::v1::{Event, InboxTarget, PersonTarget, Reason, Route};
use watchbell_model::catalog::Catalog;
use watchbell_model::catalog::notices::{
    CHANNEL_REMOVED, CONFIG_CHANGED, EXPRESSION_FAILED, SECRET_EXPIRING, is_operational,
};
use watchbell_model::convert::{FromWire, timestamp};
use watchbell_model::event::EventDraft;
use watchbell_model::ids::{KeyId, TeamId};
use watchbell_model::operational;
use watchbell_model::text::time_text;
use watchbell_model::violation::Violations;
use watchbell_model::{Category, ChannelKind, Role, Severity};
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;

use crate::error::Result;
use crate::expressions::{self, Expression};
use crate::service::Service;
use crate::snapshot;
use crate::store::changes::Change;
use crate::store::entities::{api_key, channel, expression_failure, member, owner_notice};
use crate::store::{Resource, decode, expression_failures, owner_notices};
use crate::turns::{Outbox, TURN, Turn, hand_over, take_turns};

/// The time ahead of the end of a signing secret.
const SECRET_AHEAD: TimeDelta = TimeDelta::hours(24);
/// The time ahead of the expiry of a key.
const KEY_AHEAD: TimeDelta = TimeDelta::days(7);
/// A key made for less than this expires before anybody needs to be reminded of it.
const SHORT_LIFE: TimeDelta = TimeDelta::days(1);
/// What was told is remembered for longer than anything is told ahead.
const KEPT: TimeDelta = TimeDelta::days(30);
const BATCH: u64 = 100;
/// Of channels or rules that are told of together, so many are named.
const MAX_NAMED: usize = 20;

/// The loop that tells Owners.
#[derive(Debug)]
pub struct OwnerTeller {
    service: Service,
}

/// A notice that is due.
pub(crate) struct OwnerNotice<'a> {
    pub(crate) event_type: &'static str,
    /// The subject, of which Owners are told once.
    pub(crate) about: String,
    pub(crate) title: String,
    pub(crate) subject: &'a str,
    pub(crate) data: Value,
}

/// Notes, within the change that removes them, that channels go. Those that go together are told together.
pub(crate) async fn channels_removed(
    change: &Change,
    rows: &[&channel::Model],
    by: &Principal,
) -> Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let removed_by = actor_name(change, by).await?;
    let name = &first.display_name;
    let mut notice = OwnerNotice {
        event_type: CHANNEL_REMOVED,
        about: first.channel_id().to_string(),
        title: format!("The {} {name} was removed", kind_name(first.kind()?)),
        subject: name,
        data: json!({
            "channel": name,
            "channel_id": first.channel_id().to_string(),
            "kind": kind_name(first.kind()?),
            "removed_by": removed_by,
        }),
    };
    if rows.len() > 1 {
        let named = rows.iter().take(MAX_NAMED);
        let mut names = named
            .map(|row| Ok(format!("{} ({})", row.display_name, kind_name(row.kind()?))))
            .collect::<Result<Vec<_>>>()?;
        if rows.len() > MAX_NAMED {
            names.push(format!("and {} more", rows.len() - MAX_NAMED));
        }
        notice.title = format!("{} channels were removed", rows.len());
        notice.subject = "";
        notice.data = json!({ "channels": names.join(", "), "removed_by": removed_by });
    }
    // A channel may have come back by a revert, and go again.
    let noted = owner_notices::noted_all_teams(change.connection(), &[notice.id()]).await?;
    if !noted.is_empty() {
        notice.about = format!("{}.{}", notice.about, change.revision());
    }
    owner_notices::insert(change.connection(), notice.row(change.team(), change.now())).await
}

fn kind_name(kind: ChannelKind) -> &'static str {
    match kind {
        ChannelKind::Slack => "Slack channel",
        ChannelKind::Teams => "Teams channel",
        ChannelKind::Email => "email channel",
        ChannelKind::Webhook => "webhook",
        ChannelKind::InApp => "in-app channel",
    }
}

/// The author of something that is to be known by name.
pub(crate) async fn author(change: &Change, by: &Principal) -> Result<String> {
    let name = actor_name(change, by).await?;
    Ok(if name.is_empty() {
        "the platform".to_owned()
    } else {
        name
    })
}

/// The actor in words; empty when it is not known.
async fn actor_name(change: &Change, by: &Principal) -> Result<String> {
    Ok(match by {
        Principal::Service => String::new(),
        Principal::Member { member_id, .. } => {
            member::Entity::seek(change.connection(), change.team(), member_id)
                .await?
                .map(|member| member.email)
                .unwrap_or_default()
        }
        Principal::ApiKey { key_id, team_id, .. } => {
            api_key::Entity::seek(change.connection(), *team_id, key_id)
                .await?
                .map(|key| format!("the API key {}", key.display_name))
                .unwrap_or_default()
        }
    })
}

// === impl OwnerTeller ===

impl OwnerTeller {
    /// A teller of this service's Owners.
    pub fn new(service: Service) -> Self {
        Self { service }
    }

    /// Notes what is about to end, and tells what has not been told; answers how much was. Without a Dispatcher
    /// everything waits.
    ///
    /// # Errors
    /// The database's.
    pub async fn tick(&self) -> Result<u64> {
        if !self.service.dispatcher().is_attached() {
            return Ok(0);
        }
        self.record_expiring().await?;
        take_turns(self).await
    }

    /// Forgets what was told long ago, and what nobody took in all that time.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune(&self) -> Result<u64> {
        let service = &self.service;
        owner_notices::prune_all_teams(service.store().writer(), service.now() - KEPT).await
    }

    /// Makes rows of what is about to end and has none yet.
    async fn record_expiring(&self) -> Result<()> {
        let now = self.service.now();
        let reader = self.service.store().reader();
        let mut ending = Vec::new();
        for row in owner_notices::rotating_all_teams(reader, now, now + SECRET_AHEAD).await? {
            ending.extend(secret_ending(&row).map(|notice| notice.row(TeamId::from_uuid(row.team_id), now)));
        }
        for row in owner_notices::expiring_all_teams(reader, now, now + KEY_AHEAD).await? {
            let notice = key_ending(&row).zip(row.team_id);
            ending.extend(notice.map(|(notice, team)| notice.row(TeamId::from_uuid(team), now)));
        }
        for team in expression_failures::untold_all_teams(reader, BATCH).await? {
            if let Err(error) = self.note_expressions(team, now).await {
                // Another replica was faster, or the team is gone.
                tracing::debug!(%team, %error, "expressions that fail were not noted");
            }
        }
        if ending.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = ending.iter().map(|row| row.id.clone()).collect();
        let noted = owner_notices::noted_all_teams(reader, &ids).await?;
        for row in ending.into_iter().filter(|row| !noted.contains(&row.id)) {
            let id = row.id.clone();
            if let Err(error) = owner_notices::insert(self.service.store().writer(), row).await {
                // Another replica was faster, or its team is gone.
                tracing::debug!(notice = id, %error, "a notice to Owners was not noted");
            }
        }
        Ok(())
    }

    /// Notes what fails, each channel and rule once a day: those that fail at about the same time are told together.
    async fn note_expressions(&self, team: TeamId, now: DateTime<Utc>) -> Result<()> {
        let transaction = self.service.store().begin().await?;
        let (failing, done) = expressions::untold(&transaction, team).await?;
        if let Some(notice) = expressions_failed(&failing) {
            owner_notices::insert(&transaction, notice.row(team, now)).await?;
        }
        for row in &done {
            expression_failures::mark_told(&transaction, row).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn request(&self, team: TeamId, row: &owner_notice::Model) -> Result<SubmitRequest> {
        let mut event: Event = decode("owner_notices", &row.event)?;
        event.source = self.service.brand().source();
        let notices = match event.r#type.as_str() {
            CONFIG_CHANGED => Vec::new(),
            _ => self.notices(team, &event).await?,
        };
        if is_operational(&event.r#type) {
            match self.settle(team, event.clone(), notices.clone()).await? {
                Ok(request) => return Ok(request),
                Err(violations) => {
                    tracing::error!(%team, %violations, "an operational event is not what its type promises");
                }
            }
        }
        Ok(SubmitRequest {
            team_id: team.to_string(),
            event: Some(event),
            routes: notices,
            ..SubmitRequest::default()
        })
    }

    /// To those who are Owners now.
    async fn notices(&self, team: TeamId, event: &Event) -> Result<Vec<Route>> {
        let mut routes = Vec::new();
        for member in member::Entity::all(self.service.store().reader(), team).await? {
            if member.role()? == Role::Owner {
                let person = PersonTarget {
                    member_id: member.member_id().to_string(),
                    address: member.email.clone(),
                    ..PersonTarget::default()
                };
                routes.push(route(ChannelKind::Email, Target::Person(person), event));
            }
        }
        routes.push(route(ChannelKind::InApp, Target::Inbox(InboxTarget {}), event));
        Ok(routes)
    }

    /// The submission of an operational event.
    async fn settle(
        &self,
        team: TeamId,
        event: Event,
        notices: Vec<Route>,
    ) -> Result<std::result::Result<SubmitRequest, Violations>> {
        let service = &self.service;
        let (decide, now) = (service.dispatcher().decide(), service.now());
        let snapshot = snapshot::read(service.store(), team, now).await?;
        let settle = move || {
            let mut violations = Violations::new();
            let notices = violations.take_each("routes", &notices, |route| route.clone().try_into());
            violations.into_result(())?;
            let draft = EventDraft::try_from(event)?;
            let (event, routes) = operational::settle(team, &snapshot, decide, draft, notices, now)?;
            Ok(event.into_message(&routes))
        };
        Ok(service
            .tenant_pool()
            .run(team, settle)
            .await
            .map_err(Problem::from)?)
    }
}

impl Outbox for OwnerTeller {
    const NAME: &'static str = "notices to Owners";

    async fn teams(&self) -> Result<Vec<TeamId>> {
        owner_notices::untold_all_teams(self.service.store().reader()).await
    }

    async fn turn(&self, team: TeamId) -> Result<Turn> {
        let store = self.service.store();
        let mut turn = Turn::default();
        for row in owner_notices::untold(store.reader(), team, TURN).await? {
            let request = self.request(team, &row).await?;
            if let Err(pause) = hand_over::<Self>(self.service.dispatcher(), team, request).await {
                turn.pause = Some(pause);
                break;
            }
            owner_notices::mark_told(store.writer(), team, &row.id).await?;
            turn.settled += 1;
            turn.sent += 1;
        }
        Ok(turn)
    }
}

fn route(kind: ChannelKind, target: Target, event: &Event) -> Route {
    let (code, sentence) = match event.r#type.as_str() {
        CHANNEL_REMOVED => (
            "channel_removed",
            "Owners are notified when a channel is removed.",
        ),
        EXPRESSION_FAILED => (
            "expression_failed",
            "Owners are notified when an expression fails, at most once a day for each.",
        ),
        _ => (
            "secret_expiring",
            "Owners are notified before a secret or a key expires.",
        ),
    };
    Route {
        kind: kind.to_wire(),
        target: Some(target),
        reason: Some(Reason {
            code: code.to_owned(),
            sentence: sentence.to_owned(),
            rule_id: String::new(),
        }),
        mentions: Vec::new(),
        tells_repeats: false,
        group: None,
        remind: None,
        escalate: None,
    }
}

fn secret_ending(row: &channel::Model) -> Option<OwnerNotice<'_>> {
    let end = row.rotation_end?;
    let name = &row.display_name;
    Some(OwnerNotice {
        event_type: SECRET_EXPIRING,
        about: format!("{}:{}", row.channel_id(), end.timestamp()),
        title: format!(
            "The old signing secret of {name} stops signing on {}",
            time_text(end)
        ),
        subject: name,
        data: json!({
            "channel": name,
            "channel_id": row.channel_id().to_string(),
            "expires_at": end.to_rfc3339(),
        }),
    })
}

fn expressions_failed(failing: &[(Expression, expression_failure::Model)]) -> Option<OwnerNotice<'_>> {
    let (first, row) = failing.first()?;
    let about = format!("{}:{}", row.owner, row.day);
    if failing.len() == 1 {
        return Some(OwnerNotice {
            event_type: EXPRESSION_FAILED,
            about,
            title: format!("The expression of the {} failed", named(first)),
            subject: &first.name,
            data: json!({
                "owner": named(first),
                "owner_id": row.owner,
                "error": row.error,
                "expression": first.source,
            }),
        });
    }
    let mut names: Vec<_> = failing
        .iter()
        .take(MAX_NAMED)
        .map(|(expression, row)| format!("{}: {}", named(expression), row.error))
        .collect();
    if failing.len() > MAX_NAMED {
        names.push(format!("and {} more", failing.len() - MAX_NAMED));
    }
    Some(OwnerNotice {
        event_type: EXPRESSION_FAILED,
        about,
        title: format!("{} expressions failed", failing.len()),
        subject: "",
        data: json!({ "owners": names.join("; ") }),
    })
}

fn named(expression: &Expression) -> String {
    let kind = match expression.owner {
        Owner::ChannelId(_) => "channel",
        Owner::RuleId(_) => "rule",
    };
    format!("{kind} “{}”", expression.name)
}

fn key_ending(row: &api_key::Model) -> Option<OwnerNotice<'_>> {
    let end = row.expire_time?;
    if end - row.create_time < SHORT_LIFE {
        return None;
    }
    let (id, name) = (KeyId::from_uuid(row.id), &row.display_name);
    Some(OwnerNotice {
        event_type: SECRET_EXPIRING,
        about: format!("{id}:{}", end.timestamp()),
        title: format!("The API key {name} expires on {}", time_text(end)),
        subject: name,
        data: json!({
            "api_key": name,
            "api_key_id": id.to_string(),
            "expires_at": end.to_rfc3339(),
        }),
    })
}

// === impl OwnerNotice ===

impl OwnerNotice<'_> {
    fn id(&self) -> String {
        format!("{}:{}", self.event_type, self.about)
    }

    pub(crate) fn row(self, team: TeamId, now: DateTime<Utc>) -> owner_notice::Model {
        let (severity, category) = match Catalog::built_in().get(self.event_type) {
            Some(spec) => (spec.severity, spec.category),
            None => (Severity::Medium, Category::SystemNotification),
        };
        let event = Event {
            id: self.id(),
            r#type: self.event_type.to_owned(),
            severity: severity.to_wire(),
            category: category.to_wire(),
            // Its brand is put in when it is told.
            source: String::new(),
            occurred_at: Some(timestamp(now)),
            title: self.title,
            subject: self.subject.to_owned(),
            payload: Some(Payload::DataJson(self.data.to_string().into_bytes().into())),
            ..Event::default()
        };
        owner_notice::Model {
            id: event.id.clone(),
            team_id: team.as_uuid(),
            event: event.encode_to_vec(),
            told: false,
            create_time: now,
        }
    }
}
