//! What a digest takes from a team's snapshot: whether it gets one, when, and who. Recipients are settled when the
//! digest is sent, so that whoever left the team or turned the digest off meanwhile does not get it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::event::v1 as event;
use watchbell_model::catalog::Catalog;
use watchbell_model::convert::{self, FromWire as _};
use watchbell_model::violation::Violations;
use watchbell_model::vocabulary::{Plan, Role, Topic};

use crate::schedule::{Schedule, ScheduleError};

/// The fields of `data` that a digest counts by.
const COUNTED_FIELDS: [&str; 4] = [
    "submitter",
    "acknowledger",
    "credits_consumed",
    "credits_remaining",
];
/// The types that count by themselves.
const COUNTED_TYPES: [&str; 2] = ["audit.delivered", "atlas.alert.fired"];
/// A longer list of types narrows nothing; then every event is read.
const MAX_TYPES: usize = 50;

/// A team as the digest sees it.
#[derive(Debug, Clone)]
pub(crate) struct Team {
    /// The name that people gave it.
    pub(crate) name: String,
    /// When it was made; there is no digest of the time before.
    pub(crate) created_at: Option<DateTime<Utc>>,
    plan: Plan,
    paused: bool,
    cron: String,
    zone: String,
    recipients: Vec<Recipient>,
    types: Vec<String>,
}

/// Somebody who gets the digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipient {
    pub(crate) address: String,
    /// `mbr_…`, when it is a member, who can then turn the topic off.
    member_id: Option<String>,
    why: &'static str,
}

// === impl Team ===

impl Team {
    pub(crate) fn from_snapshot(snapshot: &config::TeamSnapshot) -> Self {
        let team = snapshot.team.clone().unwrap_or_default();
        let settings = snapshot.digest.clone().unwrap_or_default();
        Self {
            created_at: convert::instant(team.create_time.as_ref(), "create_time", &mut Violations::new()),
            plan: Plan::from_wire(team.plan).ok().flatten().unwrap_or_default(),
            recipients: recipients(&settings.recipients, &snapshot.members),
            types: counted_types(&snapshot.event_types),
            paused: settings.paused,
            cron: settings.cron,
            name: team.display_name,
            zone: team.time_zone,
        }
    }

    pub(crate) fn schedule(&self) -> Result<Schedule, ScheduleError> {
        Schedule::parse(&self.cron, &self.zone)
    }

    /// The present recipients of the digest; none on a plan without one.
    pub(crate) fn recipients(&self) -> &[Recipient] {
        if self.plan >= Plan::Team {
            &self.recipients
        } else {
            &[]
        }
    }

    /// The event types to read; all when empty.
    pub(crate) fn types(&self) -> &[String] {
        &self.types
    }

    /// Why no digest is sent, if none is.
    pub(crate) fn reason_to_skip(&self) -> Option<&'static str> {
        if self.plan < Plan::Team {
            Some("The weekly digest needs the TEAM plan or above.")
        } else if self.paused {
            Some("The digest is paused.")
        } else if self.recipients.is_empty() {
            Some("Nobody is to get it: no recipients are set, and no Owner wants the topic `weekly_digest`.")
        } else {
            None
        }
    }
}

// === impl Recipient ===

impl Recipient {
    pub(crate) fn route(&self) -> event::Route {
        let target = match &self.member_id {
            Some(member_id) => event::route::Target::Person(event::PersonTarget {
                member_id: member_id.clone(),
                address: self.address.clone(),
                topic: Topic::WeeklyDigest.as_str().to_owned(),
                ..Default::default()
            }),
            None => event::route::Target::Address(event::AddressTarget {
                address: self.address.clone(),
                ..Default::default()
            }),
        };
        event::Route {
            kind: event::ChannelKind::Email as i32,
            target: Some(target),
            reason: Some(event::Reason {
                code: "digest_recipient".to_owned(),
                sentence: self.why.to_owned(),
                rule_id: String::new(),
            }),
            mentions: Vec::new(),
            tells_repeats: false,
            group: None,
            remind: None,
            escalate: None,
        }
    }
}

/// The addresses that were named, else the members who want it: Owners unless they turned it off, others when they
/// turned it on. Nobody gets it twice, and a member who turned it off does not get it either way.
fn recipients(named: &[String], members: &[config::MemberSnapshot]) -> Vec<Recipient> {
    let members: Vec<_> = members
        .iter()
        .filter_map(|member| Some((member.member.as_ref()?, wish(member))))
        .collect();
    let all: Vec<Recipient> = if named.is_empty() {
        let wanting = members.iter().filter_map(|(member, wish)| {
            let owner = member.role == Role::Owner.to_wire();
            let why = match wish {
                Some(true) => "The member turned the weekly digest on.",
                None if owner => "The weekly digest is on for Owners by default.",
                _ => return None,
            };
            Some(Recipient {
                address: member.email.clone(),
                member_id: Some(member.id.clone()),
                why,
            })
        });
        wanting.collect()
    } else {
        let wanting = named.iter().filter_map(|address| {
            let member = members
                .iter()
                .find(|(member, _)| member.email.eq_ignore_ascii_case(address));
            if member.is_some_and(|(_, wish)| *wish == Some(false)) {
                return None;
            }
            let member_id = member.map(|(member, _)| member.id.clone());
            Some(Recipient {
                address: address.clone(),
                member_id,
                why: "The address is among the digest's recipients.",
            })
        });
        wanting.collect()
    };
    let mut seen = BTreeSet::new();
    all.into_iter()
        .filter(|recipient| seen.insert(recipient.address.to_ascii_lowercase()))
        .collect()
}

/// What the member said about the topic, if anything.
fn wish(member: &config::MemberSnapshot) -> Option<bool> {
    let topic = Topic::WeeklyDigest.as_str();
    let said = member
        .preferences
        .iter()
        .find(|preference| preference.topic == topic)?;
    match said.setting() {
        config::PreferenceSetting::Unspecified => None,
        // The digest is no failure.
        config::PreferenceSetting::Off | config::PreferenceSetting::Failures => Some(false),
        config::PreferenceSetting::On => Some(true),
        // The digest has no severity of its own: wanting it at some is wanting it.
        config::PreferenceSetting::Severities => Some(!said.severities.is_empty()),
    }
}

/// The built-in types whose schema has a field that counts, and all of the team's own.
fn counted_types(custom: &[config::EventType]) -> Vec<String> {
    let built_in = Catalog::built_in().iter().filter(|spec| {
        let has = |field: &&str| {
            spec.data_schema
                .as_ref()
                .is_some_and(|schema| schema["properties"].get(field).is_some())
        };
        COUNTED_TYPES.contains(&spec.event_type.as_str()) || COUNTED_FIELDS.iter().any(has)
    });
    let types: Vec<_> = built_in
        .map(|spec| spec.event_type.to_string())
        .chain(custom.iter().map(|event_type| event_type.name.clone()))
        .collect();
    if types.len() > MAX_TYPES {
        Vec::new()
    } else {
        types
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, role: Role, setting: Option<config::PreferenceSetting>) -> config::MemberSnapshot {
        let preference = setting.map(|setting| config::Preference {
            topic: "weekly_digest".to_owned(),
            setting: setting.into(),
            ..Default::default()
        });
        config::MemberSnapshot {
            member: Some(config::Member {
                id: format!("mbr_{id}"),
                email: format!("{id}@example.com"),
                role: role.to_wire(),
                ..Default::default()
            }),
            preferences: preference.into_iter().collect(),
        }
    }

    fn snapshot(members: Vec<config::MemberSnapshot>, recipients: &[&str]) -> config::TeamSnapshot {
        config::TeamSnapshot {
            team: Some(config::Team::default()),
            members,
            digest: Some(config::DigestSettings {
                recipients: recipients.iter().map(|address| (*address).to_owned()).collect(),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    fn addresses(snapshot: &config::TeamSnapshot) -> Vec<String> {
        Team::from_snapshot(snapshot)
            .recipients()
            .iter()
            .map(|recipient| recipient.address.clone())
            .collect()
    }

    #[test]
    fn owners_get_it_unless_they_turned_it_off_and_others_when_they_turned_it_on() {
        use config::PreferenceSetting::{Off, On};
        let members = vec![
            member("ann", Role::Owner, None),
            member("bob", Role::Owner, Some(Off)),
            member("cat", Role::Admin, None),
            member("dan", Role::Member, Some(On)),
        ];
        let team = Team::from_snapshot(&snapshot(members, &[]));
        let people: Vec<_> = team
            .recipients()
            .iter()
            .map(|to| to.member_id.clone().unwrap())
            .collect();
        assert_eq!(people, ["mbr_ann", "mbr_dan"]);
        let Some(event::route::Target::Person(person)) = team.recipients()[0].route().target else {
            panic!()
        };
        assert_eq!(
            (person.address.as_str(), person.topic.as_str()),
            ("ann@example.com", "weekly_digest")
        );
    }

    #[test]
    fn named_recipients_replace_the_owners_and_a_member_among_them_can_still_refuse() {
        let members = vec![
            member("ann", Role::Owner, None),
            member("bob", Role::Member, Some(config::PreferenceSetting::Off)),
            member("cat", Role::Member, None),
        ];
        let snapshot = snapshot(
            members,
            &[
                "Boss@example.org",
                "bob@example.com",
                "CAT@example.com",
                "boss@example.org",
            ],
        );
        assert_eq!(addresses(&snapshot), ["Boss@example.org", "CAT@example.com"]);
        let team = Team::from_snapshot(&snapshot);
        assert!(matches!(
            team.recipients()[0].route().target,
            Some(event::route::Target::Address(_))
        ));
        assert!(matches!(
            team.recipients()[1].route().target,
            Some(event::route::Target::Person(_))
        ));
    }

    #[test]
    fn whoever_gets_none_is_told_why() {
        let mut snapshot = snapshot(vec![member("ann", Role::Owner, None)], &[]);
        assert_eq!(Team::from_snapshot(&snapshot).reason_to_skip(), None);
        snapshot.team.as_mut().unwrap().set_plan(config::Plan::Enterprise);
        assert_eq!(Team::from_snapshot(&snapshot).reason_to_skip(), None);
        snapshot.digest.as_mut().unwrap().paused = true;
        assert!(
            Team::from_snapshot(&snapshot)
                .reason_to_skip()
                .unwrap()
                .contains("paused")
        );
        snapshot.team.as_mut().unwrap().set_plan(config::Plan::Free);
        assert!(
            Team::from_snapshot(&snapshot)
                .reason_to_skip()
                .unwrap()
                .contains("TEAM plan")
        );
        assert_eq!(addresses(&snapshot), [""; 0]);
        let nobody = config::TeamSnapshot::default();
        assert!(
            Team::from_snapshot(&nobody)
                .reason_to_skip()
                .unwrap()
                .contains("Nobody")
        );
    }

    #[test]
    fn only_types_that_can_count_are_read() {
        let custom = config::EventType {
            name: "deploy.finished".to_owned(),
            ..Default::default()
        };
        let types = counted_types(&[custom]);
        for wanted in [
            "audit.queued",
            "audit.delivered",
            "atlas.alert.fired",
            "account.credits.granted",
            "alert.acknowledged",
            "deploy.finished",
        ] {
            assert!(types.iter().any(|name| name == wanted), "{wanted}");
        }
        assert!(
            !types
                .iter()
                .any(|name| name == "finding.created" || name == "user.login"),
            "{types:?}"
        );
    }
}
