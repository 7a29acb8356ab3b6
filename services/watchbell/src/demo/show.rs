//! How the demo reads: sections, a line for each delivery, and the table at the end. Everything fits 100 columns; nothing
//! here prints.

use std::collections::HashMap;

use console::{measure_text_width, truncate_str};
use watchbell_contracts::dispatcher::v1::{AttemptOutcome, Delivery, DeliveryState};
use watchbell_contracts::event::v1::{Reason, Route};
use watchbell_contracts::router::v1::{EmitResponse, ExplanationStep, StepOutcome};
use watchbell_model::ChannelKind;
use watchbell_model::convert::FromWire as _;

use super::scenario::{Destination, Section, Step, Team};
use super::verdict::{Cell, Evidence, Verdict};
use crate::text::{self, Style};

const WIDTH: usize = 100;
const TARGET: usize = 27;
const OUTCOME: usize = 18;
/// As long as the longest event type.
const LABEL: usize = 25;

fn fit(line: &str) -> String {
    format!("{}\n", truncate_str(line, WIDTH, "…"))
}

fn padded(text: &str, width: usize) -> String {
    let text = truncate_str(text, width, "…");
    console::pad_str(&text, width, console::Alignment::Left, None).into_owned()
}

/// The title of a section and what it is about.
pub(super) fn section(number: usize, section: &Section, style: Style) -> String {
    format!(
        "\n{} {}\n  {}\n",
        style.name(&format!("{number}.")),
        style.bold(section.heading),
        style.faint(section.says)
    )
}

/// An event that was just accepted.
pub(super) fn event(step: &Step, severity: watchbell_model::Severity, style: Style) -> String {
    format!(
        "\n  {}  {}  {}\n",
        style.bold(step.event_type),
        style.severity(severity),
        step.title
    )
}

/// Somebody has taken an alert on.
pub(super) fn acknowledged(title: &str, style: Style) -> String {
    format!("\n  {}  {title}\n", style.bold("by the link in Slack"))
}

/// A message by which nobody can take its alert on.
pub(super) fn no_link(step: &Step, style: Style) -> String {
    let missing = style.bad("has no link to acknowledge it");
    format!("\n  The Slack message of {} {missing}.\n", step.label)
}

/// The answer to an event that was accepted before.
pub(super) fn duplicate(answer: &EmitResponse, style: Style) -> String {
    let line = if answer.duplicate {
        format!(
            "  The same event again: {}, nothing is sent twice.",
            style.good("duplicate")
        )
    } else {
        format!(
            "  The same event again was {}.",
            style.bad("accepted a second time")
        )
    };
    format!("\n{line}\n")
}

/// A delivery that ended, or one whose attempt is tried again.
pub(super) fn delivery(delivery: &Delivery, names: &HashMap<String, String>, style: Style) -> String {
    let route = delivery.route.clone().unwrap_or_default();
    let target = text::target(&route, names);
    let target = padded(
        target
            .strip_prefix("in-app ")
            .map_or(target.as_str(), |_| "in-app inbox"),
        TARGET,
    );
    let last = delivery.attempts.last();
    let latency = last
        .map(|attempt| text::span(attempt.latency.as_ref()))
        .unwrap_or_default();
    let (mark, outcome, rest) = match DeliveryState::try_from(delivery.state) {
        Ok(DeliveryState::Delivered) => {
            let accepted = last.is_some_and(|attempt| attempt.outcome == AttemptOutcome::Accepted as i32);
            let word = if accepted { "accepted" } else { "delivered" };
            let tries = if delivery.attempt_count > 1 {
                style.good(&format!("  on attempt {}", delivery.attempt_count))
            } else {
                String::new()
            };
            (
                style.good("✓"),
                format!("{word:<9}  {latency}"),
                because(&route) + &tries,
            )
        }
        Ok(DeliveryState::Failed | DeliveryState::Cancelled) => (
            style.bad("✗"),
            text::delivery_state(delivery.state).to_lowercase(),
            delivery.state_message.clone(),
        ),
        Ok(DeliveryState::Folded) if delivery.end_time.is_some() => (
            style.faint("·"),
            "counted".to_owned(),
            delivery.state_message.clone(),
        ),
        _ => {
            let number = last.map_or(delivery.attempt_count, |attempt| attempt.number);
            let error = last.map(refusal).unwrap_or_default();
            (
                style.warn("↻"),
                style.warn(&format!("attempt {number} refused")),
                format!("{error}; {}", again(delivery)),
            )
        }
    };
    let called: Vec<_> = route.mentions.iter().map(text::mention).collect();
    let called = if called.is_empty() {
        String::new()
    } else {
        format!("  {}", style.name(&called.join(" ")))
    };
    fit(&format!(
        "    {mark} {target} {} {}{called}",
        padded(&outcome, OUTCOME),
        style.faint(&rest)
    ))
}

/// When it is tried next, as far as that is known.
fn again(delivery: &Delivery) -> String {
    let last = delivery
        .attempts
        .last()
        .and_then(|attempt| text::moment(attempt.start_time.as_ref()));
    let next = text::moment(delivery.next_attempt_time.as_ref());
    match last
        .zip(next)
        .and_then(|(last, next)| (next - last).to_std().ok())
    {
        Some(wait) => format!("again in {}", text::human(wait)),
        None => "it is tried again".to_owned(),
    }
}

fn refusal(attempt: &watchbell_contracts::dispatcher::v1::Attempt) -> String {
    if attempt.status_code == 0 {
        attempt.error.clone()
    } else {
        format!("answer {}", attempt.status_code)
    }
}

/// Why, in fewer words than the reason's own sentence where that is long.
fn because(route: &Route) -> String {
    let Reason { code, sentence, .. } = route.reason.clone().unwrap_or_default();
    match code.as_str() {
        "default_channel" => "alerts by default; no rule matches".to_owned(),
        "default_channel_triggers" => "the channel's own triggers: CRITICAL only".to_owned(),
        "preference" => "their email preferences ask for it".to_owned(),
        "receipt_recipient" => "receipts go to the compliance officer".to_owned(),
        "follows_alert" => "it heard that it began".to_owned(),
        "alerts_by_default" => "whatever alerts by default".to_owned(),
        "subscription" => sentence
            .replace("The webhook subscribes", "subscribes")
            .trim_end_matches('.')
            .to_owned(),
        "rule_matched" => sentence
            .replace("The rule", "the rule")
            .trim_end_matches('.')
            .to_owned(),
        _ => sentence,
    }
}

/// What kept an event away from somewhere. The plan is told by the rules that rest for it.
pub(super) fn withheld(step: &ExplanationStep, style: Style) -> String {
    let word = match StepOutcome::try_from(step.outcome) {
        Ok(StepOutcome::Silenced) => "silent",
        _ if step.stage == "plan" => return String::new(),
        _ => "rests",
    };
    let name = match step.kind {
        0 => format!("{} “{}”", step.stage.replace('_', " "), step.subject_name),
        kind => text::kind(kind),
    };
    let line = format!(
        "    – {} {} {}",
        padded(&name, TARGET),
        padded(word, OUTCOME),
        step.sentence
    );
    fit(&style.faint(&line))
}

/// One line for an event: everywhere it went.
pub(super) fn brief(
    step: &Step,
    answer: &EmitResponse,
    names: &HashMap<String, String>,
    style: Style,
) -> String {
    let kind = |route: &Route| ChannelKind::from_wire(route.kind).ok().flatten();
    let mails = answer
        .routes
        .iter()
        .filter(|route| kind(route) == Some(ChannelKind::Email))
        .count();
    let mut destinations: Vec<_> = answer
        .routes
        .iter()
        .filter(|route| kind(route) != Some(ChannelKind::Email))
        .map(|route| text::target(route, names).replace("in-app inbox", "in-app"))
        .collect();
    if mails > 0 {
        destinations.push(if mails == 1 {
            "1 mailbox".to_owned()
        } else {
            format!("{mails} mailboxes")
        });
    }
    let destinations = if destinations.is_empty() {
        "nobody".to_owned()
    } else {
        destinations.join(", ")
    };
    fit(&format!(
        "    {} {} {}",
        style.good("✓"),
        padded(step.event_type, TARGET),
        style.faint(&format!("→ {destinations}"))
    ))
}

/// Deliveries that did not end in time.
pub(super) fn waiting(count: usize, style: Style) -> String {
    format!(
        "    {}\n",
        style.bad(&format!("✗ {count} deliveries have not ended in time"))
    )
}

/// Event by event, destination by destination.
pub(super) fn grid(steps: &[&Step], verdict: &Verdict, team: Team, style: Style) -> String {
    let destinations: Vec<_> = Destination::ALL
        .into_iter()
        .filter(|destination| destination.team() == team)
        .collect();
    let head: Vec<_> = destinations
        .iter()
        .map(|destination| destination.heading())
        .collect();
    let mut said = format!("  {} {}\n", " ".repeat(LABEL), style.faint(&head.join(" ")));
    for (index, step) in steps.iter().enumerate().filter(|(_, step)| step.team == team) {
        let cells: Vec<_> = destinations
            .iter()
            .map(|destination| {
                let cell = verdict
                    .cells
                    .get(&(index, *destination))
                    .copied()
                    .unwrap_or(Cell::Nothing);
                centred(&mark(cell, style), destination.heading().len())
            })
            .collect();
        said += format!("  {} {}", padded(step.label, LABEL), cells.join(" ")).trim_end();
        said += "\n";
    }
    said
}

fn mark(cell: Cell, style: Style) -> String {
    match cell {
        Cell::Nothing => style.faint("·"),
        Cell::Arrived(1) => style.good("✓"),
        Cell::Arrived(times) => style.good(&format!("✓ {times}×")),
        Cell::Wrong { expected: 0, .. } => style.bad("!"),
        Cell::Wrong { .. } => style.bad("✗"),
    }
}

fn centred(text: &str, width: usize) -> String {
    let free = width.saturating_sub(measure_text_width(text));
    format!("{}{text}{}", " ".repeat(free / 2), " ".repeat(free - free / 2))
}

/// What was counted, and every fault.
pub(super) fn conclusion(verdict: &Verdict, evidence: &Evidence, header: &str, style: Style) -> String {
    let line = |right: usize, all: usize, words: &str| {
        let mark = if right == all {
            style.good("✓")
        } else {
            style.bad("✗")
        };
        format!("  {mark} {right} of {all} {words}\n")
    };
    let (expected, signed) = (verdict.expected, evidence.signed);
    let unsubscribable = evidence.unsubscribable;
    let mut said = line(expected.right, expected.all, "expected arrivals are there");
    let unexpected = verdict
        .faults
        .iter()
        .filter(|fault| fault.contains("nothing asks for"))
        .count()
        + evidence.unexpected.len();
    said += &match unexpected {
        0 => format!("  {} nothing arrived anywhere else\n", style.good("✓")),
        count => format!(
            "  {} {count} arrived where nothing was expected\n",
            style.bad("✗")
        ),
    };
    said += &line(
        signed.right,
        signed.all,
        &format!("webhook requests carry both signatures: {header}, Standard Webhooks"),
    );
    said += &line(
        unsubscribable.right,
        unsubscribable.all,
        "emails to members can be unsubscribed with one click (RFC 8058)",
    );
    said += &line(
        verdict.mentions.right,
        verdict.mentions.all,
        "mentions call the right people, and no other message calls anybody",
    );
    for fault in &verdict.faults {
        said += &format!("  {}\n", style.bad(&format!("✗ {fault}")));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::super::story::steps;
    use super::super::verdict::judge;
    use super::*;
    use watchbell_contracts::dispatcher::v1::Attempt;
    use watchbell_contracts::event::v1::ChannelTarget;
    use watchbell_contracts::event::v1::route::Target;

    const PLAIN: Style = Style::new(false);

    fn webhook(state: DeliveryState, attempt: Attempt) -> Delivery {
        Delivery {
            state: state as i32,
            attempt_count: attempt.number,
            attempts: vec![attempt],
            route: Some(Route {
                kind: ChannelKind::Webhook.to_wire(),
                target: Some(Target::Channel(ChannelTarget {
                    channel_id: "chn_1".to_owned(),
                })),
                reason: Some(Reason {
                    code: "subscription".to_owned(),
                    sentence: "The webhook subscribes to finding.*.".to_owned(),
                    ..Reason::default()
                }),
                ..Route::default()
            }),
            ..Delivery::default()
        }
    }

    #[test]
    fn a_retry_that_succeeds_says_so() {
        let names = HashMap::from([("chn_1".to_owned(), "SOAR".to_owned())]);
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let refused = Attempt {
            number: 1,
            status_code: 503,
            start_time: at(10),
            ..Attempt::default()
        };
        let mut waiting = webhook(DeliveryState::Pending, refused);
        waiting.next_attempt_time = at(12);
        let told = delivery(&waiting, &names, PLAIN);
        assert_eq!(
            told,
            "    ↻ webhook SOAR                attempt 1 refused  answer 503; again in 2 s\n"
        );
        let latency = Some(prost_types::Duration {
            seconds: 0,
            nanos: 4_000_000,
        });
        let arrived = Attempt {
            number: 3,
            status_code: 200,
            latency,
            ..Attempt::default()
        };
        let told = delivery(&webhook(DeliveryState::Delivered, arrived), &names, PLAIN);
        assert_eq!(
            told,
            "    ✓ webhook SOAR                delivered  4 ms    subscribes to finding.*  on attempt 3\n"
        );
    }

    #[test]
    fn the_table_fits_a_hundred_columns_and_shows_every_cell() {
        let steps: Vec<_> = steps().collect();
        let verdict = judge(&steps, &Evidence::default());
        for team in [Team::Acme, Team::Solo] {
            let grid = grid(&steps, &verdict, team, PLAIN);
            assert!(
                grid.lines().all(|line| measure_text_width(line) <= WIDTH),
                "{grid}"
            );
            let rows = steps.iter().filter(|step| step.team == team).count();
            assert_eq!(grid.lines().count(), rows + 1);
            let expected: usize = steps
                .iter()
                .filter(|step| step.team == team)
                .map(|step| step.expected.len())
                .sum();
            assert_eq!(
                grid.matches('✗').count(),
                expected,
                "nothing arrived, so everything expected is missing"
            );
        }
    }

    #[test]
    fn a_fault_is_in_the_conclusion() {
        let steps: Vec<_> = steps().collect();
        let evidence = Evidence {
            unexpected: vec!["an email to x@y.example".to_owned()],
            ..Evidence::default()
        };
        let said = conclusion(
            &judge(&steps, &evidence),
            &evidence,
            "X-Watchbell-Signature",
            PLAIN,
        );
        assert!(
            said.contains("✗ an email to x@y.example was not expected"),
            "{said}"
        );
        assert!(said.contains("✗ 1 arrived where nothing was expected"), "{said}");
    }
}
