//! Team snapshots: what Config sends, as deciding asks it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    digest_settings::{CronSchedule, DigestSettings},
    ids::{MemberId, TeamId},
    member::Member,
    preference::Preference,
    severities::SeveritySet,
    snapshot::{SnapshotParts, TeamSnapshot},
    violation::{Violations, reason},
    vocabulary::{Plan, Role, Topic},
};

use super::{
    channel, channel::addresses, event_type::event_type_definition, mention_rule, optional, rule, time_zone,
    words,
};
use watchbell_contracts::config::v1::{self as wire, PreferenceSetting};

/// A snapshot that can be asked.
///
/// # Errors
/// Every field that does not parse. Config checks what it stores, so these mean that it was written by another version.
pub fn snapshot(message: &wire::TeamSnapshot) -> Result<TeamSnapshot, Violations> {
    let mut violations = Violations::new();
    let team = message.team.clone().unwrap_or_default();
    let Some(team_id) = violations.parse::<TeamId>("team.id", reason::MALFORMED, &team.id) else {
        return Err(violations);
    };
    let time_zone = time_zone(&team.time_zone, "team.time_zone", &mut violations).unwrap_or_default();
    let parts = SnapshotParts {
        team_id,
        revision: message.revision,
        name: team.display_name,
        plan: optional::<Plan>(team.plan, "team.plan", &mut violations).unwrap_or_default(),
        time_zone,
        members: each(&message.members, "members", &mut violations, member),
        channels: each(&message.channels, "channels", &mut violations, |written| {
            channel::channel(written, time_zone)
        }),
        rules: each(&message.rules, "rules", &mut violations, rule),
        mention_rules: each(
            &message.mention_rules,
            "mention_rules",
            &mut violations,
            mention_rule,
        ),
        compliance_recipients: addresses(
            &message.compliance_recipients,
            "compliance_recipients",
            &mut violations,
        ),
        unconfirmed_compliance: addresses(
            &message.unconfirmed_compliance_recipients,
            "unconfirmed_compliance_recipients",
            &mut violations,
        ),
        event_types: each(
            &message.event_types,
            "event_types",
            &mut violations,
            event_type_definition,
        ),
        digest: violations
            .take_under("digest", digest_settings(message.digest.as_ref()))
            .unwrap_or_default(),
    };
    violations.into_result(())?;
    TeamSnapshot::new(parts)
}

fn each<M, T>(
    messages: &[M],
    field: &str,
    violations: &mut Violations,
    convert: impl Fn(&M) -> Result<T, Violations>,
) -> Vec<T> {
    messages
        .iter()
        .enumerate()
        .filter_map(|(index, message)| violations.take_under(&format!("{field}[{index}]"), convert(message)))
        .collect()
}

fn member(message: &wire::MemberSnapshot) -> Result<Member, Violations> {
    let mut violations = Violations::new();
    let written = message.member.clone().unwrap_or_default();
    let id = violations.parse::<MemberId>("member.id", reason::MALFORMED, &written.id);
    let team_id = violations.parse::<TeamId>("member.team_id", reason::MALFORMED, &written.team_id);
    let email = violations.parse("member.email", reason::MALFORMED, &written.email);
    let role = optional::<Role>(written.role, "member.role", &mut violations).unwrap_or(Role::Member);
    let slack_user_id = match written.slack_user_id.as_str() {
        "" => None,
        id => violations.parse("member.slack_user_id", reason::MALFORMED, id),
    };
    let permissions: BTreeSet<_> = words(&written.permissions, "member.permissions", &mut violations)
        .into_iter()
        .collect();
    let mut preferences = BTreeMap::new();
    for (index, written) in message.preferences.iter().enumerate() {
        let parsed = preference(written).map_err(|wrong| wrong.under(&format!("preferences[{index}]")));
        if let Some((topic, Some(preference))) = violations.take(parsed) {
            preferences.insert(topic, preference);
        }
    }
    match (id, team_id, email) {
        (Some(id), Some(team_id), Some(email)) if violations.is_empty() => Ok(Member {
            id,
            team_id,
            email,
            name: written.display_name,
            role,
            slack_user_id,
            permissions,
            preferences,
        }),
        _ => Err(violations),
    }
}

/// A topic and what is wanted of it; nothing for "back to the default".
///
/// # Errors
/// Unknown topics, settings and severities, and severities where none belong.
pub fn preference(message: &wire::Preference) -> Result<(Topic, Option<Preference>), Violations> {
    let mut violations = Violations::new();
    let topic = violations.parse::<Topic>("topic", reason::UNKNOWN_VALUE, &message.topic);
    let severities: SeveritySet = words(&message.severities, "severities", &mut violations)
        .into_iter()
        .collect();
    let setting = PreferenceSetting::try_from(message.setting);
    match (
        setting.is_ok_and(|setting| setting == PreferenceSetting::Severities),
        severities.is_empty(),
    ) {
        (true, true) if violations.is_empty() => violations.required("severities"),
        (false, false) => {
            violations.add(
                "severities",
                reason::NOT_ALLOWED,
                "go with the setting SEVERITIES only",
            );
        }
        _ => {}
    }
    let preference = match setting {
        Ok(PreferenceSetting::Unspecified) => None,
        Ok(PreferenceSetting::Off) => Some(Preference::Off),
        Ok(PreferenceSetting::On) => Some(Preference::On),
        Ok(PreferenceSetting::Failures) => Some(Preference::Failures),
        Ok(PreferenceSetting::Severities) => Some(Preference::Severities(severities)),
        Err(_) => {
            violations.add("setting", reason::UNKNOWN_VALUE, "is not a setting");
            None
        }
    };
    match topic {
        Some(topic) if violations.is_empty() => Ok((topic, preference)),
        _ => Err(violations),
    }
}

/// What a preference is on the wire; its topic and whether it is a default are its reader's to add.
#[must_use]
pub fn preference_message(topic: Topic, preference: Preference, is_default: bool) -> wire::Preference {
    let (setting, severities) = match preference {
        Preference::Off => (PreferenceSetting::Off, SeveritySet::EMPTY),
        Preference::On => (PreferenceSetting::On, SeveritySet::EMPTY),
        Preference::Failures => (PreferenceSetting::Failures, SeveritySet::EMPTY),
        Preference::Severities(severities) => (PreferenceSetting::Severities, severities),
    };
    wire::Preference {
        topic: topic.to_string(),
        setting: setting.into(),
        severities: severities.iter().map(super::FromWire::to_wire).collect(),
        is_default,
    }
}

/// When a team's digest goes out, and to whom.
///
/// # Errors
/// An expression that never comes, addresses that are none.
pub fn digest_settings(message: Option<&wire::DigestSettings>) -> Result<DigestSettings, Violations> {
    let Some(message) = message else {
        return Ok(DigestSettings::default());
    };
    let mut violations = Violations::new();
    let schedule = match message.cron.trim() {
        "" => Some(CronSchedule::default()),
        text => violations.parse("cron", reason::MALFORMED, text),
    };
    let recipients = addresses(&message.recipients, "recipients", &mut violations);
    let settings = DigestSettings {
        schedule: schedule.unwrap_or_default(),
        recipients,
        paused: message.paused,
    };
    violations.take(settings.check());
    violations.into_result(settings)
}
