//! Every word that a page shows, in English, in one place.

pub(crate) mod acknowledge;
pub(crate) mod confirm;
pub(crate) mod slack;

use watchbell_contracts::config::v1::PreferenceSetting;

/// What a topic is called, and what its emails are about.
pub(crate) struct TopicWords {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
}

/// The words of a topic; of an unknown or unnamed one, words that are true of any.
pub(crate) fn topic(key: &str) -> TopicWords {
    let (name, about) = match key {
        "audit_delivered" => ("Audits delivered", "An audit is ready to be read."),
        "audit_failed" => ("Audits failed", "An audit could not be finished."),
        "atlas_alerts" => ("Atlas alerts", "A tier escalates or a score drifts."),
        "findings" => ("Findings", "Something new is found, resolved or excepted."),
        "sla" => ("Deadlines", "An SLA comes near its deadline or misses it."),
        "compliance" => ("Compliance", "Your compliance posture changes."),
        "scans" => ("Scans", "A scan starts, finishes or fails."),
        "exceptions" => (
            "Risk exceptions",
            "A risk exception is asked for, approved or rejected.",
        ),
        "account" => ("Account", "Sign-ins, the plan and credits."),
        "weekly_digest" => ("Weekly digest", "What your team did, once a week."),
        "marketing" => ("Product news", "What is new. Only ever sent when you ask for it."),
        _ => ("these emails", "Emails of this kind."),
    };
    TopicWords { name, about }
}

/// What a setting is called beside its button.
pub(crate) const fn setting(setting: PreferenceSetting) -> &'static str {
    match setting {
        PreferenceSetting::Off | PreferenceSetting::Unspecified => "Off",
        PreferenceSetting::On => "On",
        PreferenceSetting::Severities => "Only these severities",
        PreferenceSetting::Failures => "Only failures",
    }
}

pub(crate) fn severities_of(topic: &str) -> String {
    format!("Severities of {topic}")
}

pub(crate) const UNSUBSCRIBE: &str = "Unsubscribe";
pub(crate) const UNDO: &str = "Undo";
pub(crate) const ALL_OFF: &str = "Turn off all emails";
pub(crate) const CHOOSE: &str = "Choose which emails you get";
pub(crate) const SAVE: &str = "Save";
pub(crate) const SAVED: &str = "Saved. This is what you get from now on.";
pub(crate) const NOTHING_TO_SAVE: &str = "Nothing was changed.";
pub(crate) const RECEIPTS_STAY: &str =
    "Compliance receipts are records and not part of this: they still go to whoever is set to receive them.";

pub(crate) fn ask_heading(topic: &str) -> String {
    match topic {
        "these emails" => "Unsubscribe from these emails?".to_owned(),
        name => format!("Unsubscribe from “{name}”?"),
    }
}

pub(crate) fn ask(address: &str) -> String {
    format!("{address} will not get these emails any more. Everything else stays as it is.")
}

pub(crate) const OFF_HEADING: &str = "You are unsubscribed";

pub(crate) fn off(name: &str, address: &str) -> String {
    match name {
        "these emails" => format!("{address} will not get these emails any more. Nothing else has changed."),
        name => format!("“{name}” is off for {address}. Nothing else has changed."),
    }
}

pub(crate) const ALL_OFF_HEADING: &str = "All emails are off";

pub(crate) fn all_off(address: &str, topics: &[&str]) -> String {
    let off = format!("{address} will not get any emails of your team any more.");
    if topics.is_empty() {
        return off;
    }
    format!("{off} Off now: {}.", topics.join(", "))
}

pub(crate) fn all_off_already(address: &str) -> String {
    format!("They were off already for {address}.")
}

pub(crate) const UNDONE_HEADING: &str = "You are subscribed again";

pub(crate) fn undone(address: &str) -> String {
    format!("{address} gets these emails as before.")
}

pub(crate) const NOT_UNDONE_HEADING: &str = "This can no longer be undone here";
pub(crate) const NOT_UNDONE: &str = "Undo works for a week, and only while nobody has changed the same setting since. \
     To get these emails again, sign in and open your notification settings, or ask an Owner of your team.";

pub(crate) const OUTDATED_HEADING: &str = "This link is no longer in use";

pub(crate) fn outdated(address: &str) -> String {
    format!("{address} gets no more emails of this kind, so there is nothing to unsubscribe from.")
}

pub(crate) const SOMEBODY: &str = "Your address";

pub(crate) const PREFERENCES_TITLE: &str = "Email preferences";

pub(crate) fn preferences_heading(address: &str) -> String {
    format!("Emails to {address}")
}

pub(crate) const PREFERENCES_LEAD: &str = "Choose which emails you still want. Nothing changes until you save. \
     This page only turns emails off: to turn some on, sign in and open your notification settings.";
pub(crate) const MORE_NEEDS_LOGIN: &str = "Nothing was changed: to turn emails on, sign in first.";

pub(crate) const INVALID_HEADING: &str = "This link is not valid";
pub(crate) const INVALID: &str = "It may have been cut off when it was copied, or whoever it was sent to has left the team. \
     Open the link in the message itself, or ask an Owner of your team.";

pub(crate) const AWAY_HEADING: &str = "That did not work just now";
pub(crate) const AWAY: &str = "Nothing was changed. Please try again in a minute.";
pub(crate) const AGAIN: &str = "Try again";

pub(crate) const FRONT: &str = "Alerts come from here, and the links in them lead here: to unsubscribe, to choose emails, to confirm an address, \
     to acknowledge an alert. There is nothing more to see: open the link in the message itself. To change what your team sends, sign in to the platform.";

pub(crate) const SETTINGS_HEADING: &str = "Where to change this";
pub(crate) const SETTINGS: &str = "Sign in to the platform and open Account, Settings, Notifications. Only members of your team can change it there.";
pub(crate) const COMPLIANCE: &str = "Sign in to the platform and open Account, Settings, Notifications, Compliance. \
     Receipts go to the recipients that are set there, or to the team’s Owners when none are.";
