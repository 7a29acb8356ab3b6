//! Confirmation by recipients (double opt-in). An address that a team newly names as a recipient, outside the domains of
//! its members, is asked by one email whether it wants the team's emails, and gets none until it has said so. Who was a
//! recipient before this was asked stays one. The state is a team's and an address's, whatever lists name it; it is no
//! configuration, and no document of a team's shows it.
//!
//! The email goes by the platform's server alone, and its link is made by the Dispatcher while it is sent, so that
//! nobody of the team can read it and confirm in the recipient's place.

pub(crate) mod asker;

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ConnectionTrait;
use uuid::Uuid;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{Channel, UnconfirmedRecipient};
use watchbell_model::convert::timestamp;
use watchbell_model::ids::TeamId;
use watchbell_model::{ChannelKind, EmailAddress};
use watchbell_runtime::problem::Problem;

use crate::author::{Author, Writer};
use crate::error::Result;
use crate::service::Service;
use crate::store::changes::Change;
use crate::store::entities::confirmation::Model;
use crate::store::entities::{channel, member};
use crate::store::history::{AskedRecipient, Kind, State};
use crate::store::{Resource, confirmations, teams};

/// For how long a link works.
const LIFE: TimeDelta = TimeDelta::days(14);
/// The most emails that ask one address for one team within [`PERIOD`].
const MAX_SENT: i32 = 3;
const PERIOD: TimeDelta = TimeDelta::days(30);
/// The most emails that ask one mailbox within a day, for all teams.
const MAX_A_DAY: u64 = 5;
/// The most addresses of a team that have not confirmed.
const MAX_UNCONFIRMED: u64 = 1_000;
/// The longest name of a team that an email to a stranger shows, in characters.
const MAX_NAME: usize = 60;
/// Domains where anybody may have a mailbox: a member there does not vouch for the others.
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

/// Every address that a team's lists name, by key.
pub(crate) struct Listed(BTreeMap<String, EmailAddress>);

/// Recipients of a team that have not confirmed, by key.
pub(crate) struct Unconfirmed(HashMap<String, Model>);

/// Addresses that may be mailed without having been asked.
#[derive(Debug, Default)]
pub(crate) struct Trusted {
    /// Domains of the team's members.
    pub(crate) domains: Vec<String>,
    /// Addresses that have confirmed.
    pub(crate) confirmed: Vec<String>,
}

// === impl Listed ===

impl Listed {
    pub(crate) async fn read(connection: &impl ConnectionTrait, team: TeamId) -> Result<Self> {
        let mut listed = Vec::new();
        for row in channel::Entity::all(connection, team).await? {
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

    /// Those of a state of the past.
    pub(crate) fn of_state(state: &State, team: TeamId, at: DateTime<Utc>) -> Result<Self> {
        let asked = state.all::<AskedRecipient>(Kind::Recipient)?.into_iter();
        let unconfirmed = asked.filter(|(_, asked)| !asked.confirmed).map(|(key, asked)| {
            let row = Model {
                team_id: team.as_uuid(),
                address_key: key.to_owned(),
                address: asked.address,
                mailbox: String::new(),
                nonce: Uuid::nil(),
                ask_time: at,
                confirm_time: None,
                sent_count: 0,
                send_time: None,
                due: false,
            };
            (key.to_owned(), row)
        });
        Ok(Self(unconfirmed.collect()))
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

    /// Leaves only confirmed recipients in a channel, for services that send.
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

    /// Recipients that the team's lists name.
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
    by: &Writer,
) -> Result<UnconfirmedRecipient> {
    let change = service.change(team, by).await?;
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

/// The confirmation that a link asks for.
pub(crate) struct LinkState {
    pub(crate) team_name: String,
    pub(crate) confirmed: bool,
    pub(crate) outdated: bool,
}

/// Looks at what a link stands for.
pub(crate) async fn inspect(
    connection: &impl ConnectionTrait,
    confirmation: &watchbell_model::confirmation::Confirmation,
    now: DateTime<Utc>,
) -> Result<LinkState> {
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
    Ok(LinkState {
        team_name,
        confirmed,
        outdated: !good,
    })
}

/// Confirms what a link stands for; whether it is confirmed now.
pub(crate) async fn confirm(
    service: &Service,
    confirmation: &watchbell_model::confirmation::Confirmation,
    by: Author,
) -> Result<bool> {
    let change = service.change(confirmation.team, by).await?;
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
