//! How a channel wants its deliveries carried out: what its configuration says, with every default filled in. Made
//! once when a channel is resolved, so that nothing is parsed for a delivery.

use std::sync::{Arc, OnceLock};

use chrono_tz::Tz;
use watchbell_contracts::config::v1::{self as config, channel::Destination};
use watchbell_model::ChannelKind;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::channel::{LaneLimits, StormLimit};
use watchbell_model::convert::FromWire;
use watchbell_model::ids::{ChannelId, TeamId};
use watchbell_model::quiet_hours::QuietHours;
use watchbell_model::retry::RetrySchedule;
use watchbell_model::route::Route;
use watchbell_model::violation::Violations;

use crate::channel::people::{People, Refusal, refuse_recipient};
use crate::lanes::LanePolicy;
use crate::senders::{ResolvedChannel, Via};

/// A channel's terms.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// For whoever carries.
    pub(crate) channel: ResolvedChannel,
    /// As people know it.
    pub(crate) name: String,
    pub(crate) policy: LanePolicy,
    pub(crate) retry: RetrySchedule,
    pub(crate) quiet: Option<QuietHours>,
    pub(crate) storm: Option<StormLimit>,
    pub(crate) paused: bool,
    /// Grows when the channel is enabled again.
    pub(crate) epoch: i64,
    /// Whether the last re-enabling asked to recover what was parked.
    pub(crate) recover_parked: bool,
    /// The channel by whose configuration it is carried; none by the platform's mail server.
    pub(crate) channel_id: Option<ChannelId>,
    /// Who may be mailed; only of mail that goes to people and not by a channel of its own.
    pub(crate) people: Arc<People>,
}

// === impl Terms ===

impl Terms {
    /// The platform's mail server, for people of teams without one of their own.
    pub(crate) fn of_platform_mail(team_id: TeamId) -> Self {
        Self {
            channel: ResolvedChannel {
                team_id,
                via: Via::PlatformMail,
                timeout: LaneLimits::default_for(ChannelKind::Email).timeout,
                url: OnceLock::new(),
            },
            name: "email".to_owned(),
            policy: policy(LaneLimits::default_for(ChannelKind::Email), false, None),
            retry: RetrySchedule::default(),
            quiet: None,
            storm: None,
            paused: false,
            epoch: 0,
            recover_parked: false,
            channel_id: None,
            people: Arc::default(),
        }
    }

    /// The platform's mail server, for notices to the same people.
    pub(crate) fn for_notices(&self) -> Self {
        Self {
            people: Arc::clone(&self.people),
            ..Self::of_platform_mail(self.channel.team_id)
        }
    }

    /// Why something is not to be sent on these terms, whatever was decided before.
    pub(crate) fn refuse(&self, event: &AcceptedEvent, route: &Route) -> Option<Refusal> {
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
    pub(crate) fn of_channel(
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
            tracing::warn!(channel = channel.id, %violations, "a channel's configuration is not understood in full");
        }
        Self {
            name: channel.display_name.clone(),
            policy: policy(limits, quiet.is_some(), channel.delivery.as_ref()),
            retry,
            quiet,
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
            },
        }
    }
}

/// What was held comes in order: a channel with quiet hours gets one message after the other unless it says otherwise.
fn policy(limits: LaneLimits, holds: bool, delivery: Option<&config::DeliveryPolicy>) -> LanePolicy {
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

    fn terms(channel: config::Channel, zone: Option<&str>) -> Terms {
        let team = TeamId::generate(DateTime::UNIX_EPOCH);
        Terms::of_channel(team, channel, config::ChannelSecrets::default(), zone)
    }

    #[test]
    fn a_plain_channel_gets_the_promised_defaults() {
        let terms = terms(
            config::Channel {
                kind: ChannelKind::Webhook.to_wire(),
                ..Default::default()
            },
            None,
        );
        assert_eq!(terms.retry, RetrySchedule::default());
        assert_eq!(terms.policy, LanePolicy::new(8, 0.0));
        assert_eq!(terms.channel.timeout, Duration::from_secs(15));
        assert!(terms.quiet.is_none());
    }

    #[test]
    fn slack_takes_one_message_a_second_unless_told_otherwise() {
        let slack = config::Channel {
            kind: ChannelKind::Slack.to_wire(),
            ..Default::default()
        };
        assert_eq!(terms(slack.clone(), None).policy, LanePolicy::new(1, 1.0));
        let delivery = config::DeliveryPolicy {
            max_concurrency: 3,
            max_per_second: 2.0,
            ..Default::default()
        };
        assert_eq!(
            terms(
                config::Channel {
                    delivery: Some(delivery),
                    ..slack
                },
                None
            )
            .policy,
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
        let quiet = terms(channel, Some("Europe/Berlin")).quiet.unwrap();
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
        let terms = Terms::of_channel(team, config::Channel::default(), secrets, None);
        assert!(!format!("{terms:?}").contains("hunter2"));
    }
}
