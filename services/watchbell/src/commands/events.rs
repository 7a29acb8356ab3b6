//! `events`: what was accepted.

use clap::{Args, Subcommand};
use watchbell_contracts::dispatcher::v1::{
    AcceptedEvent, GetEventRequest, ListEventsRequest, ListEventsResponse,
};
use watchbell_model::Category;
use watchbell_model::convert;

use super::event_filter::EventFilterArgs;
use super::event_stream::{self, StreamArgs};
use crate::failure::{Outcome, present};
use crate::input;
use crate::session::Session;
use crate::text::{self, Table};

/// Events.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The newest events first
    List(ListArgs),
    /// Events as they are accepted, each once: with --json for programs, which go on with --from
    Stream(StreamArgs),
    /// One event, and who got it
    Show {
        /// The event's id
        id: String,
    },
}

/// Which events.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    filter: EventFilterArgs,
    /// Only that occurred since: RFC 3339, or how long ago (2h)
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only that occurred before: RFC 3339, or how long ago (2h)
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Tests too
    #[arg(long)]
    tests: bool,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = input::limit)]
    limit: usize,
}

pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    match command {
        Command::List(args) => list(session, &args).await,
        Command::Stream(args) => event_stream::run(session, args).await,
        Command::Show { id } => show(session, id).await,
    }
}

async fn list(session: &Session, args: &ListArgs) -> Outcome {
    let at = |when: &Option<String>| {
        when.as_ref()
            .map(|when| input::moment(when, session.now()).map(convert::timestamp))
            .transpose()
    };
    let wanted = ListEventsRequest {
        team_id: session.team(),
        types: args.filter.types.clone(),
        severities: args.filter.severities(),
        start_time: at(&args.since)?,
        end_time: at(&args.until)?,
        include_tests: args.tests,
        subject: args.filter.subject.clone().unwrap_or_default(),
        sources: args.filter.sources.clone(),
        categories: args.filter.categories(),
        text: args.filter.text.clone().unwrap_or_default(),
        ..ListEventsRequest::default()
    };
    let all: ListEventsResponse = session
        .list(
            "watchbell.dispatcher.v1.DispatcherService",
            "ListEvents",
            &wanted,
            args.limit,
        )
        .await?;
    let out = session.out;
    out.show("watchbell.dispatcher.v1.ListEventsResponse", &all, || {
        let now = session.now();
        let mut table = Table::new(&["ACCEPTED", "SEVERITY", "TYPE", "TITLE", "ROUTES", "ID"]).keep(&[0, 5]);
        for accepted in &all.events {
            let event = accepted.event.clone().unwrap_or_default();
            table.row([
                text::brief(accepted.accept_time.as_ref(), now),
                out.style.severity(text::severity(event.severity)),
                event.r#type,
                event.title,
                accepted.routes.len().to_string(),
                event.id,
            ]);
        }
        table.render(out.style, out.width, "no events")
    })
}

async fn show(session: &Session, event_id: String) -> Outcome {
    let request = GetEventRequest {
        team_id: session.team(),
        event_id,
    };
    let accepted: AcceptedEvent = present(
        session
            .dispatcher()
            .get_event(session.ask(request))
            .await?
            .into_inner()
            .event,
    )?;
    let event = accepted.event.clone().unwrap_or_default();
    let names = session.channel_names().await;
    let style = session.out.style;
    session
        .out
        .show("watchbell.dispatcher.v1.AcceptedEvent", &accepted, || {
            let fields = [
                ("id", style.name(&event.id)),
                ("type", event.r#type.clone()),
                ("severity", style.severity(text::severity(event.severity))),
                ("category", text::word::<Category>(event.category)),
                ("title", event.title.clone()),
                ("source", event.source.clone()),
                ("subject", event.subject.clone()),
                ("url", event.url.clone()),
                ("occurred", text::local(event.occurred_at.as_ref())),
                ("accepted", text::local(accepted.accept_time.as_ref())),
                ("test", text::yes(event.test)),
                ("data", accepted.data_json.clone()),
            ];
            let mut said = text::pairs(style, &fields);
            for route in &accepted.routes {
                let reason = text::reason(route);
                said += &format!("→ {}  {}\n", text::target(route, &names), style.faint(reason));
            }
            said
        })
}
