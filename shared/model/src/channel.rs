//! A channel as deciding and carrying see it: what it wants, when it holds, how fast it goes. Where it leads, and the secrets
//! for it, are not here; they stay sealed in Config until the Dispatcher resolves them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::email::EmailAddress;
use crate::filter::Filter;
use crate::ids::{ChannelId, TeamId};
use crate::quiet_hours::QuietHours;
use crate::retry::RetrySchedule;
use crate::rule::MAX_NAME_CHARS;
use crate::violation::{Violations, reason};
use crate::vocabulary::{ChannelHealth, ChannelKind};

/// A configured destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// The id.
    pub id: ChannelId,
    /// The owning team.
    pub team_id: TeamId,
    /// What it is.
    pub kind: ChannelKind,
    /// The name for people, `#security-critical`.
    pub name: String,
    /// For the team's own reference.
    #[serde(default)]
    pub description: String,
    /// The Active toggle.
    pub enabled: bool,
    /// Whether alerts of the kind fall through to it when no rule matches.
    #[serde(default)]
    pub is_default: bool,
    /// Of a webhook: what it subscribes to. Not used by other kinds.
    #[serde(default)]
    pub filter: Filter,
    /// Of a default channel: replaces the catalog's policy of what alerts by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triggers: Option<Filter>,
    /// When to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// When to fold; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<StormLimit>,
    /// When to try again.
    #[serde(default)]
    pub retry: RetrySchedule,
    /// How fast to go.
    pub limits: LaneLimits,
    /// Whether it carries.
    pub health: ChannelHealth,
    /// Of an email channel: who gets what a rule sends here.
    #[serde(default)]
    pub recipients: Vec<EmailAddress>,
    /// Who would be, and has not confirmed yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unconfirmed: Vec<EmailAddress>,
}

/// At most so many messages per window; the rest are folded into one summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StormLimit {
    /// At least 1.
    pub max_messages: u32,
    /// 1 second to 1 hour.
    #[serde(with = "crate::millis", rename = "window_ms")]
    pub window: Duration,
}

/// How many attempts at once, how many per second, how long each.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LaneLimits {
    /// 1 to 64.
    pub concurrency: u32,
    /// No limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<f64>,
    /// 1 to 60 seconds.
    #[serde(with = "crate::millis", rename = "timeout_ms")]
    pub timeout: Duration,
}

/// The most recipients of one email channel.
pub const MAX_RECIPIENTS: usize = 50;
/// The longest description, in characters.
pub const MAX_DESCRIPTION_CHARS: usize = 1_000;

// === impl Channel ===

impl Channel {
    /// Checks what its types do not. Paths are those of the channel's own fields.
    pub fn check(&self) -> Result<(), Violations> {
        let mut violations = Violations::new();
        if self.name.trim().is_empty() {
            violations.required("name");
        }
        violations.limit_chars("name", &self.name, MAX_NAME_CHARS);
        violations.limit_chars("description", &self.description, MAX_DESCRIPTION_CHARS);
        if self.kind == ChannelKind::Webhook && self.filter.types.is_empty() {
            violations.add(
                "filter.types",
                reason::REQUIRED,
                "must name at least one event type or pattern",
            );
        }
        if self.triggers.is_some() && !self.kind.is_chat() {
            violations.add(
                "triggers",
                reason::NOT_ALLOWED,
                "are for Slack and Teams channels",
            );
        }
        if !self.recipients.is_empty() && self.kind != ChannelKind::Email {
            violations.add("recipients", reason::NOT_ALLOWED, "are for email channels");
        }
        if self.recipients.len() > MAX_RECIPIENTS {
            violations.add(
                "recipients",
                reason::TOO_LONG,
                format!("must have at most {MAX_RECIPIENTS}"),
            );
        }
        if let Some(storm) = self.storm {
            violations.take_under("storm", storm.check());
        }
        violations.take_under("limits", self.limits.check());
        violations.into_result(())
    }

    /// Whether new deliveries are tried; those of an unhealthy channel are parked.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.health == ChannelHealth::Healthy
    }
}

// === impl StormLimit ===

impl StormLimit {
    /// What holds unless the channel says otherwise: 20 a minute in chats, none elsewhere (DESIGN §6).
    #[must_use]
    pub const fn default_for(kind: ChannelKind) -> Option<Self> {
        if kind.is_chat() {
            Some(Self {
                max_messages: 20,
                window: Duration::from_secs(60),
            })
        } else {
            None
        }
    }

    /// Whether it can be kept.
    pub fn check(&self) -> Result<(), Violations> {
        let mut violations = Violations::new();
        if self.max_messages == 0 {
            violations.add("max_messages", reason::OUT_OF_RANGE, "must be at least 1");
        }
        if !(Duration::from_secs(1)..=Duration::from_secs(3_600)).contains(&self.window) {
            violations.add("window", reason::OUT_OF_RANGE, "must be 1 second to 1 hour");
        }
        violations.into_result(())
    }
}

// === impl LaneLimits ===

impl LaneLimits {
    /// What holds unless the channel says otherwise. Slack takes about one message a second per webhook, and an old Teams
    /// connector 60 in 30 seconds; a mail server or an endpoint of one's own is not known to mind.
    #[must_use]
    pub const fn default_for(kind: ChannelKind) -> Self {
        let timeout = Duration::from_secs(15);
        match kind {
            ChannelKind::Slack => Self {
                concurrency: 1,
                rate_per_second: Some(1.0),
                timeout,
            },
            ChannelKind::Teams => Self {
                concurrency: 1,
                rate_per_second: Some(2.0),
                timeout,
            },
            ChannelKind::Email => Self {
                concurrency: 4,
                rate_per_second: None,
                timeout,
            },
            ChannelKind::Webhook => Self {
                concurrency: 8,
                rate_per_second: None,
                timeout,
            },
            ChannelKind::InApp => Self {
                concurrency: 64,
                rate_per_second: None,
                timeout,
            },
        }
    }

    /// Whether they can be kept.
    pub fn check(&self) -> Result<(), Violations> {
        let mut violations = Violations::new();
        if !(1..=64).contains(&self.concurrency) {
            violations.add("concurrency", reason::OUT_OF_RANGE, "must be 1 to 64");
        }
        // Once an hour is the slowest that still is a rate. Written so that NaN fails.
        if self
            .rate_per_second
            .is_some_and(|rate| !(1.0 / 3_600.0..=10_000.0).contains(&rate))
        {
            violations.add(
                "rate_per_second",
                reason::OUT_OF_RANGE,
                "must be one an hour to 10,000 a second",
            );
        }
        if !(Duration::from_secs(1)..=Duration::from_secs(60)).contains(&self.timeout) {
            violations.add("timeout", reason::OUT_OF_RANGE, "must be 1 to 60 seconds");
        }
        violations.into_result(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use uuid::Uuid;

    use super::*;

    pub(crate) fn channel(number: u128, kind: ChannelKind) -> Channel {
        Channel {
            id: ChannelId::from_uuid(Uuid::from_u128(number)),
            team_id: TeamId::from_uuid(Uuid::from_u128(1)),
            kind,
            name: format!("#{number}"),
            description: String::new(),
            enabled: true,
            is_default: false,
            filter: Filter::of_types(vec!["*".parse().unwrap()]),
            triggers: None,
            quiet_hours: None,
            storm: StormLimit::default_for(kind),
            retry: RetrySchedule::default(),
            limits: LaneLimits::default_for(kind),
            health: ChannelHealth::Healthy,
            recipients: vec![],
            unconfirmed: vec![],
        }
    }

    #[test]
    fn the_defaults_of_every_kind_can_be_kept_and_read_back() {
        for kind in ChannelKind::ALL {
            let channel = channel(1, *kind);
            assert_eq!(channel.check(), Ok(()), "{kind}");
            let json = serde_json::to_string(&channel).unwrap();
            assert_eq!(serde_json::from_str::<Channel>(&json).unwrap(), channel);
        }
        assert_eq!(
            StormLimit::default_for(ChannelKind::Slack).unwrap().max_messages,
            20
        );
        assert_eq!(StormLimit::default_for(ChannelKind::Webhook), None);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let mut channel = channel(1, ChannelKind::Webhook);
        channel.name = "x".repeat(121);
        channel.filter = Filter::default();
        channel.triggers = Some(Filter::default());
        channel.recipients = vec!["ann@example.com".parse().unwrap()];
        channel.storm = Some(StormLimit {
            max_messages: 0,
            window: Duration::ZERO,
        });
        channel.limits = LaneLimits {
            concurrency: 0,
            rate_per_second: Some(f64::NAN),
            timeout: Duration::from_secs(61),
        };
        let violations = channel.check().unwrap_err();
        let fields: Vec<_> = violations
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        assert_eq!(
            fields,
            [
                "name",
                "filter.types",
                "triggers",
                "recipients",
                "storm.max_messages",
                "storm.window",
                "limits.concurrency",
                "limits.rate_per_second",
                "limits.timeout",
            ]
        );
    }
}
