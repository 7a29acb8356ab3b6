//! Silences: periods in which matching messages are held or dropped, each with an author and a reason. They apply to
//! messages that wait, too, so they are asked before each attempt.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use watchbell_contracts::config::v1 as wire;

use crate::catalog::RECEIPT;
use crate::convert::{FromWire as _, instant, timestamp, words};
use crate::event::Event;
use crate::expression::Facts;
use crate::filter::Filter;
use crate::ids::{ChannelId, SilenceId};
use crate::text::time_text;
use crate::violation::{Violations, reason};
use crate::vocabulary::ChannelKind;

/// The longest silence.
pub const MAX_LENGTH: TimeDelta = TimeDelta::days(30);
/// How far in the future a silence may begin.
pub const MAX_AHEAD: TimeDelta = TimeDelta::days(366);
/// The longest comment, in characters.
pub const MAX_COMMENT_CHARS: usize = 200;
/// The most channels that one silence names.
pub const MAX_CHANNELS: usize = 50;
/// The most silences of one team that have not ended.
pub const MAX_SILENCES: usize = 100;

/// One silence of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// The id.
    pub id: SilenceId,
    /// Which events.
    pub filter: Filter,
    /// Messages to these channels, besides those of `kinds`.
    pub channels: Vec<ChannelId>,
    /// Messages of these kinds, besides those to `channels`.
    pub kinds: Vec<ChannelKind>,
    /// The beginning, inclusive.
    pub start: DateTime<Utc>,
    /// The end, exclusive.
    pub end: DateTime<Utc>,
    /// The reason, one line.
    pub comment: String,
    /// The member or API key that made it, in words.
    pub author: String,
    /// What becomes of what matches.
    pub mode: SilenceMode,
}

/// What becomes of messages that a silence matches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SilenceMode {
    /// They wait for the end, when one message gives an account of them.
    #[default]
    Hold,
    /// They are cancelled.
    Drop,
}

// === impl Silence ===

impl Silence {
    /// Reads a silence that somebody writes now. It begins now when it names no beginning; its id and author are still to
    /// be given.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn written(message: &wire::Silence, now: DateTime<Utc>) -> Result<Self, Violations> {
        let now = now.trunc_subsecs(6);
        let message = wire::Silence {
            id: SilenceId::from_uuid(uuid::Uuid::nil()).to_string(),
            start_time: message.start_time.or_else(|| Some(timestamp(now))),
            ..message.clone()
        };
        let silence = Self::checked(&message)?;
        let mut violations = Violations::new();
        if silence.end <= silence.start {
            violations.add("end_time", reason::OUT_OF_RANGE, "must be after start_time");
        } else if silence.end <= now {
            violations.add("end_time", reason::OUT_OF_RANGE, "must be in the future");
        } else if silence.end - silence.start > MAX_LENGTH {
            violations.add(
                "end_time",
                reason::OUT_OF_RANGE,
                "must be at most 30 days after start_time",
            );
        }
        if silence.start > now + MAX_AHEAD {
            violations.add("start_time", reason::OUT_OF_RANGE, "must be within a year");
        }
        violations.into_result(silence)
    }

    /// Reads a silence that is being saved. Whether its channels exist and its time is over is asked elsewhere.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn checked(message: &wire::Silence) -> Result<Self, Violations> {
        Self::read(message, Filter::written)
    }

    /// Whether it is in force.
    #[must_use]
    pub fn is_active(&self, now: DateTime<Utc>) -> bool {
        self.start <= now && now < self.end
    }

    /// Whether it is for messages of a kind, to a channel unless they are mail to people. Webhooks must be named: programs count on every event.
    #[must_use]
    pub fn covers(&self, kind: ChannelKind, channel: Option<ChannelId>) -> bool {
        if self.channels.is_empty() && self.kinds.is_empty() {
            return !matches!(kind, ChannelKind::Webhook | ChannelKind::InApp);
        }
        self.kinds.contains(&kind) || channel.is_some_and(|id| self.channels.contains(&id))
    }

    /// Whether a message about this event is silenced while the silence is in force. Receipts are records
    /// and never silenced.
    #[must_use]
    pub fn matches(&self, facts: &Facts<'_>, kind: ChannelKind, channel: Option<ChannelId>) -> bool {
        self.covers(kind, channel) && self.concerns(facts)
    }

    /// Whether it is for messages about this event, wherever they go.
    #[must_use]
    pub fn concerns(&self, facts: &Facts<'_>) -> bool {
        facts.event().event_type.as_str() != RECEIPT && self.filter.matches_facts(facts).is_yes()
    }

    /// `the silence “patch window” of ann@example.com until 21 Nov 2026, 03:00 UTC`
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self {
            comment, author, end, ..
        } = self;
        format!("the silence “{comment}” of {author} until {}", time_text(*end))
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> wire::SilenceState {
        if self.end <= now {
            wire::SilenceState::Expired
        } else if now < self.start {
            wire::SilenceState::Pending
        } else {
            wire::SilenceState::Active
        }
    }
}

/// The silence in force that decides about a message.
#[must_use]
pub fn deciding<'s>(
    silences: impl IntoIterator<Item = &'s Silence>,
    event: &Event,
    (kind, channel): (ChannelKind, Option<ChannelId>),
    now: DateTime<Utc>,
) -> Option<&'s Silence> {
    let facts = Facts::of(event);
    let silences = silences.into_iter();
    strongest(silences.filter(|silence| silence.is_active(now) && silence.matches(&facts, kind, channel)))
}

/// Of silences that all hold or drop a message the one that decides: one that drops it before one that holds it, then the one
/// that ends last.
#[must_use]
pub fn strongest<'s>(silences: impl IntoIterator<Item = &'s Silence>) -> Option<&'s Silence> {
    let silences = silences.into_iter();
    silences.max_by_key(|silence| (silence.mode, silence.end, silence.id))
}

impl TryFrom<&wire::Silence> for Silence {
    type Error = Violations;

    /// Reads a silence that is kept.
    fn try_from(message: &wire::Silence) -> Result<Self, Violations> {
        Self::read(message, Filter::kept)
    }
}

impl Silence {
    fn read(
        message: &wire::Silence,
        read_filter: fn(&wire::EventFilter) -> Result<Filter, Violations>,
    ) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.parse::<SilenceId>("id", reason::MALFORMED, &message.id);
        let filter = message.r#match.as_ref();
        let filter =
            violations.take_under("match", filter.map_or_else(|| Ok(Filter::default()), read_filter));
        let channels = channels(&message.channel_ids, &mut violations);
        let kinds: Vec<ChannelKind> = words(&message.kinds, "kinds", &mut violations);
        for (index, kind) in kinds.iter().enumerate() {
            if *kind == ChannelKind::InApp {
                violations.add(
                    format!("kinds[{index}]"),
                    reason::NOT_ALLOWED,
                    "the in-app inbox interrupts nobody and cannot be silenced",
                );
            }
        }
        let mut time = |field, given: Option<&_>| {
            if given.is_none() {
                violations.required(field);
            }
            instant(given, field, &mut violations).map(|time| time.trunc_subsecs(6))
        };
        let start = time("start_time", message.start_time.as_ref());
        let end = time("end_time", message.end_time.as_ref());
        let comment = violations.name("comment", &message.comment, MAX_COMMENT_CHARS);
        let mode = match wire::SilenceMode::try_from(message.mode) {
            Ok(wire::SilenceMode::Unspecified | wire::SilenceMode::Hold) => SilenceMode::Hold,
            Ok(wire::SilenceMode::Drop) => SilenceMode::Drop,
            Err(_) => {
                violations.add("mode", reason::UNKNOWN_VALUE, "must be HOLD or DROP");
                SilenceMode::Hold
            }
        };
        match (id, filter, start, end) {
            (Some(id), Some(filter), Some(start), Some(end)) if violations.is_empty() => Ok(Self {
                id,
                filter,
                channels,
                kinds,
                start,
                end,
                comment,
                author: message.author.clone(),
                mode,
            }),
            _ => Err(violations),
        }
    }
}

fn channels(texts: &[String], violations: &mut Violations) -> Vec<ChannelId> {
    violations.limit_entries("channel_ids", texts.len(), MAX_CHANNELS);
    let mut channels = Vec::new();
    for (index, text) in texts.iter().take(MAX_CHANNELS).enumerate() {
        let at = format!("channel_ids[{index}]");
        if let Some(id) = violations.parse::<ChannelId>(&at, reason::MALFORMED, text) {
            if channels.contains(&id) {
                violations.add(at, reason::DUPLICATE, "is given twice");
            } else {
                channels.push(id);
            }
        }
    }
    channels
}

impl From<&Silence> for wire::Silence {
    fn from(silence: &Silence) -> Self {
        let mode = match silence.mode {
            SilenceMode::Hold => wire::SilenceMode::Hold,
            SilenceMode::Drop => wire::SilenceMode::Drop,
        };
        Self {
            id: silence.id.to_string(),
            r#match: (silence.filter != Filter::default()).then(|| (&silence.filter).into()),
            channel_ids: silence.channels.iter().map(ToString::to_string).collect(),
            kinds: silence.kinds.iter().map(|kind| kind.to_wire()).collect(),
            start_time: Some(timestamp(silence.start)),
            end_time: Some(timestamp(silence.end)),
            comment: silence.comment.clone(),
            author: silence.author.clone(),
            mode: mode.into(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests;
