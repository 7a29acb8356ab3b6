//! What messages and the log say of an event's alert.

use chrono::{DateTime, TimeDelta, Utc};
use url::Url;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::alert::{AlertAction, AlertState, AlertStatus, Opened, StillOpen};
use watchbell_model::alert_link::{AlertLink, LINK_LIFETIME, LinkHolder};
use watchbell_model::brand::Brand;
use watchbell_model::text::times;
use watchbell_model::unsubscribe::UnsubscribeKeys;

use super::text::time_text;

/// The path of the page by which a reader takes an alert on.
const ACKNOWLEDGE: &str = "/acknowledge";
/// Said of a beginning that is not sent.
pub(crate) const SUPERSEDED: &str = "opened and resolved before it was sent: its end tells both";
/// The longest URL of a button that Slack takes; a card of Teams has room for as much.
const MAX_LINK: usize = 3_000;

/// The link by which the reader of a message takes its alert on. `None` when nobody has to, or no page is there for it.
pub(crate) fn acknowledge_link(
    event: &AcceptedEvent,
    holder: LinkHolder,
    now: DateTime<Utc>,
    brand: &Brand,
    keys: &UnsubscribeKeys,
) -> Option<Url> {
    let base = brand.link_base()?;
    let status = event.alert_status.get()?;
    let opened = status.opened.as_ref()?;
    if event.test || !matches!(status.state, AlertState::Open | AlertState::Snoozed) {
        return None;
    }
    let link = AlertLink {
        team: event.team_id,
        key: status.key.clone(),
        opened_at: opened.at,
        expires_at: now + LINK_LIFETIME,
        holder,
    };
    let url = format!("{base}{ACKNOWLEDGE}?token={}", link.sign(keys));
    Some(url).filter(|url| url.len() <= MAX_LINK)?.parse().ok()
}

/// Where the alert stands, since when, and how often it was seen; `None` of an event that says nothing more than that it began,
/// or that belongs to none.
pub(crate) fn standing(event: &AcceptedEvent) -> Option<String> {
    let (of, status) = (event.alert.as_ref()?, event.alert_status.get()?);
    let Some(opened) = &status.opened else {
        // Of a late event, when only the end is known.
        let is_over = status.state == AlertState::Resolved && of.action != AlertAction::Resolve;
        return is_over.then(|| "Resolved".to_owned());
    };
    let times = match status.count {
        0 | 1 => String::new(),
        count => format!(", seen {}", times(count)),
    };
    let since = time_text(opened.at);
    match status.still_open {
        Some(StillOpen::Reminder(number, most)) => {
            return Some(format!(
                "Still open since {since}{times}, reminder {number} of {most}"
            ));
        }
        Some(StillOpen::Escalation) => {
            return Some(format!("Nobody has acknowledged it since {since}{times}"));
        }
        None => {}
    }
    match (status.state, of.action) {
        (AlertState::Resolved, AlertAction::Resolve) => {
            let after = open_for(opened, event.occurred_at);
            Some(format!("Resolved after {after}{times}"))
        }
        (AlertState::Resolved, _) => Some(format!("Resolved, began {since}{times}")),
        (AlertState::Open, _) if opened.event_id == event.id && status.count < 2 => None,
        (AlertState::Open, _) => Some(format!("Open since {since}{times}")),
        (AlertState::Acknowledged, _) => Some(format!("Acknowledged, open since {since}{times}")),
        (AlertState::Snoozed, _) => Some(format!("Snoozed, open since {since}{times}")),
    }
}

/// The title of a message that tells of an alert because it is still open.
pub(crate) fn titled(title: &str, why: StillOpen) -> String {
    match why {
        StillOpen::Reminder(..) => format!("Still open: {title}"),
        StillOpen::Escalation => format!("Not acknowledged: {title}"),
    }
}

/// The title of an end that tells of the beginning, too.
pub(crate) fn titled_with_beginning(title: &str, opened: &Opened, end: DateTime<Utc>) -> String {
    format!("{title} (was open for {})", open_for(opened, end))
}

/// `seen 14 times since 21 Nov 2026, 09:00 UTC`, or `seen once since …`
pub(crate) fn seen(status: &AlertStatus) -> String {
    let since = status
        .opened
        .as_ref()
        .map_or_else(String::new, |opened| format!(" since {}", time_text(opened.at)));
    format!("seen {}{since}", times(status.count))
}

/// How long it was open: `2 h 10 min`.
fn open_for(opened: &Opened, end: DateTime<Utc>) -> String {
    let span = (end - opened.at).max(TimeDelta::zero());
    let (days, hours, minutes) = (span.num_days(), span.num_hours() % 24, span.num_minutes() % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (1, 0, _) => "1 day".to_owned(),
        (1, hours, _) => format!("1 day {hours} h"),
        (days, 0, _) => format!("{days} days"),
        (days, hours, _) => format!("{days} days {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::senders::fixtures;

    fn opened(minutes_ago: i64) -> Opened {
        Opened {
            event_id: "evt-first".parse().unwrap(),
            at: fixtures::noon() - TimeDelta::minutes(minutes_ago),
        }
    }

    fn said(action: AlertAction, state: AlertState, opened: Option<Opened>, count: i64) -> Option<String> {
        let mut event = AcceptedEvent {
            occurred_at: fixtures::noon(),
            ..fixtures::event("finding.created")
        };
        event.alert = Some(watchbell_model::alert::EventAlert {
            key: "finding_id=1".parse().unwrap(),
            action,
        });
        let key = "finding_id=1".parse().unwrap();
        event.alert_status = AlertStatus {
            key,
            state,
            opened,
            count,
            news: None,
            still_open: None,
        }
        .into();
        standing(&event)
    }

    #[test]
    fn a_message_says_where_the_alert_stands_since_when_and_how_often() {
        use AlertAction::{Resolve, Trigger, Update};
        let of = |action, state, count| said(action, state, Some(opened(130)), count).unwrap();
        assert_eq!(
            of(Resolve, AlertState::Resolved, 14),
            "Resolved after 2 h 10 min, seen 14 times"
        );
        assert_eq!(of(Resolve, AlertState::Resolved, 1), "Resolved after 2 h 10 min");
        assert_eq!(
            of(Update, AlertState::Open, 2),
            "Open since 21 Nov 2026, 09:50 UTC, seen 2 times"
        );
        assert_eq!(
            of(Trigger, AlertState::Resolved, 1),
            "Resolved, began 21 Nov 2026, 09:50 UTC"
        );
        let first = Opened {
            event_id: "evt-4711".parse().unwrap(),
            ..opened(0)
        };
        assert_eq!(
            said(Trigger, AlertState::Open, Some(first.clone()), 1),
            None,
            "nothing more than the event itself"
        );
        assert_eq!(
            said(Trigger, AlertState::Open, Some(first), 3).as_deref(),
            Some("Open since 21 Nov 2026, 12:00 UTC, seen 3 times"),
            "it was seen again before it was sent"
        );
        assert_eq!(
            said(Resolve, AlertState::Resolved, None, 0),
            None,
            "nothing is known of its beginning"
        );
        assert_eq!(
            said(Trigger, AlertState::Resolved, None, 0).as_deref(),
            Some("Resolved")
        );
    }

    #[test]
    fn an_alert_that_was_seen_once_is_not_seen_1_times() {
        let status = |count| AlertStatus {
            key: "finding_id=1".parse().unwrap(),
            state: AlertState::Resolved,
            opened: Some(opened(130)),
            count,
            news: None,
            still_open: None,
        };
        assert_eq!(seen(&status(1)), "seen once since 21 Nov 2026, 09:50 UTC");
        assert_eq!(seen(&status(14)), "seen 14 times since 21 Nov 2026, 09:50 UTC");
    }

    #[test]
    fn a_span_is_as_coarse_as_people_say_it() {
        for (minutes, words) in [
            (0, "less than a minute"),
            (59, "59 min"),
            (60, "1 h"),
            (130, "2 h 10 min"),
            (24 * 60 + 5, "1 day"),
            (25 * 60, "1 day 1 h"),
            (3 * 24 * 60, "3 days"),
            (3 * 24 * 60 + 61, "3 days 1 h"),
            (-5, "less than a minute"),
        ] {
            assert_eq!(open_for(&opened(minutes), fixtures::noon()), words);
        }
    }
}
