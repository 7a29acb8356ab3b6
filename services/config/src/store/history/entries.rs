//! Entries of a team's configuration as its history keeps them, and what a change made of them.

use prost::Message;
use watchbell_contracts::config::v1::{ApiKey, Channel, Member, MentionRule, Preference, Rule, Silence};
use watchbell_model::ids::MemberId;

use crate::error::Result;
use crate::store::decode;

/// The table's name.
pub(crate) const TABLE: &str = "config_history";

/// The kind of an entry. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub(crate) enum Kind {
    /// The team itself: a `Team`.
    Team = 1,
    /// By name: an `EventType`.
    EventType = 2,
    /// By id: a `Channel` without secrets, health, and whether it is the default.
    Channel = 3,
    /// By the kind's name: the id of the default channel.
    DefaultChannel = 4,
    /// By id: a `Rule` without its position.
    Rule = 5,
    /// The ids of all rules, in order.
    RuleOrder = 6,
    /// By id: a `MentionRule`.
    MentionRule = 7,
    /// By id: a `Silence` that had not ended.
    Silence = 8,
    /// By id: a `Member`.
    Member = 9,
    /// By the member's id and the topic: a [`SaidPreference`].
    Preference = 10,
    /// The addresses that receipts go to.
    ComplianceRecipients = 11,
    /// `DigestSettings`.
    Digest = 12,
    /// By id: an `ApiKey`.
    ApiKey = 13,
    /// By the address in lower case: an [`AskedRecipient`].
    Recipient = 14,
}

/// The key of an entry in its team.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) id: String,
}

/// A list of texts.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Texts {
    #[prost(string, repeated, tag = "1")]
    pub(crate) texts: Vec<String>,
}

/// A member's word on a topic.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SaidPreference {
    #[prost(message, optional, tag = "1")]
    pub(crate) preference: Option<Preference>,
    /// Whether an email's link said it.
    #[prost(bool, tag = "2")]
    pub(crate) by_link: bool,
}

/// A recipient who was asked to confirm.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AskedRecipient {
    #[prost(string, tag = "1")]
    pub(crate) address: String,
    #[prost(bool, tag = "2")]
    pub(crate) confirmed: bool,
}

/// What a change made of one entry.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EntryChange {
    #[prost(int32, tag = "1")]
    pub(super) kind: i32,
    #[prost(string, tag = "2")]
    pub(crate) id: String,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(crate) before: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub(crate) after: Option<Vec<u8>>,
    /// The fields whose secrets changed, as a document names them.
    #[prost(string, repeated, tag = "5")]
    pub(crate) secrets: Vec<String>,
}

/// What a change made of a team's entries.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Difference {
    #[prost(message, repeated, tag = "1")]
    pub(crate) entries: Vec<EntryChange>,
}

// === impl Kind ===

impl Kind {
    pub(crate) const ALL: [Self; 14] = [
        Self::Team,
        Self::EventType,
        Self::Channel,
        Self::DefaultChannel,
        Self::Rule,
        Self::RuleOrder,
        Self::MentionRule,
        Self::Silence,
        Self::Member,
        Self::Preference,
        Self::ComplianceRecipients,
        Self::Digest,
        Self::ApiKey,
        Self::Recipient,
    ];

    /// The full name of the message's type, of entries that have fields.
    pub(crate) fn message(self) -> Option<&'static str> {
        Some(match self {
            Self::Team => "watchbell.config.v1.Team",
            Self::EventType => "watchbell.config.v1.EventType",
            Self::Channel => "watchbell.config.v1.Channel",
            Self::Rule => "watchbell.config.v1.Rule",
            Self::MentionRule => "watchbell.config.v1.MentionRule",
            Self::Silence => "watchbell.config.v1.Silence",
            Self::Member => "watchbell.config.v1.Member",
            Self::Digest => "watchbell.config.v1.DigestSettings",
            Self::ApiKey => "watchbell.config.v1.ApiKey",
            Self::DefaultChannel
            | Self::RuleOrder
            | Self::Preference
            | Self::ComplianceRecipients
            | Self::Recipient => return None,
        })
    }
}

/// What people call an entry, by its message.
pub(crate) fn called(key: &Key, message: Option<&[u8]>) -> String {
    fn name<M: Message + Default>(bytes: Option<&[u8]>, name: impl FnOnce(M) -> String) -> String {
        bytes
            .and_then(|bytes| M::decode(bytes).ok())
            .map(name)
            .unwrap_or_default()
    }
    let id = &key.id;
    match key.kind {
        Kind::Team => "team".to_owned(),
        Kind::EventType => format!("event type {id}"),
        Kind::Channel => name::<Channel>(message, |it| format!("channel {}", it.display_name)),
        Kind::DefaultChannel => format!("default channel ({})", id.to_lowercase()),
        Kind::Rule => name::<Rule>(message, |it| format!("rule {}", it.display_name)),
        Kind::RuleOrder => "rules".to_owned(),
        Kind::MentionRule => {
            name::<MentionRule>(message, |it| format!("mention rule {}", it.types.join(", ")))
        }
        Kind::Silence => name::<Silence>(message, |it| format!("silence {}", it.comment)),
        Kind::Member => name::<Member>(message, |it| format!("member {}", it.email)),
        Kind::Preference => format!("preferences of {}", id.replace('/', ": ")),
        Kind::ComplianceRecipients => "compliance recipients".to_owned(),
        Kind::Digest => "digest".to_owned(),
        Kind::ApiKey => name::<ApiKey>(message, |it| format!("API key {}", it.display_name)),
        Kind::Recipient => format!("recipient {id}"),
    }
}

// === impl Key ===

impl Key {
    pub(crate) fn new(kind: Kind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }

    /// Of what a team has one of.
    pub(crate) fn single(kind: Kind) -> Self {
        Self::new(kind, "")
    }

    /// Of a member's word on a topic.
    pub(crate) fn preference(member: MemberId, topic: &str) -> Self {
        Self::new(Kind::Preference, format!("{member}/{topic}"))
    }
}

// === impl EntryChange ===

impl EntryChange {
    /// The key; none for a kind that a later release has added.
    pub(crate) fn key(&self) -> Option<Key> {
        let kind = Kind::ALL.into_iter().find(|kind| *kind as i32 == self.kind)?;
        Some(Key::new(kind, self.id.as_str()))
    }
}

// === impl Difference ===

impl Difference {
    /// The entries of a kind, by id.
    pub(crate) fn of(&self, kind: Kind) -> impl Iterator<Item = &EntryChange> {
        self.entries.iter().filter(move |entry| entry.kind == kind as i32)
    }

    /// Notes that secrets of a channel changed, whose entry may be the same.
    pub(crate) fn note_secrets(&mut self, id: &str, entry: &[u8], fields: Vec<String>) {
        let kind = Kind::Channel as i32;
        let found = self
            .entries
            .iter_mut()
            .find(|entry| entry.kind == kind && entry.id == id);
        match found {
            Some(found) => found.secrets = fields,
            None => self.entries.push(EntryChange {
                kind,
                id: id.to_owned(),
                before: Some(entry.to_vec()),
                after: Some(entry.to_vec()),
                secrets: fields,
            }),
        }
    }
}

/// The message of an entry.
pub(crate) fn entry_message<M: Message + Default>(bytes: &[u8]) -> Result<M> {
    decode(TABLE, bytes)
}
