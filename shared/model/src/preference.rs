//! What a person wants by email, topic by topic. Only what a member chose is kept; everything else is resolved late from
//! the role and the plan, so that a change of either, or of a default, needs no migration.

use watchbell_contracts::config::v1::{self as wire, PreferenceSetting};

use crate::convert::{FromWire, words};
use crate::severities::SeveritySet;
use crate::violation::{Violations, reason};
use crate::vocabulary::{Plan, Role, Severity, Topic};

/// One person's word on one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preference {
    /// Nothing.
    Off,
    /// Everything.
    On,
    /// What failed: events of the category `SYSTEM_ERROR`.
    Failures,
    /// These severities; none is the same as off.
    Severities(SeveritySet),
}

// === impl Preference ===

impl Preference {
    /// What holds until the member says otherwise.
    #[must_use]
    pub fn default_for(role: Role, plan: Plan, topic: Topic) -> Self {
        match topic {
            Topic::AuditDelivered | Topic::AuditFailed | Topic::Sla | Topic::Compliance => Self::On,
            Topic::AtlasAlerts => Self::Severities(SeveritySet::CRITICAL),
            Topic::Findings => Self::Severities(SeveritySet::HIGH_AND_ABOVE),
            Topic::Scans => Self::Failures,
            Topic::WeeklyDigest if role == Role::Owner && plan >= Plan::Team => Self::On,
            Topic::WeeklyDigest | Topic::Exceptions | Topic::Account | Topic::Marketing => Self::Off,
        }
    }

    /// Reads a topic and what is wanted of it; nothing for "back to the default".
    ///
    /// # Errors
    /// Unknown topics, settings and severities, and severities where none belong.
    pub fn read(message: &wire::Preference) -> Result<(Topic, Option<Self>), Violations> {
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
            Ok(PreferenceSetting::Off) => Some(Self::Off),
            Ok(PreferenceSetting::On) => Some(Self::On),
            Ok(PreferenceSetting::Failures) => Some(Self::Failures),
            Ok(PreferenceSetting::Severities) => Some(Self::Severities(severities)),
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

    /// The message of a topic's preference.
    #[must_use]
    pub fn to_message(self, topic: Topic, is_default: bool) -> wire::Preference {
        let (setting, severities) = match self {
            Self::Off => (PreferenceSetting::Off, SeveritySet::EMPTY),
            Self::On => (PreferenceSetting::On, SeveritySet::EMPTY),
            Self::Failures => (PreferenceSetting::Failures, SeveritySet::EMPTY),
            Self::Severities(severities) => (PreferenceSetting::Severities, severities),
        };
        wire::Preference {
            topic: topic.to_string(),
            setting: setting.into(),
            severities: severities.iter().map(FromWire::to_wire).collect(),
            is_default,
        }
    }

    /// Whether it asks for an event of that severity. `failure` is [`crate::catalog::EventTypeSpec::is_failure`].
    #[must_use]
    pub const fn wants(self, severity: Severity, failure: bool) -> bool {
        match self {
            Self::Off => false,
            Self::On => true,
            Self::Failures => failure,
            Self::Severities(severities) => severities.contains(severity),
        }
    }

    /// Whether everything that it asks for, `other` asks for as well.
    #[must_use]
    pub fn is_within(self, other: Self) -> bool {
        match (self, other) {
            _ if self.is_off() => true,
            (_, Self::On) | (Self::Failures, Self::Failures) => true,
            (Self::Severities(few), Self::Severities(many)) => {
                few.iter().all(|severity| many.contains(severity))
            }
            (Self::Off | Self::On | Self::Failures | Self::Severities(_), _) => false,
        }
    }

    /// Whether it asks for anything at all.
    #[must_use]
    pub const fn is_off(self) -> bool {
        match self {
            Self::Off => true,
            Self::On | Self::Failures => false,
            Self::Severities(severities) => severities.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::member::tests::member;

    #[test]
    fn the_defaults_are_those_of_the_design() {
        use Preference::{Failures, Off, On, Severities};
        let critical = Severities(SeveritySet::CRITICAL);
        let high = Severities(SeveritySet::HIGH_AND_ABOVE);
        let of = |role, plan| {
            Topic::ALL
                .iter()
                .map(|topic| Preference::default_for(role, plan, *topic))
                .collect::<Vec<_>>()
        };
        let owner = [On, On, critical, high, On, On, Failures, Off, Off, On, Off];
        let member = [On, On, critical, high, On, On, Failures, Off, Off, Off, Off];
        assert_eq!(of(Role::Owner, Plan::Team), owner);
        assert_eq!(of(Role::Owner, Plan::Enterprise), owner);
        assert_eq!(of(Role::Owner, Plan::Free), member);
        assert_eq!(of(Role::Admin, Plan::Team), member);
        assert_eq!(of(Role::Member, Plan::Enterprise), member);
    }

    #[test]
    fn a_default_follows_role_and_plan_and_an_own_word_stays() {
        let mut person = member(1, Role::Owner);
        assert_eq!(person.preference(Plan::Team, Topic::WeeklyDigest), Preference::On);
        assert_eq!(
            person.preference(Plan::Free, Topic::WeeklyDigest),
            Preference::Off
        );
        person.preferences.insert(Topic::WeeklyDigest, Preference::Off);
        assert_eq!(
            person.preference(Plan::Team, Topic::WeeklyDigest),
            Preference::Off
        );
    }

    #[test]
    fn by_default_a_failed_scan_is_heard_at_any_severity_and_a_finished_one_never() {
        let scans = Preference::default_for(Role::Member, Plan::Team, Topic::Scans);
        assert!(Severity::ALL.iter().all(|severity| scans.wants(*severity, true)));
        assert!(!Severity::ALL.iter().any(|severity| scans.wants(*severity, false)));
    }

    fn any_preference() -> impl Strategy<Value = Preference> {
        let severities = proptest::sample::subsequence(Severity::ALL.to_vec(), 0..=5);
        prop_oneof![
            Just(Preference::Off),
            Just(Preference::On),
            Just(Preference::Failures),
            severities.prop_map(|severities| Preference::Severities(severities.into_iter().collect())),
        ]
    }

    proptest! {
        #[test]
        fn what_is_within_another_wants_nothing_that_the_other_does_not(
            (one, other) in (any_preference(), any_preference()),
        ) {
            prop_assert!(one.is_within(one) && Preference::Off.is_within(one));
            let more = Severity::ALL.iter().any(|severity| {
                [false, true].iter().any(|failure| one.wants(*severity, *failure) && !other.wants(*severity, *failure))
            });
            prop_assert!(!(one.is_within(other) && more));
        }

        #[test]
        fn a_preference_reads_back_from_its_message(preference in any_preference()) {
            let read = Preference::read(&preference.to_message(Topic::Sla, false));
            if preference == Preference::Severities(SeveritySet::EMPTY) {
                prop_assert!(read.is_err());
            } else {
                prop_assert_eq!(read, Ok((Topic::Sla, Some(preference))));
            }
        }

        #[test]
        fn marketing_is_never_on_unless_chosen(
            role in proptest::sample::select(Role::ALL.to_vec()),
            plan in proptest::sample::select(Plan::ALL.to_vec()),
        ) {
            prop_assert!(Preference::default_for(role, plan, Topic::Marketing).is_off());
        }

        #[test]
        fn what_is_off_wants_nothing(bits in proptest::sample::subsequence(Severity::ALL.to_vec(), 0..=5)) {
            let preference = Preference::Severities(bits.into_iter().collect());
            let wants_any = Severity::ALL.iter().any(|severity| preference.wants(*severity, false));
            prop_assert_eq!(preference.is_off(), !wants_any);
        }
    }
}
