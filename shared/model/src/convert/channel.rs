//! Channels as deciding and carrying see them. Where they lead, and their secrets, stay in the message.

use std::time::Duration;

use crate::{
    channel::{Channel, LaneLimits, StormLimit},
    filter::Filter,
    ids::{ChannelId, TeamId},
    retry::RetrySchedule,
    violation::{Violations, reason},
    vocabulary::{ChannelHealth, ChannelKind},
};
use chrono_tz::Tz;

use super::{filter, quiet_hours, required, span};
use watchbell_contracts::config::v1::{self as wire, channel::Destination};

/// A channel that Config keeps, with the defaults of its kind filled in.
///
/// # Errors
/// Every field that does not parse.
pub fn channel(message: &wire::Channel, team_zone: Tz) -> Result<Channel, Violations> {
    let mut violations = Violations::new();
    let id = violations.parse::<ChannelId>("id", reason::MALFORMED, &message.id);
    let team_id = violations.parse::<TeamId>("team_id", reason::MALFORMED, &message.team_id);
    let kind = required::<ChannelKind>(message.kind, "kind", &mut violations);
    let triggers = optional_filter(message.triggers.as_ref());
    let triggers = violations.take_under("triggers", triggers).flatten();
    let quiet = message
        .quiet_hours
        .as_ref()
        .map_or(Ok(None), |quiet| quiet_hours(quiet, team_zone));
    let quiet_hours = violations.take_under("quiet_hours", quiet).flatten();
    let (Some(id), Some(team_id), Some(kind)) = (id, team_id, kind) else {
        return Err(violations);
    };
    let storm = violations
        .take_under("storm_control", storm(message.storm_control.as_ref(), kind))
        .flatten();
    let (retry, limits) = violations
        .take_under("delivery", delivery(message.delivery.as_ref(), kind))
        .unwrap_or_else(|| (RetrySchedule::default(), LaneLimits::default_for(kind)));
    let mut unconfirmed = Vec::new();
    let (subscribed, recipients) = match &message.destination {
        Some(Destination::Webhook(webhook)) => {
            let subscribed = optional_filter(webhook.filter.as_ref());
            (
                violations
                    .take_under("webhook.filter", subscribed)
                    .flatten()
                    .unwrap_or_default(),
                Vec::new(),
            )
        }
        Some(Destination::Email(email)) => {
            let written: Vec<_> = email
                .unconfirmed_recipients
                .iter()
                .map(|recipient| recipient.address.clone())
                .collect();
            unconfirmed = addresses(&written, "email.unconfirmed_recipients", &mut violations);
            (
                Filter::default(),
                addresses(&email.recipients, "email.recipients", &mut violations),
            )
        }
        _ => (Filter::default(), Vec::new()),
    };
    violations.into_result(Channel {
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

/// A list of things that read themselves from text.
pub(super) fn addresses<T>(texts: &[String], field: &str, violations: &mut Violations) -> Vec<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    texts
        .iter()
        .enumerate()
        .filter_map(|(index, text)| violations.parse(&format!("{field}[{index}]"), reason::MALFORMED, text))
        .collect()
}

fn optional_filter(message: Option<&wire::EventFilter>) -> Result<Option<Filter>, Violations> {
    message.map(filter).transpose()
}

/// What a channel says of storms, else what its kind does; none when it turned them off.
fn storm(message: Option<&wire::StormControl>, kind: ChannelKind) -> Result<Option<StormLimit>, Violations> {
    let Some(message) = message else {
        return Ok(StormLimit::default_for(kind));
    };
    if message.max_messages == 0 {
        return Ok(None);
    }
    let mut violations = Violations::new();
    let window = span(message.window.as_ref(), "window", &mut violations).unwrap_or(Duration::from_secs(60));
    let limit = StormLimit {
        max_messages: message.max_messages,
        window,
    };
    violations.take(limit.check());
    violations.into_result(Some(limit))
}

/// How a channel is carried: what it says, else what its kind does.
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
    violations.take(limits.check().map_err(wire_names));
    violations.into_result((retry, limits))
}

/// The domain's names of the limits are not quite the contract's.
fn wire_names(violations: Violations) -> Violations {
    let mut renamed = Violations::new();
    for violation in violations {
        let field = match violation.field.as_str() {
            "concurrency" => "max_concurrency",
            "rate_per_second" => "max_per_second",
            other => other,
        };
        renamed.extend(Violations::one(
            field,
            reason::OUT_OF_RANGE,
            violation.description,
        ));
    }
    renamed
}
