//! What users were promised of routing, written down as they read it: a team, an event, and who hears.

mod defaults;
mod operational;
mod overrides;
mod people;
mod rules;

use watchbell_model::alert::Repeat;
use watchbell_model::catalog::{Catalog, RECEIPT};
use watchbell_model::event::Event;
use watchbell_model::mention::{Mention, TeamsUser};
use watchbell_model::preference::Preference;
use watchbell_model::severities::SeveritySet;
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_model::vocabulary::Severity::{Critical, High, Info, Low, Medium};
use watchbell_model::vocabulary::{Category, ChannelHealth, ChannelKind, Plan, Role, Severity, Topic};

use super::{FilterOwner, Target, decide, decide_and_explain};
use crate::testing::{Also as _, Team, at, event, everything, heard, types};

/// Who hears, in the words of [`heard`], one an entry.
#[track_caller]
fn hears(team: &TeamSnapshot, event: &Event, expected: &[&str]) {
    assert_eq!(
        heard(team, &decide(team, event)),
        expected,
        "{} at {}",
        event.event_type,
        event.severity
    );
}

/// Like [`hears`], without the inbox, of which the example does not speak.
#[track_caller]
fn told(team: &TeamSnapshot, event: &Event, expected: &[&str]) {
    let mut heard = heard(team, &decide(team, event));
    heard.retain(|who| who != "inbox");
    assert_eq!(heard, expected, "{} at {}", event.event_type, event.severity);
}
