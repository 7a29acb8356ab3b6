//! The events of the demo and every destination where each must arrive. Written
//! by hand from the product's documents, and not asked of the code that is shown, so that the demo can fail.

use watchbell_model::Severity::{Critical, High};

use super::fakes::REFUSALS;
use super::scenario::Destination::{
    Adam, Alerts, Appsec, Cfo, Inbox, Incidents, Leadership, Officer, Olga, Sam, Scans, Siem, Soar,
    SoloAlerts, SoloInbox,
};
use super::scenario::{Section, Step, Team};

/// What may be said of an event that nothing else is said of.
const PLAIN: Step = Step {
    label: "",
    event_type: "",
    severity: None,
    source: "platform",
    title: "",
    team: Team::Acme,
    expected: &[Siem],
    refused: None,
    mention: None,
    explain: false,
    alert: None,
    acknowledged: &[],
};

/// The alert that begins, is seen again and ends.
const BUCKET: &str = "finding_id=backup-bucket";

/// The event that is sent twice.
pub(super) const TWICE: &Step = &STORY[0].steps[0];

pub(super) const STORY: [Section; 9] = [
    Section {
        heading: "A critical finding",
        says: "No rule was written for it. It reaches everyone who should know, even an endpoint that is down.",
        brief: false,
        steps: &[Step {
            label: "finding.created CRITICAL",
            event_type: "finding.created",
            severity: Some(Critical),
            source: "cspm",
            title: "Customer exports are readable by everyone",
            expected: &[Alerts, Leadership, Cfo, Olga, Adam, Siem, Soar, Inbox],
            refused: Some((Soar, REFUSALS)),
            ..PLAIN
        }],
    },
    Section {
        heading: "Routing",
        says: "Three rules peel alerts off the default channel.",
        brief: false,
        steps: &[
            Step {
                label: "audit.delivered",
                event_type: "audit.delivered",
                title: "The audit of the bridge contracts is ready",
                expected: &[Appsec, Cfo, Olga, Adam, Siem, Inbox],
                ..PLAIN
            },
            Step {
                label: "atlas.alert.fired CRIT.",
                event_type: "atlas.alert.fired",
                severity: Some(Critical),
                source: "atlas",
                title: "The treasury wallet moved to tier severe",
                expected: &[Incidents, Leadership, Cfo, Olga, Adam, Siem, Inbox],
                mention: Some("<!subteam^S0ONCALL>"),
                ..PLAIN
            },
            Step {
                label: "scan.completed",
                event_type: "scan.completed",
                source: "cspm",
                title: "The nightly scan of production is done",
                expected: &[Scans, Siem],
                ..PLAIN
            },
        ],
    },
    Section {
        heading: "Silence",
        says: "A rule keeps the sandbox out of chat. Whoever subscribed otherwise still hears of it.",
        brief: false,
        steps: &[Step {
            label: "finding.created sandbox",
            event_type: "finding.created",
            severity: Some(High),
            source: "sandbox",
            title: "A test cluster runs a privileged pod",
            expected: &[Cfo, Olga, Adam, Siem, Soar, Inbox],
            explain: true,
            ..PLAIN
        }],
    },
    Section {
        heading: "A thing has a life",
        says: "Taken on by a link, seen again, ended: whoever heard that it began hears of the end.",
        brief: false,
        steps: &[
            Step {
                label: "finding.created HIGH",
                event_type: "finding.created",
                severity: Some(High),
                source: "cspm",
                title: "A backup bucket has no encryption",
                expected: &[Alerts, Cfo, Olga, Adam, Siem, Soar, Inbox],
                alert: Some(BUCKET),
                acknowledged: &[Alerts, Siem, Soar],
                ..PLAIN
            },
            Step {
                label: "finding.created again",
                event_type: "finding.created",
                severity: Some(High),
                source: "cspm",
                title: "The next scan sees the same bucket",
                expected: &[Siem, Soar],
                alert: Some(BUCKET),
                ..PLAIN
            },
            Step {
                label: "finding.resolved of it",
                event_type: "finding.resolved",
                source: "cspm",
                title: "Now its backups are encrypted",
                expected: &[Alerts, Cfo, Olga, Adam, Siem, Soar, Inbox],
                alert: Some(BUCKET),
                ..PLAIN
            },
        ],
    },
    Section {
        heading: "Mentions",
        says: "Some events call a person by name.",
        brief: false,
        steps: &[
            Step {
                label: "audit.failed",
                event_type: "audit.failed",
                title: "The audit of the staking pool failed",
                expected: &[Alerts, Cfo, Olga, Adam, Siem, Inbox],
                mention: Some("<@U0TEAMLEAD>"),
                ..PLAIN
            },
            Step {
                label: "account.plan.changed",
                event_type: "account.plan.changed",
                title: "The plan changed to Team",
                expected: &[Alerts, Cfo, Siem, Inbox],
                mention: Some("<@U0CFO>"),
                ..PLAIN
            },
        ],
    },
    Section {
        heading: "Useful alerts before any rule",
        says: "Failures, deadlines and drift alert by default.",
        brief: true,
        steps: &[
            Step {
                label: "scan.failed",
                event_type: "scan.failed",
                source: "registry",
                title: "The registry refused the scanner",
                expected: &[Alerts, Cfo, Olga, Adam, Siem, Inbox],
                ..PLAIN
            },
            Step {
                label: "sla.warning",
                event_type: "sla.warning",
                title: "Two days are left to fix the exports",
                expected: &[Alerts, Cfo, Olga, Adam, Siem, Inbox],
                ..PLAIN
            },
            Step {
                label: "sla.breached",
                event_type: "sla.breached",
                title: "The payments deadline was missed",
                expected: &[Alerts, Cfo, Olga, Adam, Siem, Inbox],
                ..PLAIN
            },
            Step {
                label: "compliance.drift_detected",
                event_type: "compliance.drift_detected",
                source: "compliance",
                title: "Three SOC 2 controls fail now",
                expected: &[Alerts, Cfo, Olga, Adam, Siem, Inbox],
                ..PLAIN
            },
        ],
    },
    Section {
        heading: "A compliance receipt",
        says: "Receipts go by email to the compliance officer, and nowhere else.",
        brief: false,
        steps: &[Step {
            label: "compliance.receipt.issued",
            event_type: "compliance.receipt.issued",
            source: "compliance",
            title: "Receipt for the first quarter",
            expected: &[Officer],
            ..PLAIN
        }],
    },
    Section {
        heading: "Facts that alert nobody",
        says: "A stream that disturbs no one. The SIEM subscribed to *, the SOAR to finding.*: they get theirs.",
        brief: true,
        steps: &[
            Step {
                label: "finding.resolved",
                event_type: "finding.resolved",
                source: "cspm",
                title: "Public read was removed",
                expected: &[Siem, Soar],
                ..PLAIN
            },
            Step {
                label: "finding.excepted",
                event_type: "finding.excepted",
                source: "cspm",
                title: "The public website may stay public",
                expected: &[Siem, Soar],
                ..PLAIN
            },
            Step {
                label: "scan.started",
                event_type: "scan.started",
                title: "A scan began",
                ..PLAIN
            },
            Step {
                label: "exception.requested",
                event_type: "exception.requested",
                title: "Somebody asks for an exception",
                ..PLAIN
            },
            Step {
                label: "exception.approved",
                event_type: "exception.approved",
                title: "An exception was granted",
                ..PLAIN
            },
            Step {
                label: "exception.rejected",
                event_type: "exception.rejected",
                title: "An exception was turned down",
                ..PLAIN
            },
            Step {
                label: "user.login",
                event_type: "user.login",
                title: "Ann signed in",
                ..PLAIN
            },
            Step {
                label: "user.mfa_enabled",
                event_type: "user.mfa_enabled",
                title: "Ann enabled MFA",
                ..PLAIN
            },
            Step {
                label: "audit.queued",
                event_type: "audit.queued",
                title: "An audit waits its turn",
                ..PLAIN
            },
            Step {
                label: "atlas.alert.fired HIGH",
                event_type: "atlas.alert.fired",
                source: "atlas",
                title: "A score drifted a little",
                ..PLAIN
            },
            Step {
                label: "atlas.wallet.added",
                event_type: "atlas.wallet.added",
                source: "atlas",
                title: "A wallet was added",
                ..PLAIN
            },
            Step {
                label: "account.credits.granted",
                event_type: "account.credits.granted",
                title: "A hundred credits arrived",
                ..PLAIN
            },
            Step {
                label: "product.announcement",
                event_type: "product.announcement",
                title: "News that nobody gets unasked",
                ..PLAIN
            },
        ],
    },
    Section {
        heading: "A team on the FREE plan",
        says: "Solo keeps the same rule for Atlas alerts, but on FREE rules rest: the default channel gets it.",
        brief: false,
        steps: &[Step {
            label: "atlas.alert.fired CRIT.",
            event_type: "atlas.alert.fired",
            severity: Some(Critical),
            source: "atlas",
            title: "A small wallet became a big problem",
            team: Team::Solo,
            expected: &[SoloAlerts, Sam, SoloInbox],
            explain: true,
            ..PLAIN
        }],
    },
];

/// Every step of the story, in order.
pub(super) fn steps() -> impl Iterator<Item = &'static Step> {
    STORY.iter().flat_map(|section| section.steps)
}
#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use watchbell_model::Topic;
    use watchbell_model::catalog::Catalog;

    use super::super::scenario::Destination::{self, SoloIncidents};
    use super::*;

    #[test]
    fn every_type_that_backends_emit_is_told_at_least_once() {
        let told: BTreeSet<_> = steps().map(|step| step.event_type.to_owned()).collect();
        let known: BTreeSet<_> = Catalog::built_in()
            .iter()
            .filter(|spec| !spec.operational)
            .map(|spec| spec.event_type.to_string())
            .collect();
        assert_eq!(told, known);
    }

    #[test]
    fn events_are_told_apart_by_label_and_title() {
        let all: Vec<_> = steps().collect();
        for (index, step) in all.iter().enumerate() {
            assert!(step.label.len() <= 25 && step.title.len() <= 44, "{}", step.label);
            // Plain words survive every escaping, and one line of a header.
            assert!(
                step.title
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || letter == ' '),
                "{}",
                step.title
            );
            for other in &all[index + 1..] {
                assert!(
                    !step.title.contains(other.title) && !other.title.contains(step.title),
                    "{}",
                    step.title
                );
                assert!(
                    (step.team, step.event_id()) != (other.team, other.event_id()),
                    "{}",
                    step.label
                );
            }
        }
    }

    #[test]
    fn scenes_fit_the_page() {
        for section in &STORY {
            assert!(
                section.says.chars().count() <= 98 && !section.heading.is_empty(),
                "{}",
                section.heading
            );
        }
    }

    #[test]
    fn what_is_expected_belongs_to_the_team_and_is_said_once() {
        for step in steps() {
            let destinations: BTreeSet<_> = step.expected.iter().collect();
            assert_eq!(destinations.len(), step.expected.len(), "{}", step.label);
            assert!(
                step.expected
                    .iter()
                    .all(|destination| destination.team() == step.team),
                "{}",
                step.label
            );
            assert!(
                step.refused
                    .is_none_or(|(destination, _)| step.expected.contains(&destination))
            );
        }
        let used: BTreeSet<_> = steps().flat_map(|step| step.expected).collect();
        let unused: Vec<_> = Destination::ALL
            .iter()
            .filter(|destination| !used.contains(destination))
            .collect();
        assert_eq!(
            unused,
            [&SoloIncidents],
            "only the channel behind the resting rule hears nothing"
        );
    }

    #[test]
    fn the_expectations_agree_with_the_catalog_and_the_default_preferences() {
        // What an alert has done before is not in the catalog.
        let alone = steps().filter(|step| step.alert.is_none());
        for step in alone.filter(|step| step.team == Team::Acme) {
            let spec = Catalog::built_in().get(step.event_type).unwrap();
            if spec.is_receipt() {
                assert_eq!(step.expected, [Officer]);
                continue;
            }
            let severity = step.severity.unwrap_or(spec.severity);
            let alerts = spec.alert_policy.applies(severity);
            let has = |destination| step.expected.contains(&destination);
            assert_eq!(has(Inbox), alerts, "inbox, {}", step.label);
            let ruled = has(Incidents) || has(Appsec) || has(Scans) || step.source == "sandbox";
            assert_eq!(has(Alerts), alerts && !ruled, "default channel, {}", step.label);
            assert_eq!(has(Leadership), severity == Critical, "Teams, {}", step.label);
            assert!(has(Siem), "the SIEM asked for everything, {}", step.label);
            assert_eq!(
                has(Soar),
                step.event_type.starts_with("finding."),
                "SOAR, {}",
                step.label
            );
            let mailed = match spec.topic {
                Some(Topic::AuditDelivered | Topic::AuditFailed | Topic::Sla | Topic::Compliance) => true,
                Some(Topic::AtlasAlerts) => severity == Critical,
                Some(Topic::Findings) => severity >= High,
                Some(Topic::Scans) => spec.is_failure(),
                _ => false,
            };
            assert_eq!((has(Olga), has(Adam)), (mailed, mailed), "email, {}", step.label);
        }
    }

    #[test]
    fn an_endpoint_that_refuses_twice_is_reached_by_three_attempts() {
        assert_eq!(TWICE.times_at(Soar), 3);
        assert_eq!(TWICE.times_at(Siem), 1);
        assert_eq!(TWICE.times_at(Scans), 0);
        assert_eq!(TWICE.event_id(), "demo-finding-created-critical");
    }
}
