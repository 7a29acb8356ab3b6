//! What a member hears of a topic before they say anything (DESIGN §6).

use watchbell_contracts::config::v1::{Preference, PreferenceSetting};
use watchbell_contracts::convert::FromWire;
use watchbell_domain::{Plan, Role, SeveritySet, Topic};

/// The default of every topic for a role in a team of that plan.
pub(crate) fn default_preferences(role: Role, plan: Plan) -> Vec<Preference> {
    Topic::ALL
        .iter()
        .map(|topic| default(*topic, role, plan))
        .collect()
}

fn default(topic: Topic, role: Role, plan: Plan) -> Preference {
    use PreferenceSetting::{Failures, Off, On, Severities};
    let (setting, severities) = match topic {
        Topic::AuditDelivered | Topic::AuditFailed | Topic::Sla | Topic::Compliance => (On, SeveritySet::EMPTY),
        Topic::Scans => (Failures, SeveritySet::EMPTY),
        Topic::AtlasAlerts => (Severities, SeveritySet::CRITICAL),
        Topic::Findings => (Severities, SeveritySet::HIGH_AND_ABOVE),
        Topic::WeeklyDigest if role == Role::Owner && plan >= Plan::Team => (On, SeveritySet::EMPTY),
        Topic::WeeklyDigest | Topic::Exceptions | Topic::Account | Topic::Marketing => {
            (Off, SeveritySet::EMPTY)
        }
    };
    Preference {
        topic: topic.to_string(),
        setting: setting.into(),
        severities: severities.iter().map(FromWire::to_wire).collect(),
        is_default: true,
    }
}
