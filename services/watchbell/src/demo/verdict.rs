//! Whether everything arrived that should have, and nothing else: what the scenario expects held against what the
//! fakes received. Pure, so that a test can show that each kind of fault is found.

use std::collections::BTreeMap;

use super::scenario::{Destination, Step};

/// What one destination received of one event, by the event's step.
pub(super) type Arrivals = BTreeMap<(usize, Destination), usize>;

/// Everything that was received.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// How often each event arrived at each destination.
    pub(super) arrivals: Arrivals,
    /// How often it was told at each destination that the alert of an event was acknowledged.
    pub(super) acknowledgements: Arrivals,
    /// Messages that belong to no event of the story, each in words.
    pub(super) unexpected: Vec<String>,
    /// Slack messages, by step: whether they call whom they should, and nobody else.
    pub(super) mentions: BTreeMap<usize, Vec<String>>,
    /// Webhook requests, and how many of them carried both signatures right.
    pub(super) signed: Tally,
    /// Emails to members, and how many of them can be unsubscribed with one click.
    pub(super) unsubscribable: Tally,
}

/// So many, and so many of them right.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) all: usize,
    pub(super) right: usize,
}

/// What came of one event at one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    /// Nothing was expected and nothing came.
    Nothing,
    /// It came as often as it should.
    Arrived(usize),
    /// It should have come so often, and came so often.
    Wrong { expected: usize, got: usize },
}

/// The judgement.
#[derive(Debug)]
pub(super) struct Verdict {
    /// For each step, each destination.
    pub(super) cells: BTreeMap<(usize, Destination), Cell>,
    /// Each in a sentence; empty when all is well.
    pub(super) faults: Vec<String>,
    /// Arrivals that were expected, and how many of them came as they should.
    pub(super) expected: Tally,
    /// Mentions that were expected, and how many of them were made.
    pub(super) mentions: Tally,
}

impl Tally {
    /// Notes one more.
    pub(super) fn note(&mut self, right: bool) {
        self.all += 1;
        self.right += usize::from(right);
    }

    /// Whether all are right.
    pub(super) const fn is_whole(self) -> bool {
        self.all == self.right
    }
}

/// Holds the evidence against the story.
pub(super) fn judge(steps: &[&Step], evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict {
        cells: BTreeMap::new(),
        faults: Vec::new(),
        expected: Tally::default(),
        mentions: Tally::default(),
    };
    for (index, step) in steps.iter().enumerate() {
        for destination in Destination::ALL {
            let expected = step.times_at(destination);
            let got = evidence
                .arrivals
                .get(&(index, destination))
                .copied()
                .unwrap_or_default();
            let cell = match (expected, got) {
                (0, 0) => Cell::Nothing,
                _ if expected == got => Cell::Arrived(got),
                _ => Cell::Wrong { expected, got },
            };
            if expected > 0 {
                verdict.expected.note(expected == got);
            }
            if let Cell::Wrong { .. } = cell {
                verdict.faults.push(fault(step, destination, expected, got));
            }
            verdict.cells.insert((index, destination), cell);
            let told = evidence
                .acknowledgements
                .get(&(index, destination))
                .copied()
                .unwrap_or_default();
            verdict.acknowledged(step, destination, told);
        }
        verdict.mentioned(
            step,
            evidence
                .mentions
                .get(&index)
                .map(Vec::as_slice)
                .unwrap_or_default(),
        );
    }
    verdict.faults.extend(
        evidence
            .unexpected
            .iter()
            .map(|arrival| format!("{arrival} was not expected")),
    );
    if !evidence.signed.is_whole() {
        let wrong = evidence.signed.all - evidence.signed.right;
        verdict
            .faults
            .push(format!("{wrong} webhook requests were not signed right"));
    }
    if !evidence.unsubscribable.is_whole() {
        let wrong = evidence.unsubscribable.all - evidence.unsubscribable.right;
        verdict.faults.push(format!(
            "{wrong} emails to members cannot be unsubscribed with one click"
        ));
    }
    verdict
}

impl Verdict {
    fn acknowledged(&mut self, step: &Step, destination: Destination, told: usize) {
        let expected = usize::from(step.acknowledged.contains(&destination));
        if expected > 0 {
            self.expected.note(told == expected);
        }
        if told != expected {
            let (label, name) = (step.label, destination.name());
            self.faults.push(format!(
                "that {label} was acknowledged was told {told} times at {name} instead of {expected}"
            ));
        }
    }

    fn mentioned(&mut self, step: &Step, made: &[String]) {
        let wanted: Vec<_> = step.mention.iter().map(|mention| (*mention).to_owned()).collect();
        if !wanted.is_empty() {
            self.mentions.note(made == wanted);
        }
        if made != wanted {
            let said = |mentions: &[String]| {
                if mentions.is_empty() {
                    "nobody".to_owned()
                } else {
                    mentions.join(", ")
                }
            };
            self.faults.push(format!(
                "{} should call {} in Slack, and calls {}",
                step.label,
                said(&wanted),
                said(made)
            ));
        }
    }
}

fn fault(step: &Step, destination: Destination, expected: usize, got: usize) -> String {
    let (label, name) = (step.label, destination.name());
    match (expected, got) {
        (1, 0) => format!("{label} did not arrive at {name}"),
        (0, _) => format!("{label} arrived at {name}, which nothing asks for"),
        _ => format!("{label} arrived {got} times at {name} instead of {expected}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scenario::Destination;
    use super::super::story;
    use super::*;

    fn all() -> Vec<&'static Step> {
        story::steps().collect()
    }

    /// Exactly what the story expects.
    fn whole() -> Evidence {
        let mut evidence = Evidence::default();
        for (index, step) in all().iter().enumerate() {
            for destination in Destination::ALL {
                let times = step.times_at(destination);
                if times > 0 {
                    evidence.arrivals.insert((index, destination), times);
                }
            }
            for destination in step.acknowledged {
                evidence.acknowledgements.insert((index, *destination), 1);
            }
            if let Some(mention) = step.mention {
                evidence.mentions.insert(index, vec![mention.to_owned()]);
            }
        }
        evidence
    }

    fn faults(change: impl FnOnce(&mut Evidence)) -> Vec<String> {
        let mut evidence = whole();
        change(&mut evidence);
        judge(&all(), &evidence).faults
    }

    #[test]
    fn the_story_as_written_has_no_fault() {
        let verdict = judge(&all(), &whole());
        assert_eq!(verdict.faults, [""; 0]);
        assert!(
            verdict.expected.is_whole() && verdict.expected.all > 50,
            "{:?}",
            verdict.expected
        );
        assert_eq!(verdict.mentions, Tally { all: 3, right: 3 });
    }

    #[test]
    fn what_is_missing_is_named() {
        let found = faults(|evidence| {
            evidence.arrivals.remove(&(0, Destination::Leadership));
        });
        assert_eq!(found, ["finding.created CRITICAL did not arrive at Teams"]);
    }

    #[test]
    fn an_acknowledgement_is_told_once_to_whoever_was_told_of_the_alert() {
        let all = all();
        let taken_on = all.iter().position(|step| !step.acknowledged.is_empty()).unwrap();
        let found = faults(|evidence| {
            evidence
                .acknowledgements
                .insert((taken_on, Destination::Alerts), 2);
            evidence.acknowledgements.remove(&(taken_on, Destination::Siem));
            evidence.acknowledgements.insert((0, Destination::Soar), 1);
        });
        assert_eq!(
            found,
            [
                "that finding.created CRITICAL was acknowledged was told 1 times at the webhook SOAR instead of 0",
                "that finding.created HIGH was acknowledged was told 2 times at Slack, the default channel instead of 1",
                "that finding.created HIGH was acknowledged was told 0 times at the webhook SIEM instead of 1",
            ]
        );
    }

    #[test]
    fn what_comes_too_often_or_to_the_wrong_place_is_named() {
        let found = faults(|evidence| {
            evidence.arrivals.insert((0, Destination::Soar), 2);
            evidence.arrivals.insert((0, Destination::Siem), 2);
            evidence.arrivals.insert((0, Destination::Officer), 1);
        });
        assert_eq!(
            found,
            [
                "finding.created CRITICAL arrived at the compliance officer's mailbox, which nothing asks for",
                "finding.created CRITICAL arrived 2 times at the webhook SIEM instead of 1",
                "finding.created CRITICAL arrived 2 times at the webhook SOAR instead of 3",
            ]
        );
    }

    #[test]
    fn unexpected_signatures_and_unsubscribe_links_count() {
        let found = faults(|evidence| {
            evidence
                .unexpected
                .push("an email to nobody@acme.example".to_owned());
            evidence.signed = Tally { all: 3, right: 2 };
            evidence.unsubscribable = Tally { all: 2, right: 0 };
        });
        assert_eq!(found.len(), 3);
        assert!(
            found[0].contains("nobody@acme.example")
                && found[1].starts_with('1')
                && found[2].starts_with('2')
        );
    }

    #[test]
    fn a_mention_must_be_made_where_asked_and_nowhere_else() {
        let found = faults(|evidence| {
            evidence.mentions.insert(0, vec!["<!here>".to_owned()]);
            evidence
                .mentions
                .retain(|_, made| !made.contains(&"<@U0CFO>".to_owned()));
        });
        assert_eq!(
            found,
            [
                "finding.created CRITICAL should call nobody in Slack, and calls <!here>",
                "account.plan.changed should call <@U0CFO> in Slack, and calls nobody",
            ]
        );
    }
}
