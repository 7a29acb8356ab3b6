//! Words for values: instants in the local zone with the zone beside them, spans as people say them, enumerations
//! without their prefix.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Local, TimeZone, Utc};
use prost_types::Timestamp;
use watchbell_contracts::config::v1::{ChannelHealth, UnconfirmedRecipient};
use watchbell_contracts::dispatcher::v1::{AttemptOutcome, DeliveryState};
use watchbell_contracts::event::v1::mention::Who;
use watchbell_contracts::event::v1::route::Target;
use watchbell_contracts::event::v1::{Mention, Route};
use watchbell_model::convert::FromWire;
use watchbell_model::text::times;
use watchbell_model::{ChannelKind, Severity};

/// An instant of the wire; `None` when it is absent or no instant.
pub(crate) fn moment(wire: Option<&Timestamp>) -> Option<DateTime<Utc>> {
    let wire = wire?;
    DateTime::from_timestamp(wire.seconds, u32::try_from(wire.nanos).ok()?)
}

/// `2026-11-21 09:00:03 +01:00`; empty when absent.
pub(crate) fn local(wire: Option<&Timestamp>) -> String {
    moment(wire)
        .map(|instant| in_zone(&Local, instant, "%Y-%m-%d %H:%M:%S"))
        .unwrap_or_default()
}

/// `ann@example.com, waiting for confirmation since 2026-11-26 18:11:30 UTC (asked 2 times, until …)`
pub(crate) fn unconfirmed(recipient: &UnconfirmedRecipient) -> String {
    let times = match recipient.sent_count {
        0 => "not asked yet".to_owned(),
        count => format!("asked {}", times(count)),
    };
    format!(
        "{}, waiting for confirmation since {} ({times}; the link works until {})",
        recipient.address,
        local(recipient.ask_time.as_ref()),
        local(recipient.expire_time.as_ref())
    )
}

/// For lists: `09:00:03 +01:00` on the day of `now`, else `2026-11-20 09:00 +01:00`; empty when absent.
pub(crate) fn brief(wire: Option<&Timestamp>, now: DateTime<Utc>) -> String {
    moment(wire)
        .map(|instant| brief_in(&Local, instant, now))
        .unwrap_or_default()
}

fn brief_in<Z: TimeZone>(zone: &Z, instant: DateTime<Utc>, now: DateTime<Utc>) -> String
where
    Z::Offset: std::fmt::Display,
{
    let today = instant.with_timezone(zone).date_naive() == now.with_timezone(zone).date_naive();
    in_zone(zone, instant, if today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M" })
}

/// `09:00:03 +01:00`; empty when absent.
pub(crate) fn clock_time(wire: Option<&Timestamp>) -> String {
    moment(wire)
        .map(|instant| in_zone(&Local, instant, "%H:%M:%S"))
        .unwrap_or_default()
}

fn in_zone<Z: TimeZone>(zone: &Z, instant: DateTime<Utc>, format: &str) -> String
where
    Z::Offset: std::fmt::Display,
{
    let local = instant.with_timezone(zone);
    let offset = local.offset().to_string();
    let offset = if offset == "+00:00" { "UTC" } else { &offset };
    format!("{} {offset}", local.format(format))
}

/// `43 ms`, `1.5 s`, `3 min`, `2 h 5 min`, `4 d`.
pub(crate) fn human(span: Duration) -> String {
    let seconds = span.as_secs();
    let two = |big: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{big} {unit}"),
        _ => format!("{big} {unit} {small} {small_unit}"),
    };
    match seconds {
        0 => format!("{} ms", span.as_millis()),
        1..10 if span.subsec_millis() >= 100 => format!("{seconds}.{} s", span.subsec_millis() / 100),
        1..60 | 61..120 => format!("{seconds} s"),
        60..7_200 => two(
            seconds / 60,
            "min",
            if seconds < 600 { seconds % 60 } else { 0 },
            "s",
        ),
        7_200..172_800 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// A span of the wire in words; empty when absent.
pub(crate) fn span(wire: Option<&prost_types::Duration>) -> String {
    wire.and_then(|span| Duration::try_from(*span).ok())
        .map(human)
        .unwrap_or_default()
}

/// `3 min ago`, `in 2 h`; empty when absent.
pub(crate) fn ago(wire: Option<&Timestamp>, now: DateTime<Utc>) -> String {
    let Some(instant) = moment(wire) else {
        return String::new();
    };
    match (now - instant).to_std() {
        Ok(past) => format!("{} ago", human(coarse(past))),
        Err(_) => format!(
            "in {}",
            human(coarse((instant - now).to_std().unwrap_or_default()))
        ),
    }
}

/// Whole seconds are enough to say how long ago.
fn coarse(span: Duration) -> Duration {
    Duration::from_secs(span.as_secs())
}

/// An enumeration that the domain knows; `-` for one left out, its number when it is unknown.
pub(crate) fn word<T: FromWire + std::fmt::Display>(number: i32) -> String {
    match T::from_wire(number) {
        Ok(Some(word)) => word.to_string(),
        Ok(None) => "-".to_owned(),
        Err(unknown) => unknown.to_string(),
    }
}

/// Several of them with commas; empty when there is none.
pub(crate) fn words<T: FromWire + std::fmt::Display>(numbers: &[i32]) -> String {
    numbers
        .iter()
        .map(|number| word::<T>(*number))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A severity; INFO when it is left out.
pub(crate) fn severity(number: i32) -> Severity {
    Severity::from_wire(number)
        .ok()
        .flatten()
        .unwrap_or(Severity::Info)
}

/// Severities with commas.
pub(crate) fn severities(numbers: &[i32]) -> String {
    words::<Severity>(numbers)
}

/// `slack`, `in-app`.
pub(crate) fn kind(number: i32) -> String {
    word::<ChannelKind>(number).to_lowercase().replace('_', "-")
}

fn bare(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_owned()
}

/// `DELIVERED`.
pub(crate) fn delivery_state(number: i32) -> String {
    DeliveryState::try_from(number).map_or_else(
        |_| number.to_string(),
        |state| bare(state.as_str_name(), "DELIVERY_STATE_"),
    )
}

/// `RETRYABLE`.
pub(crate) fn attempt_outcome(number: i32) -> String {
    AttemptOutcome::try_from(number).map_or_else(
        |_| number.to_string(),
        |outcome| bare(outcome.as_str_name(), "ATTEMPT_OUTCOME_"),
    )
}

/// `HEALTHY`; `-` when nobody has said.
pub(crate) fn health(number: i32) -> String {
    match ChannelHealth::try_from(number) {
        Ok(ChannelHealth::Unspecified) => "-".to_owned(),
        Ok(health) => bare(health.as_str_name(), "CHANNEL_HEALTH_"),
        Err(_) => number.to_string(),
    }
}

/// Who gets a route: `slack #incidents`, `email ada@example.com`. `names` are the channels' by id.
pub(crate) fn target(route: &Route, names: &HashMap<String, String>) -> String {
    let kind = kind(route.kind);
    match &route.target {
        Some(Target::Channel(channel)) => {
            let name = names.get(&channel.channel_id).unwrap_or(&channel.channel_id);
            format!("{kind} {name}")
        }
        Some(Target::Person(person)) if person.address.is_empty() => format!("{kind} {}", person.member_id),
        Some(Target::Person(person)) => format!("{kind} {}", person.address),
        Some(Target::Address(address)) => format!("{kind} {}", address.address),
        Some(Target::Inbox(_)) => format!("{kind} inbox"),
        Some(Target::Receipts(_)) => format!("{kind} whoever gets receipts"),
        None => kind,
    }
}

/// `yes` or nothing.
pub(crate) fn yes(value: bool) -> String {
    if value { "yes".to_owned() } else { String::new() }
}

/// Why a route was taken, in a sentence.
pub(crate) fn reason(route: &Route) -> &str {
    route
        .reason
        .as_ref()
        .map_or("", |reason| reason.sentence.as_str())
}

/// `@U0123`, `@here`.
pub(crate) fn mention(mention: &Mention) -> String {
    match &mention.who {
        Some(Who::SlackUser(id) | Who::SlackGroup(id) | Who::MemberId(id)) => format!("@{id}"),
        Some(Who::Here(_)) => "@here".to_owned(),
        Some(Who::TeamsUser(user)) => format!("@{} ({})", user.name, user.id),
        None => "nobody".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::FixedOffset;
    use watchbell_contracts::event::v1::{ChannelTarget, PersonTarget};

    #[test]
    fn spans_are_said_as_people_do() {
        for (millis, said) in [
            (43, "43 ms"),
            (1_000, "1 s"),
            (1_530, "1.5 s"),
            (60_000, "1 min"),
            (61_000, "61 s"),
            (180_000, "3 min"),
            (185_000, "3 min 5 s"),
            (1_805_000, "30 min"),
            (7_500_000, "2 h 5 min"),
            (86_400_000, "24 h"),
            (345_600_000, "4 d"),
        ] {
            assert_eq!(human(Duration::from_millis(millis)), said);
        }
    }

    #[test]
    fn instants_show_their_zone() {
        let instant = DateTime::from_timestamp(1_795_251_603, 0).unwrap();
        let berlin = FixedOffset::east_opt(3_600).unwrap();
        assert_eq!(
            in_zone(&berlin, instant, "%Y-%m-%d %H:%M:%S"),
            "2026-11-21 10:00:03 +01:00"
        );
        let evening = instant + chrono::TimeDelta::hours(14);
        assert_eq!(brief_in(&Utc, instant, evening), "09:00:03 UTC");
        assert_eq!(
            brief_in(&berlin, instant, evening),
            "2026-11-21 10:00 +01:00",
            "the next day in Berlin"
        );
        assert_eq!(local(None), "");
    }

    #[test]
    fn the_past_is_ago_and_the_future_in() {
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        assert_eq!(ago(at(999_820).as_ref(), now), "3 min ago");
        assert_eq!(ago(at(1_000_090).as_ref(), now), "in 90 s");
    }

    #[test]
    fn targets_are_named_when_the_name_is_known() {
        let names = HashMap::from([("chn_1".to_owned(), "#incidents".to_owned())]);
        let route = |kind: ChannelKind, target| Route {
            kind: kind.to_wire(),
            target: Some(target),
            ..Route::default()
        };
        let channel = |id: &str| {
            Target::Channel(ChannelTarget {
                channel_id: id.to_owned(),
            })
        };
        assert_eq!(
            target(&route(ChannelKind::Slack, channel("chn_1")), &names),
            "slack #incidents"
        );
        assert_eq!(
            target(&route(ChannelKind::Slack, channel("chn_2")), &names),
            "slack chn_2"
        );
        let person = Target::Person(PersonTarget {
            address: "a@b.example".to_owned(),
            ..PersonTarget::default()
        });
        assert_eq!(
            target(&route(ChannelKind::Email, person), &names),
            "email a@b.example"
        );
    }

    #[test]
    fn enumerations_lose_their_prefix() {
        assert_eq!(delivery_state(DeliveryState::Parked as i32), "PARKED");
        assert_eq!(attempt_outcome(AttemptOutcome::Retryable as i32), "RETRYABLE");
        assert_eq!(health(0), "-");
        assert_eq!(kind(5), "in-app");
        assert_eq!(severities(&[5, 4]), "CRITICAL, HIGH");
        assert_eq!(word::<Severity>(99), "99");
    }
}
