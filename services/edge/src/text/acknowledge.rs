//! The words of taking an alert on.

use chrono::DateTime;
use prost_types::Timestamp;
use watchbell_contracts::dispatcher::v1::Alert;
use watchbell_model::text::{time_text, times};

pub(crate) const ACKNOWLEDGE: &str = "Acknowledge";
pub(crate) const CLOSER: &str = "Look closer";

pub(crate) const ASK_HEADING: &str = "Acknowledge this alert?";

pub(crate) fn alert(alert: &Alert, severity: &str) -> String {
    let seen = match alert.count {
        ..=1 => String::new(),
        count => format!(", seen {}", times(count)),
    };
    format!(
        "“{}”: {severity}, open since {}{seen}.",
        alert.title,
        time(alert.open_time)
    )
}

pub(crate) fn snoozed(alert: &Alert) -> String {
    format!(
        "{} snoozed it until {}.",
        alert.snoozed_by,
        time(alert.snooze_end_time)
    )
}

pub(crate) fn ask(holder: &str) -> String {
    format!("Whoever was told of it by chat is told that {holder} has acknowledged it. {MEANS}")
}

pub(crate) const MEANS: &str = "Until it gets worse or ends, its repeats are only counted.";

pub(crate) const ACKNOWLEDGED_HEADING: &str = "Acknowledged";
pub(crate) const ALREADY_HEADING: &str = "Acknowledged already";

pub(crate) fn by(alert: &Alert) -> String {
    format!(
        "“{}” was acknowledged by {} on {}.",
        alert.title,
        alert.acknowledged_by,
        time(alert.acknowledge_time)
    )
}

pub(crate) const ENDED_HEADING: &str = "This alert is over";

pub(crate) fn ended(alert: &Alert) -> String {
    format!(
        "“{}” ended on {}. There is nothing left to acknowledge.",
        alert.title,
        time(alert.resolve_time)
    )
}

pub(crate) const BEGAN_AGAIN: &str =
    "The alert ended, and has begun again since. The newer message has a link of its own.";

pub(crate) const OUTDATED: &str = "It works for 30 days, and as long as its alert is kept. \
     To see the alert as it is now, sign in to the platform.";

fn time(at: Option<Timestamp>) -> String {
    let at = at.and_then(|at| DateTime::from_timestamp(at.seconds, 0));
    at.map_or_else(String::new, time_text)
}
