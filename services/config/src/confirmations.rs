//! Confirmation by recipients (double opt-in). An address that a team newly names as a recipient, outside the domains of
//! its members, is asked by one email whether it wants the team's emails, and gets none until it has said so. Who was a
//! recipient before this was asked stays one. The state is a team's and an address's, whatever lists name it; it is no
//! configuration, and no document of a team's shows it.
//!
//! The email goes by the platform's server alone, and its link is made by the Dispatcher while it is sent, so that
//! nobody of the team can read it and confirm in the recipient's place.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ConnectionTrait;
use serde_json::json;
use tonic::Code;
use uuid::Uuid;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{Channel, UnconfirmedRecipient};
use watchbell_contracts::dispatcher::v1::SubmitRequest;
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::event::v1::route::Target;
use watchbell_contracts::event::v1::{AddressTarget, Event, Reason, Route};
use watchbell_model::convert::{FromWire, timestamp};
use watchbell_model::ids::TeamId;
use watchbell_model::{Category, ChannelKind, EmailAddress, Severity};
use watchbell_runtime::problem::Problem;

use crate::error::Result;
use crate::service::Service;
use crate::store::changes::Change;
use crate::store::entities::confirmation::Model;
use crate::store::entities::member;
use crate::store::{Resource, channels, confirmations, teams};

/// For how long a link works.
const LIFE: TimeDelta = TimeDelta::days(14);
/// The most emails that ask one address for one team within [`PERIOD`].
const MAX_SENT: i32 = 3;
const PERIOD: TimeDelta = TimeDelta::days(30);
/// The most emails that ask one mailbox within a day, for all teams.
const MAX_A_DAY: u64 = 5;
/// The most addresses of a team that have not confirmed.
const MAX_UNCONFIRMED: u64 = 1_000;
const BATCH: u64 = 100;
/// The longest name of a team that an email to a stranger shows, in characters.
const MAX_NAME: usize = 60;
/// Whose mailboxes are everybody's: a member there says nothing of the others.
const PUBLIC_DOMAINS: [&str; 20] = [
    "aol.com",
    "fastmail.com",
    "gmail.com",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hotmail.com",
    "icloud.com",
    "live.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "outlook.com",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "web.de",
    "yahoo.com",
    "yandex.ru",
];

/// The type of the event that asks.
const TYPE: &str = "recipient.confirmation";
/// The reason's word, by which the Dispatcher knows the email.
const CODE: &str = "recipient_confirmation";

/// Every address that a team's lists name, by key.
pub(crate) struct Listed(BTreeMap<String, EmailAddress>);

/// Those of a team's recipients who have not confirmed, by key.
pub(crate) struct Unconfirmed(HashMap<String, Model>);

/// Who may be mailed without having been asked.
#[derive(Debug, Default)]
pub(crate) struct Trusted {
    /// Those of the team's members.
    pub(crate) domains: Vec<String>,
    /// Addresses that have confirmed.
    pub(crate) confirmed: Vec<String>,
}

/// Loop that sends the emails.
#[derive(Debug)]
pub struct ConfirmationAsker {
    service: Service,
}

/// What became of an email that was due.
enum Sent {
    Yes,
    /// The address is no recipient any more, or the email stays due; others go on.
    No,
    /// The Dispatcher takes none at present.
    Unavailable,
}

// === impl Listed ===

impl Listed {
    pub(crate) async fn read(connection: &impl ConnectionTrait, team: TeamId) -> Result<Self> {
        let mut listed = Vec::new();
        for row in channels::all(connection, team).await? {
            if row.kind()? == ChannelKind::Email
                && let Some(Destination::Email(email)) = row.to_message(DateTime::UNIX_EPOCH)?.destination
            {
                listed.extend(email.recipients);
            }
        }
        let settings = teams::settings(connection, team).await?;
        listed.extend(settings.recipients());
        listed.extend(settings.digest()?.recipients);
        let addresses = listed.iter().filter_map(|text| text.parse::<EmailAddress>().ok());
        Ok(Self(addresses.map(|address| (address.key(), address)).collect()))
    }

    fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }
}

// === impl Unconfirmed ===

impl Unconfirmed {
    pub(crate) async fn read(connection: &impl ConnectionTrait, team: TeamId) -> Result<Self> {
        let rows = confirmations::all(connection, team).await?;
        let unconfirmed = rows.into_iter().filter(|row| !row.is_confirmed());
        Ok(Self(
            unconfirmed.map(|row| (row.address_key.clone(), row)).collect(),
        ))
    }

    fn of(&self, address: &str) -> Option<&Model> {
        self.0.get(&address.to_ascii_lowercase())
    }

    /// Shows which of a channel's recipients have not confirmed.
    pub(crate) fn show(&self, channel: &mut Channel) {
        if let Some(Destination::Email(email)) = &mut channel.destination {
            let rows = email.recipients.iter().filter_map(|address| self.of(address));
            email.unconfirmed_recipients = rows.map(message).collect();
        }
    }

    /// The same for those who send: they find among the recipients only who has confirmed.
    pub(crate) fn withhold(&self, channel: &mut Channel) {
        self.show(channel);
        if let Some(Destination::Email(email)) = &mut channel.destination {
            self.take_from(&mut email.recipients);
        }
    }

    /// Takes those who have not confirmed out of a list; answers them.
    pub(crate) fn take_from(&self, recipients: &mut Vec<String>) -> Vec<String> {
        let (confirmed, unconfirmed) = std::mem::take(recipients)
            .into_iter()
            .partition(|address| self.of(address).is_none());
        *recipients = confirmed;
        unconfirmed
    }

    /// All of them.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.0.values().map(|row| row.address.clone()).collect()
    }

    /// Those whom the team's lists name.
    pub(crate) fn listed(&self, listed: &Listed) -> Vec<UnconfirmedRecipient> {
        let mut rows: Vec<_> = self
            .0
            .values()
            .filter(|row| listed.has(&row.address_key))
            .collect();
        rows.sort_by(|one, other| one.address_key.cmp(&other.address_key));
        rows.into_iter().map(message).collect()
    }
}

// === impl Trusted ===

impl Trusted {
    pub(crate) async fn read(connection: &impl ConnectionTrait, team: TeamId) -> Result<Self> {
        let rows = confirmations::all(connection, team).await?;
        let confirmed = rows.into_iter().filter(Model::is_confirmed);
        Ok(Self {
            domains: Own::read(connection, team).await?.domains.into_iter().collect(),
            confirmed: confirmed.map(|row| row.address).collect(),
        })
    }
}

fn message(row: &Model) -> UnconfirmedRecipient {
    UnconfirmedRecipient {
        address: row.address.clone(),
        ask_time: Some(timestamp(row.ask_time)),
        expire_time: Some(timestamp(row.ask_time + LIFE)),
        sent_count: row.sent_count,
    }
}

/// A team's own addresses: its members', and all of their domains that are not everybody's.
struct Own {
    keys: HashSet<String>,
    domains: HashSet<String>,
}

// === impl Own ===

impl Own {
    async fn read(connection: &impl ConnectionTrait, team: TeamId) -> Result<Self> {
        let members = member::Entity::all(connection, team).await?;
        let addresses = members.iter().filter_map(|member| member.email.parse().ok());
        let domains = addresses.map(|address: EmailAddress| address.domain().to_owned());
        Ok(Self {
            domains: domains
                .filter(|domain| !PUBLIC_DOMAINS.contains(&domain.as_str()))
                .collect(),
            keys: members.into_iter().map(|member| member.email_key).collect(),
        })
    }

    fn has(&self, address: &EmailAddress) -> bool {
        self.keys.contains(&address.key()) || self.domains.contains(address.domain())
    }
}

/// Takes out of the recipients of a channel that is not saved who would have to confirm first. By a server of the team's
/// own it mails whom it wants.
pub(crate) async fn withhold_of_draft(service: &Service, team: TeamId, channel: &mut Channel) -> Result<()> {
    let Some(Destination::Email(email)) = &mut channel.destination else {
        return Ok(());
    };
    if !service.confirms_recipients() || email.smtp.is_some() {
        return Ok(());
    }
    let connection = service.store().reader();
    let own = Own::read(connection, team).await?;
    let confirmed = Trusted::read(connection, team).await?.confirmed;
    let trusted = |text: &String| {
        confirmed.iter().any(|other| other.eq_ignore_ascii_case(text))
            || text
                .parse::<EmailAddress>()
                .is_ok_and(|address| own.has(&address))
    };
    let (trusted, strangers) = std::mem::take(&mut email.recipients)
        .into_iter()
        .partition(trusted);
    email.recipients = trusted;
    let strangers: Vec<String> = strangers;
    let unconfirmed = |address| UnconfirmedRecipient {
        address,
        ..UnconfirmedRecipient::default()
    };
    email.unconfirmed_recipients = strangers.into_iter().map(unconfirmed).collect();
    Ok(())
}

/// Asks those whom a change has made recipients, `before` being the team's lists before it.
///
/// # Errors
/// Too many who have not confirmed, or the database's.
pub(crate) async fn ask_new(service: &Service, change: &Change, before: &Listed) -> Result<()> {
    if !service.confirms_recipients() {
        return Ok(());
    }
    let (connection, team) = (change.connection(), change.team());
    let after = Listed::read(connection, team).await?;
    let new: Vec<_> = after
        .0
        .into_values()
        .filter(|address| !before.has(&address.key()))
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    let own = Own::read(connection, team).await?;
    for address in new.iter().filter(|address| !own.has(address)) {
        ask(change, address).await?;
    }
    if confirmations::count_unconfirmed(connection, team).await? > MAX_UNCONFIRMED {
        return Err(Problem::Precondition {
            reason: "LIMIT_REACHED",
            message: format!(
                "more than {MAX_UNCONFIRMED} recipients have not confirmed yet that they want the team's emails: wait \
                 until they have, or take some off"
            ),
        }
        .into());
    }
    Ok(())
}

/// Whoever was asked before is not asked again until the link has expired.
async fn ask(change: &Change, address: &EmailAddress) -> Result<()> {
    let now = change.now();
    let known = confirmations::find(change.connection(), change.team(), &address.key()).await?;
    let row = match known {
        Some(row) if row.is_confirmed() || now < row.ask_time + LIFE => return Ok(()),
        Some(row) => renewed(row, now),
        None => Model {
            team_id: change.team().as_uuid(),
            address_key: address.key(),
            address: address.to_string(),
            mailbox: mailbox(address),
            nonce: Uuid::new_v4(),
            ask_time: now,
            confirm_time: None,
            sent_count: 0,
            send_time: None,
            due: true,
        },
    };
    confirmations::put(change.connection(), row).await
}

/// Asked anew, with another link; without an email when there were too many.
fn renewed(row: Model, now: DateTime<Utc>) -> Model {
    let forgotten = row.send_time.is_none_or(|sent| sent + PERIOD < now);
    let sent_count = if forgotten { 0 } else { row.sent_count };
    Model {
        nonce: Uuid::new_v4(),
        ask_time: now,
        sent_count,
        due: sent_count < MAX_SENT,
        ..row
    }
}

/// An address without its tag.
fn mailbox(address: &EmailAddress) -> String {
    let key = address.key();
    let (local, domain) = key.rsplit_once('@').unwrap_or((&key, ""));
    let local = local.split('+').next().unwrap_or(local);
    format!("{local}@{domain}")
}

/// Sends one more email to a recipient who has not confirmed.
///
/// # Errors
/// `NOT_FOUND` when the address need not confirm, `FAILED_PRECONDITION` when it was asked often enough.
pub(crate) async fn resend(
    service: &Service,
    team: TeamId,
    address: &EmailAddress,
) -> Result<UnconfirmedRecipient> {
    let change = service.change(team).await?;
    let connection = change.connection();
    let found = confirmations::find(connection, team, &address.key()).await?;
    let listed = Listed::read(connection, team).await?;
    let row = found
        .filter(|row| !row.is_confirmed() && listed.has(&row.address_key))
        .ok_or_else(|| Problem::not_found("unconfirmed recipient", address))?;
    let renewed = renewed(row.clone(), change.now());
    if row.due || !renewed.due {
        let message = if row.due {
            "an email is about to be sent".to_owned()
        } else {
            format!(
                "{MAX_SENT} emails have asked this address in {} days: ask it in another way",
                PERIOD.num_days()
            )
        };
        return Err(Problem::Precondition {
            reason: "ASKED_ALREADY",
            message,
        }
        .into());
    }
    let shown = message(&renewed);
    confirmations::put(connection, renewed).await?;
    service.finish(change, false).await?;
    Ok(shown)
}

/// What a link stands for.
pub(crate) struct Asked {
    pub(crate) team_name: String,
    pub(crate) confirmed: bool,
    pub(crate) outdated: bool,
}

/// Looks at what a link stands for.
pub(crate) async fn inspect(
    connection: &impl ConnectionTrait,
    confirmation: &watchbell_model::confirmation::Confirmation,
    now: DateTime<Utc>,
) -> Result<Asked> {
    let team = confirmation.team;
    let key = confirmation.address.key();
    let row = confirmations::find(connection, team, &key).await?;
    let row = row.filter(|row| row.nonce == confirmation.nonce);
    let confirmed = row.as_ref().is_some_and(Model::is_confirmed);
    let young = row.is_some_and(|row| now < row.ask_time + LIFE);
    let good = confirmed || (young && Listed::read(connection, team).await?.has(&key));
    let team_name = if good {
        shown_name(&teams::get(connection, team).await?.display_name)
    } else {
        String::new()
    };
    Ok(Asked {
        team_name,
        confirmed,
        outdated: !good,
    })
}

/// Confirms what a link stands for; whether it is confirmed now.
pub(crate) async fn confirm(
    service: &Service,
    confirmation: &watchbell_model::confirmation::Confirmation,
) -> Result<bool> {
    let change = service.change(confirmation.team).await?;
    let asked = inspect(change.connection(), confirmation, change.now()).await?;
    if asked.confirmed || asked.outdated {
        return Ok(asked.confirmed);
    }
    let key = confirmation.address.key();
    if let Some(row) = confirmations::find(change.connection(), change.team(), &key).await? {
        let confirmed = Model {
            confirm_time: Some(change.now()),
            due: false,
            ..row
        };
        confirmations::put(change.connection(), confirmed).await?;
    }
    service.finish(change, false).await?;
    Ok(true)
}

/// The name of a team as strangers see it: short, and nothing that a mail program would make a link of.
fn shown_name(name: &str) -> String {
    let name: String = name.chars().take(MAX_NAME).collect();
    let links = ["://", "www.", "@"]
        .iter()
        .any(|part| name.to_ascii_lowercase().contains(part));
    if links { "A team".to_owned() } else { name }
}

// === impl ConfirmationAsker ===

impl ConfirmationAsker {
    /// An asker of this service's recipients.
    pub fn new(service: Service) -> Self {
        Self { service }
    }

    /// Sends what is due; answers how much was. Without a Dispatcher everything waits.
    ///
    /// # Errors
    /// The database's.
    pub async fn tick(&self) -> Result<u64> {
        let service = &self.service;
        if !service.dispatcher().is_attached() || !service.confirms_recipients() {
            return Ok(0);
        }
        let (mut sent, mut last) = (0, None);
        loop {
            let (reader, day) = (service.store().reader(), service.now() - TimeDelta::days(1));
            let page = confirmations::due_all_teams(reader, day, MAX_A_DAY, last.as_ref(), BATCH).await?;
            last = page.last().cloned();
            if last.is_none() {
                return Ok(sent);
            }
            for row in page {
                match self.send(row).await? {
                    Sent::Yes => sent += 1,
                    Sent::No => {}
                    Sent::Unavailable => return Ok(sent),
                }
            }
        }
    }

    async fn send(&self, row: Model) -> Result<Sent> {
        let service = &self.service;
        let (team, now, reader) = (row.team(), service.now(), service.store().reader());
        if !Listed::read(reader, team).await?.has(&row.address_key) {
            self.note(Model { due: false, ..row }).await?;
            return Ok(Sent::No);
        }
        let today = confirmations::sent_all_teams(reader, &row.mailbox, now - TimeDelta::days(1)).await?;
        if today >= MAX_A_DAY {
            return Ok(Sent::No);
        }
        let name = shown_name(&teams::get(reader, team).await?.display_name);
        match service.dispatcher().submit(self.request(&row, &name)).await {
            Ok(()) => {}
            Err(status) if status.code() == Code::InvalidArgument => {
                tracing::error!(%team, %status, "the Dispatcher refused a confirmation email");
            }
            // The team's own bound: other teams' emails still go.
            Err(status) if status.code() == Code::ResourceExhausted => return Ok(Sent::No),
            Err(status) => {
                tracing::warn!(%team, %status, "confirmation emails will be sent later");
                return Ok(Sent::Unavailable);
            }
        }
        let sent_count = row.sent_count + 1;
        self.note(Model {
            due: false,
            sent_count,
            send_time: Some(now),
            ..row
        })
        .await?;
        Ok(Sent::Yes)
    }

    /// Forgets who was asked long ago and is no recipient any more.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune(&self) -> Result<u64> {
        let service = &self.service;
        let before = service.now() - PERIOD;
        let (mut forgotten, mut last) = (0, None);
        loop {
            let page = confirmations::stale_all_teams(service.store().reader(), before, last.as_ref(), BATCH)
                .await?;
            last = page.last().cloned();
            if last.is_none() {
                return Ok(forgotten);
            }
            for row in page {
                let listed = Listed::read(service.store().reader(), row.team()).await?;
                if !listed.has(&row.address_key) {
                    confirmations::delete(service.store().writer(), &row).await?;
                    forgotten += 1;
                }
            }
        }
    }

    /// Writes a row that may have been confirmed or renewed meanwhile: then that stays.
    async fn note(&self, row: Model) -> Result<()> {
        let transaction = self.service.store().begin().await?;
        let now = confirmations::find(&transaction, row.team(), &row.address_key).await?;
        if now.is_some_and(|now| now.nonce == row.nonce && !now.is_confirmed()) {
            confirmations::put(&transaction, row).await?;
        }
        Ok(transaction.commit().await?)
    }

    fn request(&self, row: &Model, team_name: &str) -> SubmitRequest {
        let brand = self.service.brand();
        let event = Event {
            id: format!("{TYPE}:{}:{}", row.nonce.simple(), row.sent_count),
            r#type: TYPE.to_owned(),
            severity: Severity::Info.to_wire(),
            category: Category::SystemNotification.to_wire(),
            source: brand.source(),
            occurred_at: Some(timestamp(row.ask_time)),
            title: format!("Confirm that you want emails of “{team_name}”"),
            subject: row.address.clone(),
            payload: Some(Payload::DataJson(
                json!({ "team": team_name, "confirmation": row.nonce.to_string() })
                    .to_string()
                    .into_bytes()
                    .into(),
            )),
            ..Event::default()
        };
        let route = Route {
            kind: ChannelKind::Email.to_wire(),
            target: Some(Target::Address(AddressTarget {
                address: row.address.clone(),
                ..AddressTarget::default()
            })),
            reason: Some(Reason {
                code: CODE.to_owned(),
                sentence: "The address is asked once whether it wants the team's emails.".to_owned(),
                rule_id: String::new(),
            }),
            mentions: Vec::new(),
        };
        SubmitRequest {
            team_id: row.team().to_string(),
            event: Some(event),
            routes: vec![route],
            ..SubmitRequest::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_makes_no_other_mailbox() {
        for (address, expected) in [
            ("Ann+1@Example.com", "ann@example.com"),
            ("ann@example.com", "ann@example.com"),
        ] {
            assert_eq!(mailbox(&address.parse().unwrap()), expected);
        }
    }

    #[test]
    fn strangers_see_no_link_in_the_name_of_a_team() {
        assert_eq!(shown_name("Acme"), "Acme");
        assert_eq!(shown_name("Win at https://evil.example"), "A team");
        assert_eq!(shown_name("WWW.evil.example"), "A team");
        assert_eq!(shown_name(&"x".repeat(100)).len(), 60);
    }
}
