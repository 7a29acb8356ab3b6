//! Reminders of an alert that stays open, and its escalation: whoever a rule told is told again, and others are told once, while
//! nobody has acknowledged it. A rule says how; the Router settles it into a route.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use watchbell_contracts::config::v1 as config_wire;
use watchbell_contracts::event::v1 as wire;

use crate::convert::{duration, span};
use crate::ids::ChannelId;
use crate::text::{at_most, span_words};
use crate::violation::{Violations, reason};

/// The shortest and the longest time between two reminders.
const EVERY: (Duration, Duration) = (minutes(5), days(30));
/// The most reminders of one rule and alert.
const MAX_REMINDERS: u32 = 100;
/// The shortest and the longest time before an escalation.
const AFTER: (Duration, Duration) = (minutes(1), days(30));
/// The most channels that one rule escalates to.
pub const MAX_ESCALATION_CHANNELS: usize = 20;

/// Reminders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remind {
    /// Between two of them, and before the first.
    #[serde(rename = "e", with = "microseconds")]
    pub every: Duration,
    /// How many there are at most, from 1.
    #[serde(rename = "n")]
    pub at_most: u32,
}

/// What a rule says of escalation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalate {
    /// How long after the rule told of the alert.
    pub after: Duration,
    /// At least one.
    pub channels: Vec<ChannelId>,
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

const fn days(count: u64) -> Duration {
    minutes(count * 24 * 60)
}

// === impl Remind ===

impl TryFrom<&wire::Remind> for Remind {
    type Error = Violations;

    fn try_from(message: &wire::Remind) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let every = bounded(
            message.every.as_ref(),
            "every",
            EVERY,
            "5 minutes to 30 days",
            &mut violations,
        );
        let at_most = u32::try_from(message.at_most).unwrap_or(0);
        if !(1..=MAX_REMINDERS).contains(&at_most) {
            let why = format!("must be 1 to {MAX_REMINDERS}");
            violations.add("at_most", reason::OUT_OF_RANGE, why);
        }
        match every {
            Some(every) if violations.is_empty() => Ok(Self { every, at_most }),
            _ => Err(violations),
        }
    }
}

impl From<&Remind> for wire::Remind {
    fn from(remind: &Remind) -> Self {
        Self {
            every: Some(duration(remind.every)),
            at_most: i32::try_from(remind.at_most).unwrap_or(i32::MAX),
        }
    }
}

impl Remind {
    /// `reminds every 4 h, at most 5 times`
    #[must_use]
    pub fn words(&self) -> String {
        format!(
            "reminds every {}, {}",
            span_words(self.every),
            at_most(self.at_most)
        )
    }
}

// === impl Escalate ===

impl TryFrom<&config_wire::Escalate> for Escalate {
    type Error = Violations;

    /// Reads it; whether the channels exist is Config's to ask.
    fn try_from(message: &config_wire::Escalate) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let after = after(message.after.as_ref(), &mut violations);
        let channels = channels(&message.channel_ids, &mut violations);
        match after {
            Some(after) if violations.is_empty() => Ok(Self { after, channels }),
            _ => Err(violations),
        }
    }
}

impl From<&Escalate> for config_wire::Escalate {
    fn from(escalate: &Escalate) -> Self {
        Self {
            after: Some(duration(escalate.after)),
            channel_ids: escalate.channels.iter().map(ToString::to_string).collect(),
        }
    }
}

/// How long after a rule told of an alert it escalates.
pub(crate) fn after(wire: Option<&prost_types::Duration>, violations: &mut Violations) -> Option<Duration> {
    bounded(wire, "after", AFTER, "1 minute to 30 days", violations)
}

fn channels(ids: &[String], violations: &mut Violations) -> Vec<ChannelId> {
    if ids.is_empty() {
        violations.required("channel_ids");
    }
    violations.limit_entries("channel_ids", ids.len(), MAX_ESCALATION_CHANNELS);
    let mut channels = Vec::new();
    for (index, text) in ids.iter().take(MAX_ESCALATION_CHANNELS).enumerate() {
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

fn bounded(
    wire: Option<&prost_types::Duration>,
    field: &str,
    (shortest, longest): (Duration, Duration),
    bounds: &str,
    violations: &mut Violations,
) -> Option<Duration> {
    if wire.is_none() {
        violations.required(field);
    }
    let given = span(wire, field, violations)?;
    if !(shortest..=longest).contains(&given) {
        violations.add(field, reason::OUT_OF_RANGE, format!("must be {bounds}"));
        return None;
    }
    Some(given)
}

/// As a number of microseconds, as tables keep times.
pub(crate) mod microseconds {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::tests::noon;

    fn fields(violations: Violations) -> Vec<String> {
        violations.into_iter().map(|violation| violation.field).collect()
    }

    fn remind(every: u64, at_most: i32) -> Result<Remind, Violations> {
        Remind::try_from(&wire::Remind {
            every: Some(duration(Duration::from_secs(every))),
            at_most,
        })
    }

    #[test]
    fn reminders_have_bounds_and_every_wrong_field_is_named() {
        for (every, at_most) in [(300, 1), (30 * 86_400, 100)] {
            let read = remind(every, at_most).unwrap();
            assert_eq!(Remind::try_from(&wire::Remind::from(&read)), Ok(read));
        }
        for (every, at_most, wrong) in [
            (299, 1, &["every"] as &[_]),
            (30 * 86_400 + 1, 100, &["every"]),
            (300, 0, &["at_most"]),
            (300, 101, &["at_most"]),
            (1, -1, &["every", "at_most"]),
        ] {
            assert_eq!(
                fields(remind(every, at_most).unwrap_err()),
                wrong,
                "{every} s, {at_most}"
            );
        }
        let nothing = Remind::try_from(&wire::Remind::default());
        assert_eq!(fields(nothing.unwrap_err()), ["every", "at_most"]);
    }

    #[test]
    fn an_escalation_has_bounds_and_every_wrong_field_is_named() {
        let read = |after, channel_ids: Vec<String>| {
            Escalate::try_from(&config_wire::Escalate {
                after: Some(duration(Duration::from_secs(after))),
                channel_ids,
            })
        };
        let id = || ChannelId::generate(noon()).to_string();
        let some = |count| (0..count).map(|_| id()).collect::<Vec<_>>();
        for (after, count) in [(60, 1), (30 * 86_400, 20)] {
            let right = read(after, some(count)).unwrap();
            assert_eq!(
                Escalate::try_from(&config_wire::Escalate::from(&right)),
                Ok(right)
            );
        }
        assert_eq!(fields(read(59, some(1)).unwrap_err()), ["after"]);
        assert_eq!(
            fields(read(30 * 86_400 + 1, vec![]).unwrap_err()),
            ["after", "channel_ids"]
        );
        assert_eq!(fields(read(60, some(21)).unwrap_err()), ["channel_ids"]);
        let one = id();
        let wrong = read(60, vec![one.clone(), "#security".to_owned(), one]).unwrap_err();
        assert_eq!(fields(wrong), ["channel_ids[1]", "channel_ids[2]"]);
    }
}
