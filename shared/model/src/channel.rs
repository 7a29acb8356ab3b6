//! A channel as deciding and carrying see it: what it wants, when it holds, how fast it goes. Where it leads, and the secrets
//! for it, are not here; they stay sealed in Config until the Dispatcher resolves them.

mod written;

use std::time::Duration;

use chrono_tz::Tz;
use watchbell_contracts::config::v1 as wire;
use watchbell_contracts::config::v1::channel::Destination;

use crate::convert::{required, span};
use crate::email::{self, EmailAddress};
use crate::filter::{Filter, ReadFilter};
use crate::ids::{ChannelId, TeamId};
use crate::quiet_hours::QuietHours;
use crate::retry::RetrySchedule;
use crate::violation::{Violations, reason};
use crate::vocabulary::{ChannelHealth, ChannelKind};

pub use written::{WrittenChannel, needs_header};

/// A configured destination.
#[derive(Debug, Clone, PartialEq)]
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
    pub description: String,
    /// The Active toggle.
    pub enabled: bool,
    /// Whether alerts of the kind fall through to it when no rule matches.
    pub is_default: bool,
    /// Of a webhook: what it subscribes to. Not used by other kinds.
    pub filter: Filter,
    /// Of a default channel: replaces the catalog's policy of what alerts by default.
    pub triggers: Option<Filter>,
    /// When to hold.
    pub quiet_hours: Option<QuietHours>,
    /// When to fold; never when absent.
    pub storm: Option<StormLimit>,
    /// When to try again.
    pub retry: RetrySchedule,
    /// How fast to go.
    pub limits: LaneLimits,
    /// Whether it carries.
    pub health: ChannelHealth,
    /// Of an email channel: who gets what a rule sends here.
    pub recipients: Vec<EmailAddress>,
    /// Recipients that have not confirmed yet.
    pub unconfirmed: Vec<EmailAddress>,
}

/// At most so many messages per window; the rest are folded into one summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StormLimit {
    /// 1 to 10,000.
    pub max_messages: u32,
    /// 1 second to 1 hour.
    pub window: Duration,
}

/// How many attempts at once, how many per second, how long each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LaneLimits {
    /// 1 to 64.
    pub concurrency: u32,
    /// No limit when absent.
    pub rate_per_second: Option<f64>,
    /// 1 to 60 seconds.
    pub timeout: Duration,
}

/// The most recipients of one email channel.
pub const MAX_RECIPIENTS: usize = 50;
/// The longest description, in characters.
pub const MAX_DESCRIPTION_CHARS: usize = 1_000;

// === impl Channel ===

impl Channel {
    /// Reads a channel that Config keeps, with the defaults of its kind filled in. Quiet hours that name no zone are in the
    /// team's.
    ///
    /// # Errors
    /// Every field that does not parse.
    pub fn read(message: &wire::Channel, team_zone: Tz) -> Result<Self, Violations> {
        Self::read_with(message, team_zone, Filter::kept)
    }

    fn read_with(
        message: &wire::Channel,
        team_zone: Tz,
        read_filter: ReadFilter,
    ) -> Result<Self, Violations> {
        let filter = |filter: Option<&wire::EventFilter>| filter.map(read_filter).transpose();
        let mut violations = Violations::new();
        let id = violations.parse::<ChannelId>("id", reason::MALFORMED, &message.id);
        let team_id = violations.parse::<TeamId>("team_id", reason::MALFORMED, &message.team_id);
        let kind = required::<ChannelKind>(message.kind, "kind", &mut violations);
        let triggers = filter(message.triggers.as_ref());
        let triggers = violations.take_under("triggers", triggers).flatten();
        let quiet = message
            .quiet_hours
            .as_ref()
            .map_or(Ok(None), |quiet| QuietHours::read(quiet, team_zone));
        let quiet_hours = violations.take_under("quiet_hours", quiet).flatten();
        let (Some(id), Some(team_id), Some(kind)) = (id, team_id, kind) else {
            return Err(violations);
        };
        let storm = violations
            .take_under(
                "storm_control",
                StormLimit::read(message.storm_control.as_ref(), kind),
            )
            .flatten();
        let (retry, limits) = violations
            .take_under("delivery", delivery(message.delivery.as_ref(), kind))
            .unwrap_or_else(|| (RetrySchedule::default(), LaneLimits::default_for(kind)));
        let (mut subscribed, mut recipients, mut unconfirmed) = (Filter::default(), Vec::new(), Vec::new());
        match &message.destination {
            Some(Destination::Webhook(webhook)) => {
                let read = violations.take_under("webhook.filter", filter(webhook.filter.as_ref()));
                subscribed = read.flatten().unwrap_or_default();
            }
            Some(Destination::Email(email)) => {
                let waiting = email.unconfirmed_recipients.iter();
                let waiting: Vec<_> = waiting.map(|recipient| recipient.address.clone()).collect();
                unconfirmed = violations.parse_each("email.unconfirmed_recipients", &waiting);
                let field = "email.recipients";
                recipients = email::list(&email.recipients, field, MAX_RECIPIENTS, &mut violations);
            }
            _ => {}
        }
        violations.into_result(Self {
            id,
            team_id,
            kind,
            name: message.display_name.clone(),
            description: message.description.clone(),
            enabled: !message.paused,
            is_default: message.is_default,
            filter: subscribed,
            triggers,
            quiet_hours,
            storm,
            retry,
            limits,
            health: match message.health() {
                wire::ChannelHealth::Unhealthy => ChannelHealth::Unhealthy,
                wire::ChannelHealth::Healthy | wire::ChannelHealth::Unspecified => ChannelHealth::Healthy,
            },
            recipients,
            unconfirmed,
        })
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

    /// Reads what a channel says of storms, else what its kind does; none when it turned them off.
    ///
    /// # Errors
    /// A window or a number out of its bounds.
    pub fn read(message: Option<&wire::StormControl>, kind: ChannelKind) -> Result<Option<Self>, Violations> {
        let Some(message) = message else {
            return Ok(Self::default_for(kind));
        };
        if message.max_messages == 0 {
            return Ok(None);
        }
        let mut violations = Violations::new();
        let window = span(message.window.as_ref(), "window", &mut violations);
        if window.is_none() && violations.is_empty() {
            violations.required("window");
        }
        let window = window.unwrap_or(Duration::from_secs(60));
        if !(Duration::from_secs(1)..=Duration::from_secs(3_600)).contains(&window) {
            violations.add("window", reason::OUT_OF_RANGE, "must be 1 second to 1 hour");
        }
        if message.max_messages > 10_000 {
            violations.add("max_messages", reason::OUT_OF_RANGE, "must be at most 10000");
        }
        violations.into_result(Some(Self {
            max_messages: message.max_messages,
            window,
        }))
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
            violations.add("max_concurrency", reason::OUT_OF_RANGE, "must be 1 to 64");
        }
        // Once an hour is the slowest that still is a rate. Written so that NaN fails.
        if self
            .rate_per_second
            .is_some_and(|rate| !(1.0 / 3_600.0..=10_000.0).contains(&rate))
        {
            violations.add(
                "max_per_second",
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

/// Reads how a channel is carried: what it says, else what its kind does.
///
/// # Errors
/// Waits, rates and time-outs out of their bounds.
pub fn delivery(
    message: Option<&wire::DeliveryPolicy>,
    kind: ChannelKind,
) -> Result<(RetrySchedule, LaneLimits), Violations> {
    let mut limits = LaneLimits::default_for(kind);
    let Some(message) = message else {
        return Ok((RetrySchedule::default(), limits));
    };
    let mut violations = Violations::new();
    let mut waits = Vec::new();
    for (index, wait) in message.retry_delays.iter().enumerate() {
        waits.extend(span(
            Some(wait),
            &format!("retry_delays[{index}]"),
            &mut violations,
        ));
    }
    let retry = if waits.is_empty() {
        Ok(RetrySchedule::default())
    } else {
        RetrySchedule::try_new(waits)
    };
    let retry = violations.take_under("retry_delays", retry).unwrap_or_default();
    if message.max_concurrency > 0 {
        limits.concurrency = message.max_concurrency;
    }
    // Written so that NaN is looked at, too.
    if message.max_per_second != 0.0 {
        limits.rate_per_second = Some(message.max_per_second);
    }
    if let Some(timeout) = span(message.timeout.as_ref(), "timeout", &mut violations) {
        limits.timeout = timeout;
    }
    violations.take(limits.check());
    violations.into_result((retry, limits))
}

#[cfg(test)]
pub(crate) mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::convert::{FromWire as _, duration};

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

    fn read(message: &wire::Channel) -> Result<Channel, Violations> {
        let message = wire::Channel {
            id: ChannelId::from_uuid(Uuid::from_u128(1)).to_string(),
            team_id: TeamId::from_uuid(Uuid::from_u128(1)).to_string(),
            ..message.clone()
        };
        Channel::read(&message, Tz::UTC)
    }

    #[test]
    fn what_a_channel_does_not_say_is_as_its_kind_does() {
        for kind in ChannelKind::ALL {
            let channel = read(&wire::Channel {
                kind: kind.to_wire(),
                ..wire::Channel::default()
            })
            .unwrap();
            assert_eq!(channel.storm, StormLimit::default_for(*kind));
            assert_eq!(channel.limits, LaneLimits::default_for(*kind));
            assert_eq!(channel.limits.check(), Ok(()), "{kind}");
        }
        assert_eq!(
            StormLimit::default_for(ChannelKind::Slack).unwrap().max_messages,
            20
        );
        assert_eq!(StormLimit::default_for(ChannelKind::Webhook), None);
    }

    #[test]
    fn a_body_is_compiled_and_a_preset_known_when_a_webhook_is_written() {
        let wrong = |webhook: wire::WebhookDestination| -> Vec<(String, String)> {
            let written = wire::Channel {
                display_name: "on call".to_owned(),
                destination: Some(Destination::Webhook(wire::WebhookDestination {
                    filter: Some(wire::EventFilter {
                        types: vec!["*".to_owned()],
                        ..wire::EventFilter::default()
                    }),
                    ..webhook
                })),
                ..wire::Channel::default()
            };
            let violations = WrittenChannel::try_from(&written).err().unwrap_or_default();
            let violations = violations.iter();
            violations
                .map(|one| (one.field.clone(), one.description.clone()))
                .collect()
        };
        let body = |text: &str| wire::WebhookDestination {
            body: text.to_owned(),
            ..wire::WebhookDestination::default()
        };
        let preset = |name: &str| wire::WebhookDestination {
            preset: name.to_owned(),
            ..wire::WebhookDestination::default()
        };
        let routing_key = wire::HttpHeader {
            name: "x-routing-key".to_owned(),
            value: String::new(),
        };
        assert_eq!(wrong(body(r#"{"text": "${event.title}"}"#)), []);
        assert_eq!(wrong(preset("discord")), []);
        let pagerduty = wire::WebhookDestination {
            headers: vec![routing_key],
            ..preset("pagerduty")
        };
        assert_eq!(wrong(pagerduty), []);
        for (webhook, field, says) in [
            (
                body(r#"{"text": "${event.titel}"}"#),
                "webhook.body",
                "at `text`: knows no `event.titel`",
            ),
            (preset("pigeon"), "webhook.preset", "must be one of pagerduty, "),
            (
                preset("pagerduty"),
                "webhook.headers",
                "must have `X-Routing-Key`",
            ),
            (
                wire::WebhookDestination {
                    body: "{}".to_owned(),
                    ..preset("discord")
                },
                "webhook.preset",
                "cannot be given with `body`",
            ),
            (
                wire::WebhookDestination {
                    envelope: wire::WebhookEnvelope::CloudEvents.into(),
                    ..preset("discord")
                },
                "webhook.envelope",
                "is not used with a body",
            ),
        ] {
            let found = wrong(webhook);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].0 == field && found[0].1.contains(says), "{found:?}");
        }
    }

    #[test]
    fn every_wrong_field_is_named() {
        let violations = read(&wire::Channel {
            kind: ChannelKind::Slack.to_wire(),
            storm_control: Some(wire::StormControl {
                max_messages: 1,
                window: Some(duration(Duration::ZERO)),
            }),
            delivery: Some(wire::DeliveryPolicy {
                max_concurrency: 65,
                max_per_second: f64::NAN,
                timeout: Some(duration(Duration::from_secs(61))),
                ..wire::DeliveryPolicy::default()
            }),
            ..wire::Channel::default()
        })
        .unwrap_err();
        let fields: Vec<_> = violations
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        assert_eq!(
            fields,
            [
                "storm_control.window",
                "delivery.max_concurrency",
                "delivery.max_per_second",
                "delivery.timeout",
            ]
        );
    }
}
