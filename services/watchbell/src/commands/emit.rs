//! `emit`: one event from flags, or a file of them over one stream.

use std::collections::HashMap;
use std::os::fd::AsFd as _;

use clap::{ArgGroup, Args};
use indicatif::{ProgressBar, ProgressStyle};
use prost::Message as _;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, BufReader};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status};
use watchbell_contracts::router::v1::emit_result::Outcome as Result_;
use watchbell_contracts::router::v1::{EmitRequest, EmitResponse, EmitStreamRequest, EmitStreamResponse};

use super::event_options::{EventOptions, event_from_json};
use crate::failure::{Failure, Outcome, refusal};
use crate::session::Session;
use crate::text::{self, Style, human, shown};

/// Events on their way that are not answered yet.
const IN_FLIGHT: usize = 1_000;

/// So many refusals are shown in full.
const SHOWN: usize = 10;

/// What to emit.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["kind", "file"]).required(true))]
pub(crate) struct EmitArgs {
    #[command(flatten)]
    event: EventOptions,
    /// A file with one event as JSON on each line; - is standard input
    #[arg(short, long, value_name = "FILE", conflicts_with = "kind")]
    file: Option<String>,
}

pub(super) async fn run(session: &Session, args: EmitArgs) -> Outcome {
    match &args.file {
        Some(path) if path == "-" => {
            let file = std::fs::File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
            stream(session, BufReader::new(tokio::fs::File::from_std(file))).await
        }
        Some(path) => {
            let file = tokio::fs::File::open(path).await;
            let file = file.map_err(|error| Failure::usage(format!("cannot read {path}: {error}")))?;
            stream(session, BufReader::new(file)).await
        }
        None => one(session, args.event).await,
    }
}

async fn one(session: &Session, options: EventOptions) -> Outcome {
    let event = options.event(session)?;
    let kind = event.r#type.clone();
    let request = EmitRequest {
        team_id: session.team(),
        event: Some(event),
    };
    let answer = match session.router().emit(session.ask(request)).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return Err(session.refused_event(status, &kind).await),
    };
    let names = session.channel_names().await;
    session.out.show("watchbell.router.v1.EmitResponse", &answer, || {
        accepted(&answer, &names, session.out.style)
    })
}

/// What came of one event, in words.
fn accepted(answer: &EmitResponse, names: &HashMap<String, String>, style: Style) -> String {
    let what = if answer.duplicate {
        style.warn("accepted before; nothing was sent now")
    } else {
        style.good("accepted")
    };
    let mut said = format!("{} {what}\n", style.name(&answer.event_id));
    if answer.route_count == 0 && answer.routes.is_empty() {
        said += &style.faint("  nobody gets it; `watchbell explain` says why\n");
    }
    for route in &answer.routes {
        let reason = text::reason(route);
        said += &format!("  → {}  {}\n", text::target(route, names), style.faint(reason));
    }
    said
}

/// What came of a file.
#[derive(Debug, Default)]
struct Tally {
    accepted: u64,
    duplicates: u64,
    refused: u64,
    /// Any refusal that the same file would meet again.
    invalid: bool,
}

async fn stream(session: &Session, lines: impl AsyncBufRead + Unpin + Send + 'static) -> Outcome {
    let started = session.monotonic();
    let style = session.out.style;
    let bar = ProgressBar::new_spinner().with_style(
        ProgressStyle::with_template("{spinner} {pos} events  {per_sec}  {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    let (events, outgoing) = mpsc::channel(IN_FLIGHT);
    let (asked, mut numbers) = mpsc::channel(IN_FLIGHT);
    let reader = tokio::spawn(read(session.team(), lines, events, asked));
    let mut answers = session
        .router()
        .emit_stream(Request::new(ReceiverStream::new(outgoing)))
        .await?
        .into_inner();

    let mut tally = Tally::default();
    while let Some((number, wrong)) = numbers.recv().await {
        let outcome = match wrong {
            Some(message) => Err(Box::new(Status::invalid_argument(message))),
            None => match answers.next().await {
                Some(answer) => result(answer?),
                None => return Err(Status::unavailable("the server ended the stream").into()),
            },
        };
        bar.inc(1);
        match outcome {
            Ok(answer) if answer.duplicate => tally.duplicates += 1,
            Ok(_) => tally.accepted += 1,
            Err(status) => {
                tally.refused += 1;
                tally.invalid |= status.code() == Code::InvalidArgument;
                if tally.refused <= SHOWN as u64 {
                    bar.suspend(|| eprint!("line {number}: {}", shown(&refusal(&status, style))));
                }
            }
        }
    }
    bar.finish_and_clear();
    reader.await.map_err(anyhow::Error::from)??;
    session
        .out
        .print(&summary(&tally, session.monotonic() - started, session.out.json))?;
    match tally {
        Tally { refused: 0, .. } => Ok(()),
        Tally { invalid: true, .. } => Err(Failure::Said(2)),
        _ => Err(Failure::Said(1)),
    }
}

/// Sends the events of the lines; each line's number goes to `asked`, with what is wrong when it is no event.
async fn read(
    team_id: String,
    lines: impl AsyncBufRead + Unpin,
    events: mpsc::Sender<EmitStreamRequest>,
    asked: mpsc::Sender<(u64, Option<String>)>,
) -> std::io::Result<()> {
    let mut lines = lines.lines();
    let mut number = 0;
    while let Some(line) = lines.next_line().await? {
        number += 1;
        if line.trim().is_empty() {
            continue;
        }
        let wrong = match event_from_json(&line) {
            Ok(event) => {
                let request = EmitStreamRequest {
                    team_id: team_id.clone(),
                    event: Some(event),
                };
                if events.send(request).await.is_err() {
                    break;
                }
                None
            }
            Err(message) => Some(message),
        };
        if asked.send((number, wrong)).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn result(answer: EmitStreamResponse) -> Result<EmitResponse, Box<Status>> {
    match answer.result.and_then(|result| result.outcome) {
        Some(Result_::Accepted(accepted)) => Ok(accepted),
        Some(Result_::Refused(status)) => {
            let details = status.encode_to_vec().into();
            Err(Box::new(Status::with_details(
                Code::from(status.code),
                status.message,
                details,
            )))
        }
        None => Err(Box::new(Status::internal("an empty result"))),
    }
}

fn summary(tally: &Tally, took: std::time::Duration, json: bool) -> String {
    let Tally {
        accepted,
        duplicates,
        refused,
        ..
    } = tally;
    if json {
        return format!(
            "{}\n",
            serde_json::json!({"accepted": accepted, "duplicates": duplicates, "refused": refused})
        );
    }
    let mut parts = vec![format!("{accepted} accepted")];
    if *duplicates > 0 {
        parts.push(format!("{duplicates} accepted before"));
    }
    if *refused > 0 {
        parts.push(format!("{refused} refused"));
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = (accepted + duplicates + refused) as f64 / took.as_secs_f64().max(0.001);
    format!("{} in {} ({rate:.0} a second)\n", parts.join(", "), human(took))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn lines_become_requests_and_wrong_ones_keep_their_number() {
        let (events, mut sent) = mpsc::channel(8);
        let (asked, mut numbers) = mpsc::channel(8);
        let lines = "{\"type\": \"a.b\"}\n\nnonsense\n{\"type\": \"c.d\"}\n";
        read("team_1".to_owned(), lines.as_bytes(), events, asked)
            .await
            .unwrap();
        let mut kinds = Vec::new();
        while let Some(request) = sent.recv().await {
            kinds.push(request.event.unwrap().r#type);
        }
        assert_eq!(kinds, ["a.b", "c.d"]);
        let mut seen = Vec::new();
        while let Some((number, wrong)) = numbers.recv().await {
            seen.push((number, wrong.is_some()));
        }
        assert_eq!(seen, [(1, false), (3, true), (4, false)]);
    }

    #[test]
    fn the_summary_leaves_out_what_did_not_happen() {
        let took = Duration::from_secs(2);
        let tally = Tally {
            accepted: 10,
            ..Tally::default()
        };
        assert_eq!(summary(&tally, took, false), "10 accepted in 2 s (5 a second)\n");
        let tally = Tally {
            accepted: 1,
            duplicates: 2,
            refused: 3,
            invalid: true,
        };
        assert_eq!(
            summary(&tally, took, false),
            "1 accepted, 2 accepted before, 3 refused in 2 s (3 a second)\n"
        );
    }

    #[test]
    fn a_duplicate_says_that_nothing_was_sent() {
        let answer = EmitResponse {
            event_id: "evt_1".to_owned(),
            duplicate: true,
            ..EmitResponse::default()
        };
        let said = accepted(&answer, &HashMap::new(), Style::new(false));
        assert!(
            said.starts_with("evt_1 accepted before; nothing was sent now\n"),
            "{said}"
        );
    }
}
