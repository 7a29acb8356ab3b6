//! `check`: what is odd about a team's configuration, and what a draft of it would have made of last week's events.

use clap::Args;
use tonic::Request;
use watchbell_contracts::router::v1::{
    BacktestCounts, BacktestRequest, BacktestResult, CheckTeamConfigRequest, CheckTeamConfigResponse,
    backtest_response,
};
use watchbell_model::ChannelKind;
use watchbell_model::convert::{self, FromWire as _};
use watchbell_model::text::counted;

use super::document;
use super::progress::{self, Step};
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::session::Session;
use crate::text::{self, Style, Table};

/// Exit code when something was found.
const FOUND: u8 = 1;
/// A person who gets more messages a day than this gets too many.
const TOO_MANY_A_DAY: i64 = 50;
const DAY: i64 = 24 * 60 * 60;

/// Which document, and against what.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The document, YAML or JSON; - is standard input. The configuration as it is when left out
    #[arg(value_name = "FILE")]
    file: Option<String>,
    /// Also against the events since then: RFC 3339, or how long ago (7d)
    #[arg(long, value_name = "WHEN")]
    against: Option<String>,
    /// Only what today's configuration does not have
    #[arg(long, requires = "file")]
    new: bool,
}

pub(super) async fn run(session: &Session, args: CheckArgs) -> Outcome {
    let document = match &args.file {
        Some(path) => document::read(path)?,
        None => String::new(),
    };
    let mut answer = findings(session, &document).await?;
    if args.new {
        answer.findings.retain(|finding| finding.is_new);
    }
    let mut said: Vec<String> = answer
        .findings
        .iter()
        .map(|finding| finding.message.clone())
        .collect();
    if let Some(since) = &args.against {
        let start = input::moment(since, session.now())?;
        let result = backtest(session, document, since).await?;
        let days = (session.now() - start).num_seconds().max(DAY) / DAY;
        said.extend(of_period(&result, days));
    }
    session
        .out
        .show("watchbell.router.v1.CheckTeamConfigResponse", &answer, || {
            if said.is_empty() {
                return "nothing odd was found\n".to_owned();
            }
            said.iter().map(|line| format!("{line}\n")).collect()
        })?;
    if said.is_empty() {
        Ok(())
    } else {
        Err(Failure::Said(FOUND))
    }
}

/// What is odd about a document, or about the configuration as it is.
pub(super) async fn findings(session: &Session, document: &str) -> Outcome<CheckTeamConfigResponse> {
    let request = CheckTeamConfigRequest {
        team_id: session.team(),
        document: document.to_owned(),
    };
    let answer = session.router().check_team_config(session.ask(request)).await?;
    Ok(answer.into_inner())
}

/// What a document would have made of the events since a moment.
pub(super) async fn backtest(session: &Session, document: String, since: &str) -> Outcome<BacktestResult> {
    let request = BacktestRequest {
        team_id: session.team(),
        document,
        start_time: Some(convert::timestamp(input::moment(since, session.now())?)),
        ..BacktestRequest::default()
    };
    let answers = session
        .router()
        .backtest(Request::new(request))
        .await?
        .into_inner();
    progress::result_of(answers, "events", |answer| {
        Some(match answer.step? {
            backtest_response::Step::Progress(progress) => Step::Progress(progress.event_count),
            backtest_response::Step::Result(result) => Step::Result(result),
        })
    })
    .await
}

/// What a period shows: events that reach nobody, people who get too much, expressions that fail.
fn of_period(result: &BacktestResult, days: i64) -> Vec<String> {
    let mut said = Vec::new();
    if result.unreached_after > 0 {
        said.push(format!(
            "{} {} nobody but the inbox.",
            of_events(result.unreached_after, result.event_count),
            if result.unreached_after == 1 {
                "reaches"
            } else {
                "reach"
            }
        ));
    }
    if result.failed_expressions_after > 0 {
        said.push(format!(
            "{} {} an expression fail.",
            of_events(result.failed_expressions_after, result.event_count),
            if result.failed_expressions_after == 1 {
                "has"
            } else {
                "have"
            }
        ));
    }
    for target in &result.targets {
        let count = target.after.as_ref().map_or(0, arrive) / days.max(1);
        if count > TOO_MANY_A_DAY && target.kind == ChannelKind::Email.to_wire() {
            said.push(format!(
                "{} gets about {count} messages a day.",
                target.display_name
            ));
        }
    }
    said
}

/// `1 of 2 events`
fn of_events(count: i64, all: i64) -> String {
    format!("{count} of {}", counted(all, ["event", "events"]))
}

/// A backtest as people read it: who would get more or less, then examples.
pub(super) fn readable(result: &BacktestResult, width: Option<usize>, style: Style) -> String {
    let columns = [
        "TO", "NAME", "EVENTS", "MESSAGES", "HELD", "DROPPED", "GATHERED", "FOLDED", "REPEATS",
    ];
    let mut table = Table::new(&columns);
    for target in &result.targets {
        let (before, after) = (counts(target.before.as_ref()), counts(target.after.as_ref()));
        let pair = |before: i64, after: i64| match (before, after) {
            (0, 0) => String::new(),
            (before, after) if before == after => after.to_string(),
            (before, after) => format!("{before} → {after}"),
        };
        let of = |count: fn(&BacktestCounts) -> i64| pair(count(&before), count(&after));
        let name = if arrive(&before) == arrive(&after) {
            target.display_name.clone()
        } else {
            style.warn(&target.display_name)
        };
        table.row([
            text::kind(target.kind),
            name,
            of(|counts| counts.message_count),
            of(arrive),
            of(|counts| counts.held_count),
            of(|counts| counts.dropped_count),
            of(|counts| counts.gathered_count),
            of(|counts| counts.storm_count),
            of(|counts| counts.repeat_count),
        ]);
    }
    let mut said = table.render(style, width, "nobody gets anything");
    said += "\n";
    for example in &result.examples {
        let mut line = format!("{}  {}", example.r#type, example.title);
        for (sign, names) in [("+", &example.gains), ("-", &example.losses)] {
            for name in names {
                line += &format!("\n    {sign} {name}");
            }
        }
        said += &format!("{line}\n");
    }
    let sum = |side: fn(&watchbell_contracts::router::v1::BacktestTarget) -> i64| -> i64 {
        result.targets.iter().map(side).sum()
    };
    let before = sum(|target| arrive(&counts(target.before.as_ref())));
    let after = sum(|target| arrive(&counts(target.after.as_ref())));
    let events = |count: i64| counted(count, ["event", "events"]);
    said += &format!(
        "{}{}: {} today, {after} with the draft; {} would reach somebody else\n",
        events(result.event_count),
        if result.truncated {
            " (the newest ones)"
        } else {
            ""
        },
        counted(before, ["message", "messages"]),
        events(result.changed_count)
    );
    said += &format!(
        "nobody but the inbox gets {} today, {} with the draft\n",
        events(result.unreached_before),
        result.unreached_after
    );
    said + &style.faint("reminders, retries, pace and the health of channels are not modelled\n")
}

/// How many messages arrive.
fn arrive(counts: &BacktestCounts) -> i64 {
    counts.sent_count + counts.summary_count
}

fn counts(counts: Option<&BacktestCounts>) -> BacktestCounts {
    counts.copied().unwrap_or_default()
}

/// The findings that a document brings, as warnings. A server of an earlier release knows none.
pub(super) async fn warnings(session: &Session, document: &str) -> Vec<String> {
    let found = findings(session, document).await;
    let found = found.map(|answer| answer.findings).unwrap_or_default();
    found
        .into_iter()
        .filter(|finding| finding.is_new)
        .map(|finding| finding.message)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchbell_contracts::router::v1::{BacktestExample, BacktestTarget};

    fn result() -> BacktestResult {
        let counts = |sent_count, held_count| {
            Some(BacktestCounts {
                message_count: sent_count + held_count,
                sent_count,
                held_count,
                gathered_count: held_count,
                ..BacktestCounts::default()
            })
        };
        let target = |kind: ChannelKind, name: &str, before, after| BacktestTarget {
            kind: kind.to_wire(),
            display_name: name.to_owned(),
            before,
            after,
            target: None,
        };
        BacktestResult {
            event_count: 400,
            changed_count: 1,
            unreached_before: 3,
            unreached_after: 5,
            targets: vec![
                target(ChannelKind::Slack, "#alerts", counts(312, 4), counts(41, 0)),
                target(
                    ChannelKind::Email,
                    "ann@acme.example",
                    counts(400, 0),
                    counts(800, 0),
                ),
            ],
            examples: vec![BacktestExample {
                r#type: "sla.breached".to_owned(),
                title: "Late".to_owned(),
                losses: vec!["#alerts".to_owned()],
                ..BacktestExample::default()
            }],
            ..BacktestResult::default()
        }
    }

    #[test]
    fn a_backtest_reads_as_a_table_with_examples() {
        assert_eq!(
            readable(&result(), None, Style::new(false)),
            "TO     NAME              EVENTS     MESSAGES   HELD   DROPPED  GATHERED  FOLDED  REPEATS\n\
             slack  #alerts           316 → 41   312 → 41   4 → 0           4 → 0\n\
             email  ann@acme.example  400 → 800  400 → 800\n\n\
             sla.breached  Late\n    - #alerts\n\
             400 events: 712 messages today, 841 with the draft; 1 event would reach somebody else\n\
             nobody but the inbox gets 3 events today, 5 with the draft\n\
             reminders, retries, pace and the health of channels are not modelled\n"
        );
    }

    #[test]
    fn a_period_shows_what_nobody_hears_and_who_hears_too_much() {
        assert_eq!(
            of_period(&result(), 7),
            [
                "5 of 400 events reach nobody but the inbox.",
                "ann@acme.example gets about 114 messages a day."
            ]
        );
        let one = BacktestResult {
            event_count: 1,
            unreached_after: 1,
            failed_expressions_after: 1,
            ..BacktestResult::default()
        };
        assert_eq!(
            of_period(&one, 7),
            [
                "1 of 1 event reaches nobody but the inbox.",
                "1 of 1 event has an expression fail."
            ]
        );
    }
}
