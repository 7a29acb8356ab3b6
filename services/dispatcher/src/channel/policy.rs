//! Channel policies: a channel's configuration with every default filled in. Parsed once when a channel is resolved,
//! so that deliveries need no parsing.

use std::sync::{Arc, OnceLock};

use chrono_tz::Tz;
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_model::ChannelKind;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::channel::{LaneLimits, StormLimit};
use watchbell_model::convert::FromWire;
use watchbell_model::ids::{ChannelId, TeamId};
use watchbell_model::quiet_hours::QuietHours;
use watchbell_model::retry::RetrySchedule;
use watchbell_model::route::Route;
use watchbell_model::silence::Silence;
use watchbell_model::violation::Violations;

use crate::channel::people::{People, Refusal, refuse_recipient};
use crate::lanes::LanePolicy;
use crate::senders::{ResolvedChannel, Via};

/// Policy of a channel.
#[derive(Debug, Clone)]
pub(crate) struct ChannelPolicy {
    /// What a transport needs.
    pub(crate) channel: ResolvedChannel,
    /// The displayed name.
    pub(crate) name: String,
    pub(crate) lane: LanePolicy,
    pub(crate) retry: RetrySchedule,
    pub(crate) quiet: Option<QuietHours>,
    /// The team's silences: those to come, in force, and lately ended.
    pub(crate) silences: Arc<[Silence]>,
    pub(crate) storm: Option<StormLimit>,
    pub(crate) paused: bool,
    /// Grows when the channel is enabled again.
    pub(crate) epoch: i64,
    /// Whether the last re-enabling requested recovery of parked deliveries.
    pub(crate) recover_parked: bool,
    /// The channel whose configuration is used; `None` for the platform's mail server.
    pub(crate) channel_id: Option<ChannelId>,
    /// Members and recipients; only for mail to people.
    pub(crate) people: Arc<People>,
}

// === impl ChannelPolicy ===

impl ChannelPolicy {
    /// The platform's mail server, for people of teams without one of their own.
    pub(crate) fn for_platform_mail(team_id: TeamId) -> Self {
        Self {
            channel: ResolvedChannel {
                team_id,
                via: Via::PlatformMail,
                timeout: LaneLimits::default_for(ChannelKind::Email).timeout,
                url: OnceLock::new(),
                body: Arc::default(),
            },
            name: "email".to_owned(),
            lane: lane_policy(LaneLimits::default_for(ChannelKind::Email), false, None),
            retry: RetrySchedule::default(),
            quiet: None,
            silences: Arc::default(),
            storm: None,
            paused: false,
            epoch: 0,
            recover_parked: false,
            channel_id: None,
            people: Arc::default(),
        }
    }

    /// The same, with the team's silences. One that is not understood is left out: an alert that goes out is better than
    /// none.
    pub(crate) fn with_silences(mut self, messages: &[config::Silence]) -> Self {
        let read = messages.iter().filter_map(|message| {
            Silence::try_from(message)
                .inspect_err(|violations| tracing::warn!(silence = message.id, %violations, "a silence is not understood"))
                .ok()
        });
        self.silences = read.collect();
        self
    }

    /// The platform's mail server, for notices to the same people.
    pub(crate) fn for_notices(&self) -> Self {
        Self {
            people: Arc::clone(&self.people),
            ..Self::for_platform_mail(self.channel.team_id)
        }
    }

    /// Why something is not to be sent by this policy, whatever was decided before.
    pub(crate) fn refuse(&self, event: &AcceptedEvent, route: &Route) -> Option<Refusal> {
        if route.is_confirmation() && !matches!(self.channel.via, Via::PlatformMail) {
            return Some(Refusal::Gone(
                "The platform has no mail server to ask by.".to_owned(),
            ));
        }
        if route.channel_id().is_none() {
            return self.people.refuse(event, route);
        }
        match &self.channel.via {
            Via::Channel { channel, .. } => match &channel.destination {
                Some(Destination::Email(email)) => refuse_recipient(email, event, route),
                _ => None,
            },
            Via::PlatformMail => None,
        }
    }

    /// Of a channel. `zone` is the team's, for quiet hours that name none. What Config would not have let in (it
    /// checks on save) is passed over in favour of the default: an alert that goes out is better than none.
    pub(crate) fn for_channel(
        team_id: TeamId,
        channel: config::Channel,
        secrets: config::ChannelSecrets,
        zone: Option<&str>,
    ) -> Self {
        let mut violations = Violations::new();
        let kind = ChannelKind::from_wire(channel.kind)
            .ok()
            .flatten()
            .unwrap_or(ChannelKind::Webhook);
        let (retry, limits) = violations
            .take_under(
                "delivery",
                watchbell_model::channel::delivery(channel.delivery.as_ref(), kind),
            )
            .unwrap_or_else(|| (RetrySchedule::default(), LaneLimits::default_for(kind)));
        let zone = zone.and_then(|zone| zone.parse().ok()).unwrap_or(Tz::UTC);
        let quiet = channel
            .quiet_hours
            .as_ref()
            .map(|quiet| QuietHours::read(quiet, zone));
        let quiet = quiet.and_then(|quiet| violations.take(quiet)).flatten();
        if !violations.is_empty() {
            tracing::warn!(channel = channel.id, %violations, "a channel's configuration is only partly understood; defaults are used for the rest");
        }
        Self {
            name: channel.display_name.clone(),
            lane: lane_policy(limits, quiet.is_some(), channel.delivery.as_ref()),
            retry,
            quiet,
            silences: Arc::default(),
            storm: crate::channel::storm::limit(&channel, kind),
            paused: channel.paused,
            epoch: channel.health_epoch,
            recover_parked: channel.recover_parked,
            channel_id: channel.id.parse().ok(),
            people: Arc::default(),
            channel: ResolvedChannel {
                team_id,
                via: Via::Channel {
                    channel: Box::new(channel),
                    secrets: Box::new(secrets),
                },
                timeout: limits.timeout,
                url: OnceLock::new(),
                body: Arc::default(),
            },
        }
    }
}

/// Lane policy of a channel. A channel with quiet hours sends one message at a time unless configured otherwise, so
/// that held deliveries are sent in order.
fn lane_policy(limits: LaneLimits, holds: bool, delivery: Option<&config::DeliveryPolicy>) -> LanePolicy {
    let own = delivery.is_some_and(|delivery| delivery.max_concurrency > 0);
    let concurrency = if holds && !own { 1 } else { limits.concurrency };
    LanePolicy::new(concurrency, limits.rate_per_second.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::{DateTime, Utc};
    use watchbell_model::Severity;

    use super::*;

    fn policy(channel: config::Channel, zone: Option<&str>) -> ChannelPolicy {
        let team = TeamId::generate(DateTime::UNIX_EPOCH);
        ChannelPolicy::for_channel(team, channel, config::ChannelSecrets::default(), zone)
    }

    #[test]
    fn a_plain_channel_gets_the_promised_defaults() {
        let policy = policy(
            config::Channel {
                kind: ChannelKind::Webhook.to_wire(),
                ..Default::default()
            },
            None,
        );
        assert_eq!(policy.retry, RetrySchedule::default());
        assert_eq!(policy.lane, LanePolicy::new(8, 0.0));
        assert_eq!(policy.channel.timeout, Duration::from_secs(15));
        assert!(policy.quiet.is_none());
    }

    #[test]
    fn slack_takes_one_message_a_second_unless_told_otherwise() {
        let slack = config::Channel {
            kind: ChannelKind::Slack.to_wire(),
            ..Default::default()
        };
        assert_eq!(policy(slack.clone(), None).lane, LanePolicy::new(1, 1.0));
        let delivery = config::DeliveryPolicy {
            max_concurrency: 3,
            max_per_second: 2.0,
            ..Default::default()
        };
        assert_eq!(
            policy(
                config::Channel {
                    delivery: Some(delivery),
                    ..slack
                },
                None
            )
            .lane,
            LanePolicy::new(3, 2.0)
        );
    }

    #[test]
    fn quiet_hours_without_a_zone_follow_the_team() {
        let quiet = config::QuietHours {
            windows: vec![config::QuietWindow {
                weekdays: vec![],
                start: "22:00".to_owned(),
                end: "07:00".to_owned(),
            }],
            ..Default::default()
        };
        let channel = config::Channel {
            quiet_hours: Some(quiet),
            ..Default::default()
        };
        let quiet = policy(channel, Some("Europe/Berlin")).quiet.unwrap();
        let night: DateTime<Utc> = "2026-11-21T21:30:00Z".parse().unwrap();
        assert_eq!(
            quiet.holds(Severity::High, night).unwrap().to_rfc3339(),
            "2026-11-22T06:00:00+00:00"
        );
        assert_eq!(
            quiet.holds(Severity::Critical, night),
            None,
            "CRITICAL passes by default"
        );
    }

    #[test]
    fn secrets_are_not_printed() {
        let secrets = config::ChannelSecrets {
            url: "https://hooks.example/hunter2".into(),
            ..Default::default()
        };
        let team = TeamId::generate(DateTime::UNIX_EPOCH);
        let policy = ChannelPolicy::for_channel(team, config::Channel::default(), secrets, None);
        assert!(!format!("{policy:?}").contains("hunter2"));
    }
}
