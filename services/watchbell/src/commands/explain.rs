//! `explain`: who would get an event, and what was asked to find out.

use std::collections::HashMap;

use clap::{ArgGroup, Args};
use watchbell_contracts::event::v1::{Event, Route};
use watchbell_contracts::router::v1::{
    ExplainRequest, ExplainResponse, ExplainedAlert, ExplanationStep, StepOutcome,
};
use watchbell_model::convert;

use super::event_options::{EventOptions, event_from_json};
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::session::{Out, Session};
use crate::text::{self, Style, Table};

/// Which event, and when.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["kind", "stored", "file"]).required(true))]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    event: EventOptions,
    /// A file with the event as JSON; - is standard input
    #[arg(short, long, value_name = "FILE", conflicts_with = "kind")]
    file: Option<String>,
    /// An event that was accepted, by its id: why it went where it did, and nowhere else
    #[arg(long = "event", value_name = "EVENT", conflicts_with_all = ["kind", "file"])]
    stored: Option<String>,
    /// By the configuration that was in force when the event was accepted, and not by today's
    #[arg(long, requires = "stored", conflicts_with_all = ["kind", "file"])]
    then: bool,
    /// The moment to judge quiet hours and silences at: RFC 3339; now when left out
    #[arg(long, value_name = "WHEN")]
    at: Option<String>,
}

pub(super) async fn run(session: &Session, args: ExplainArgs) -> Outcome {
    let at = match &args.at {
        Some(when) => Some(convert::timestamp(input::moment(when, session.now())?)),
        None => None,
    };
    let event: Option<Event> = match (&args.file, &args.stored) {
        (Some(path), _) => Some(
            event_from_json(&input::read_file(path)?)
                .map_err(|message| Failure::usage(format!("{path} is no event: {message}")))?,
        ),
        (None, Some(_)) => None,
        (None, None) => Some(args.event.event(session)?),
    };
    let request = ExplainRequest {
        team_id: session.team(),
        event: event.clone(),
        event_id: args.stored.unwrap_or_default(),
        as_of_then: args.then,
        at,
        ..ExplainRequest::default()
    };
    let answer = match session.router().explain(session.ask(request)).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            let kind = event.map(|event| event.r#type).unwrap_or_default();
            return Err(session.refused_event(status, &kind).await);
        }
    };
    let names = session.channel_names().await;
    session
        .out
        .show("watchbell.router.v1.ExplainResponse", &answer, || {
            let event = event.or_else(|| answer.event.clone()).unwrap_or_default();
            readable(&event, &answer, &names, session.out)
        })
}

/// Step by step, then who gets it.
fn readable(event: &Event, answer: &ExplainResponse, names: &HashMap<String, String>, out: Out) -> String {
    let style = out.style;
    let mut said = format!("{}\n\n", style.bold(&format!("Who would get {}?", event.r#type)));
    if answer.example_data {
        said += &style
            .faint("decided on the example of its type in the catalog, since the event has no data\n\n");
    }
    let mut table = Table::new(&["ASKED", "FOR", "OUTCOME", "WHY"])
        .keep(&[0, 1, 2])
        .wrap();
    for step in &answer.steps {
        table.row([
            subject(step, style),
            if step.kind == 0 {
                String::new()
            } else {
                text::kind(step.kind)
            },
            outcome(step.outcome, style),
            why(step),
        ]);
    }
    said += &table.render(style, out.width, "nothing was asked");
    said += "\n";
    if answer.routes.is_empty() {
        said += &format!("{}\n", style.warn("Nobody gets it."));
    }
    for route in &answer.routes {
        said += &format!("{} {}", style.good("→"), style.bold(&text::target(route, names)));
        if !route.mentions.is_empty() {
            let mentions: Vec<_> = route.mentions.iter().map(text::mention).collect();
            said += &format!("  mentions {}", mentions.join(", "));
        }
        let reason = text::reason(route);
        said += &format!("\n    {}\n", style.faint(reason));
    }
    if let Some(alert) = &answer.alert {
        said += &format!("{}\n{}", alert.sentence, of_alert(alert, names));
    }
    said += &stored(answer, names, style);
    said + &style.faint(&format!(
        "decided on revision {} of the team's configuration\n",
        answer.revision
    ))
}

/// What the event is to its alert, and who would be told of the alert's end.
fn of_alert(alert: &ExplainedAlert, names: &HashMap<String, String>) -> String {
    let Some(explanation) = &alert.explanation else {
        return String::new();
    };
    let mut said = format!("{}\n", explanation.sentence);
    let of_end = explanation.listeners.iter().filter_map(|listener| {
        let target = text::target(listener.route.as_ref()?, names);
        match (listener.told_of_end, listener.end_sentence.trim_end_matches('.')) {
            (true, _) => Some(target),
            (false, "") => None,
            (false, why) => Some(format!("not {target}: {why}")),
        }
    });
    let of_end: Vec<_> = of_end.collect();
    if !of_end.is_empty() {
        said += &format!("Its end is told to {}.\n", of_end.join(", "));
    }
    said
}

/// Of a stored event: who got it then and would not now, and the other way round.
fn stored(answer: &ExplainResponse, names: &HashMap<String, String>, style: Style) -> String {
    if answer.event.is_none() {
        return String::new();
    }
    let called =
        |routes: &[Route]| -> Vec<String> { routes.iter().map(|route| text::target(route, names)).collect() };
    let (now, then) = (called(&answer.routes), called(&answer.stored_routes));
    let mut said = String::new();
    for target in then.iter().filter(|target| !now.contains(target)) {
        said += &format!(
            "{}\n",
            style.warn(&format!("{target} got it then, and is not among these"))
        );
    }
    for target in now.iter().filter(|target| !then.contains(target)) {
        said += &format!("{}\n", style.warn(&format!("{target} did not get it then")));
    }
    if said.is_empty() {
        said = "These are who got it.\n".to_owned();
    }
    said
}

fn subject(step: &ExplanationStep, style: Style) -> String {
    let stage = step.stage.replace('_', " ");
    let name = if step.subject_name.is_empty() {
        &step.subject_id
    } else {
        &step.subject_name
    };
    if name.is_empty() {
        stage
    } else {
        format!("{stage} {}", style.name(name))
    }
}

fn why(step: &ExplanationStep) -> String {
    match step.held_until {
        Some(_) => format!(
            "{} (until {})",
            step.sentence,
            text::local(step.held_until.as_ref())
        ),
        None => step.sentence.clone(),
    }
}

fn outcome(number: i32, style: Style) -> String {
    match StepOutcome::try_from(number) {
        Ok(StepOutcome::Routed) => style.good("routes"),
        Ok(StepOutcome::Silenced) => style.warn("silences"),
        Ok(StepOutcome::PassedOver) => style.faint("no match"),
        Ok(StepOutcome::Rests) => style.warn("rests"),
        Ok(StepOutcome::Held) => style.warn("holds"),
        Ok(StepOutcome::Parked) => style.warn("parks"),
        Ok(StepOutcome::Counted) => style.faint("counts"),
        Ok(StepOutcome::Unspecified) | Err(_) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchbell_contracts::dispatcher::v1::{AlertExplanation, AlertListener};
    use watchbell_contracts::event::v1::route::Target;
    use watchbell_contracts::event::v1::{ChannelTarget, Reason};
    use watchbell_model::ChannelKind;
    use watchbell_model::convert::FromWire as _;

    fn listener(channel: &str, end_sentence: &str) -> AlertListener {
        AlertListener {
            route: Some(Route {
                kind: ChannelKind::Slack.to_wire(),
                target: Some(Target::Channel(ChannelTarget {
                    channel_id: channel.to_owned(),
                })),
                ..Route::default()
            }),
            told_of_end: end_sentence.is_empty(),
            end_sentence: end_sentence.to_owned(),
            ..AlertListener::default()
        }
    }

    #[test]
    fn it_reads_rule_by_rule_and_ends_with_who() {
        let step = |stage: &str, name: &str, outcome: StepOutcome, sentence: &str| ExplanationStep {
            stage: stage.to_owned(),
            subject_name: name.to_owned(),
            outcome: outcome as i32,
            sentence: sentence.to_owned(),
            kind: ChannelKind::Slack.to_wire(),
            ..ExplanationStep::default()
        };
        let answer = ExplainResponse {
            routes: vec![Route {
                kind: ChannelKind::Slack.to_wire(),
                target: Some(Target::Channel(ChannelTarget {
                    channel_id: "chn_1".to_owned(),
                })),
                reason: Some(Reason {
                    sentence: "the default channel".to_owned(),
                    ..Reason::default()
                }),
                ..Route::default()
            }],
            steps: vec![
                step(
                    "rule",
                    "criticals",
                    StepOutcome::PassedOver,
                    "the severity is HIGH",
                ),
                step(
                    "default_channel",
                    "#watchbell-alerts",
                    StepOutcome::Routed,
                    "it alerts by default",
                ),
            ],
            revision: 7,
            example_data: true,
            alert: Some(ExplainedAlert {
                sentence: "It triggers the alert finding_id=F-1.".to_owned(),
                explanation: Some(AlertExplanation {
                    sentence: "It begins the alert.".to_owned(),
                    listeners: vec![
                        listener("chn_1", ""),
                        listener("chn_2", "It was not told of the beginning."),
                    ],
                    ..AlertExplanation::default()
                }),
                ..ExplainedAlert::default()
            }),
            ..ExplainResponse::default()
        };
        let event = Event {
            r#type: "finding.created".to_owned(),
            ..Event::default()
        };
        let names = [("chn_1", "#watchbell-alerts"), ("chn_2", "#old")];
        let names = HashMap::from(names.map(|(id, name)| (id.to_owned(), name.to_owned())));
        let out = Out {
            json: false,
            style: Style::new(false),
            width: None,
        };
        assert_eq!(
            readable(&event, &answer, &names, out),
            "Who would get finding.created?\n\n\
             decided on the example of its type in the catalog, since the event has no data\n\n\
             ASKED                              FOR    OUTCOME   WHY\n\
             rule criticals                     slack  no match  the severity is HIGH\n\
             default channel #watchbell-alerts  slack  routes    it alerts by default\n\n\
             → slack #watchbell-alerts\n    the default channel\n\
             It triggers the alert finding_id=F-1.\n\
             It begins the alert.\n\
             Its end is told to slack #watchbell-alerts, not slack #old: It was not told of the beginning.\n\
             decided on revision 7 of the team's configuration\n"
        );
    }
}
