//! `events stream`: events as they are accepted, each once, over reconnections too.

use clap::Args;
use tokio_stream::StreamExt as _;
use tonic::{Request, Status, Streaming};
use watchbell_contracts::dispatcher::v1::{AcceptedEvent, StreamEventsRequest, StreamEventsResponse};
use watchbell_model::Severity;
use watchbell_model::convert::FromWire;

use super::reconnect::{is_away, opened_again};
use crate::failure::Outcome;
use crate::input;
use crate::session::Session;
use crate::text::{self, Style};

/// Which events, and from where on.
#[derive(Debug, Args)]
pub(crate) struct StreamArgs {
    /// Go on after this cursor, as a line of --json has it
    // One cursor of 64 begins with a hyphen.
    #[arg(long, value_name = "CURSOR", allow_hyphen_values = true)]
    from: Option<String>,
    /// Begin with the oldest event that is kept instead of from now on
    #[arg(long, conflicts_with = "from")]
    from_beginning: bool,
    /// Only types that match: exact, a group such as 'finding.*'
    #[arg(long = "type", value_name = "PATTERN", value_delimiter = ',')]
    types: Vec<String>,
    /// Only this severity and worse
    #[arg(long, value_parser = input::word::<Severity>, value_name = "SEVERITY")]
    min_severity: Option<Severity>,
    /// Tests too
    #[arg(long)]
    tests: bool,
}

pub(super) async fn run(session: &Session, args: StreamArgs) -> Outcome {
    let mut request = StreamEventsRequest {
        team_id: session.team(),
        cursor: args.from.unwrap_or_default(),
        from_beginning: args.from_beginning,
        types: args.types,
        min_severity: args.min_severity.map(FromWire::to_wire).unwrap_or_default(),
        include_tests: args.tests,
    };
    let mut events = open(session, &request).await?;
    loop {
        let response = match events.next().await {
            Some(Ok(response)) => response,
            Some(Err(status)) if !is_away(&status) => return Err(status.into()),
            // The server is away or starts anew, or another Dispatcher serves the team now.
            Some(Err(_)) | None => {
                events = opened_again(async || open(session, &request).await).await?;
                continue;
            }
        };
        request.cursor.clone_from(&response.cursor);
        request.from_beginning = false;
        if let Some(event) = &response.event {
            let name = "watchbell.dispatcher.v1.StreamEventsResponse";
            session
                .out
                .line(name, &response, || readable(event, session.out.style))?;
        }
    }
}

async fn open(
    session: &Session,
    request: &StreamEventsRequest,
) -> Result<Streaming<StreamEventsResponse>, Status> {
    let mut dispatcher = session.dispatcher();
    let opened = dispatcher.stream_events(Request::new(request.clone()));
    Ok(opened.await?.into_inner())
}

fn readable(accepted: &AcceptedEvent, style: Style) -> String {
    let event = accepted.event.clone().unwrap_or_default();
    let line = format!(
        "{}  {} {}  {}  {}",
        style.faint(&text::clock_time(accepted.accept_time.as_ref())),
        style.severity(text::severity(event.severity)),
        event.r#type,
        event.title,
        style.faint(&event.id),
    );
    line.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: StreamArgs,
    }

    #[test]
    fn a_cursor_may_begin_with_a_hyphen() {
        let command = Command::try_parse_from(["stream", "--from", "-X3k", "--tests"]).unwrap();
        assert_eq!(command.args.from.as_deref(), Some("-X3k"));
        assert!(command.args.tests);
    }
}
