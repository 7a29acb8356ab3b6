//! `deliveries`: what became of every route, attempt by attempt.

mod resend;
mod standing;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use prost_reflect::Value;
use watchbell_contracts::dispatcher::v1::{Attempt, Delivery, ListDeliveriesRequest, ListDeliveriesResponse};
use watchbell_model::convert;

use super::delivery_filter::FilterArgs;
use super::resource::typed;
use crate::failure::{Outcome, present};
use crate::input;
use crate::session::{Out, Session, rpc};
use crate::text::{self, Style, Table};

const NAME: &str = "watchbell.dispatcher.v1.Delivery";
const DISPATCHER: &str = "watchbell.dispatcher.v1.DispatcherService";

/// Deliveries.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The newest deliveries first
    List(Box<ListArgs>),
    /// One delivery with its attempts
    Show {
        /// dlv_…
        id: String,
        /// The headers sent, too
        #[arg(long)]
        headers: bool,
    },
    /// Send the same event to the same target once more: one delivery, or many by a filter
    Replay(Box<resend::ReplayArgs>),
    /// Call off what waits: one delivery, or many by a filter
    Cancel(Box<resend::CancelArgs>),
    /// Take up again what failed or was parked, on a channel or by a filter
    Recover(Box<resend::RecoverArgs>),
}

/// Which deliveries.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Only made since: RFC 3339, or how long ago (2h)
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only made before: RFC 3339, or how long ago (2h)
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = input::limit)]
    limit: usize,
}

pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    match command {
        Command::List(args) => list(session, &args).await,
        Command::Show { id, headers } => {
            show(session, &call(session, "GetDelivery", id).await?, headers).await
        }
        Command::Replay(args) => resend::replay(session, *args).await,
        Command::Cancel(args) => resend::cancel(session, *args).await,
        Command::Recover(args) => resend::recover(session, *args).await,
    }
}

/// Calls an RPC about one delivery; the delivery in its answer.
async fn call(session: &Session, rpc: &str, id: String) -> Outcome<Delivery> {
    let method = rpc::method(DISPATCHER, rpc)?;
    let mut request = session.request(&method);
    rpc::set(&mut request, "delivery_id", Value::String(id));
    present(typed(&session.call(&method, request).await?, "delivery"))
}

async fn list(session: &Session, args: &ListArgs) -> Outcome {
    let at = |when: &Option<String>| {
        when.as_ref()
            .map(|when| input::moment(when, session.now()).map(convert::timestamp))
            .transpose()
    };
    let filter = args.filter.filter(session).await?;
    let wanted = ListDeliveriesRequest {
        team_id: session.team(),
        channel_id: filter.channel_id,
        states: filter.states,
        event_id: filter.event_id,
        types: filter.types,
        kind: filter.kind,
        member_id: filter.member_id,
        address: filter.address,
        severities: filter.severities,
        rule_id: filter.rule_id,
        text: filter.text,
        replays_only: filter.replays_only,
        summary_id: filter.summary_id,
        start_time: at(&args.since)?,
        end_time: at(&args.until)?,
        ..ListDeliveriesRequest::default()
    };
    let all: ListDeliveriesResponse = session
        .list(
            "watchbell.dispatcher.v1.DispatcherService",
            "ListDeliveries",
            &wanted,
            args.limit,
        )
        .await?;
    let out = session.out;
    let names = session.channel_names().await;
    out.show("watchbell.dispatcher.v1.ListDeliveriesResponse", &all, || {
        table(&all.deliveries, &names, out, session.now())
    })
}

fn table(deliveries: &[Delivery], names: &HashMap<String, String>, out: Out, now: DateTime<Utc>) -> String {
    let mut table = Table::new(&["MADE", "STATE", "TO", "EVENT", "TRIES", "NOTE", "ID"])
        .keep(&[0, 1, 6])
        .optional(&[5, 4]);
    for delivery in deliveries {
        table.row([
            text::brief(delivery.create_time.as_ref(), now),
            out.style.state(&text::delivery_state(delivery.state)),
            delivery
                .route
                .as_ref()
                .map(|route| text::target(route, names))
                .unwrap_or_default(),
            delivery.event_type.clone(),
            delivery.attempt_count.to_string(),
            delivery.state_message.clone(),
            delivery.id.clone(),
        ]);
    }
    table.render(out.style, out.width, "no deliveries")
}

async fn show(session: &Session, delivery: &Delivery, headers: bool) -> Outcome {
    let out = session.out;
    let names = session.channel_names().await;
    out.show(NAME, delivery, || shown(delivery, &names, out.style, headers))
}

/// A delivery field by field, then its attempts.
fn shown(delivery: &Delivery, names: &HashMap<String, String>, style: Style, headers: bool) -> String {
    let route = delivery.route.clone().unwrap_or_default();
    let mentions: Vec<_> = route.mentions.iter().map(text::mention).collect();
    let mut fields = vec![
        ("id", style.name(&delivery.id)),
        ("state", style.state(&text::delivery_state(delivery.state))),
        ("note", delivery.state_message.clone()),
    ];
    fields.extend(standing::lines(delivery));
    fields.extend([
        ("to", text::target(&route, names)),
        (
            "because",
            route.reason.map(|reason| reason.sentence).unwrap_or_default(),
        ),
        ("mentions", mentions.join(", ")),
        (
            "event",
            format!("{} {}", delivery.event_type, style.faint(&delivery.event_id)),
        ),
        ("severity", style.severity(text::severity(delivery.severity))),
        ("title", delivery.event_title.clone()),
        ("made", text::local(delivery.create_time.as_ref())),
        ("next try", text::local(delivery.next_attempt_time.as_ref())),
        ("ended", text::local(delivery.end_time.as_ref())),
        ("replay of", delivery.replay_of.clone()),
        ("test", text::yes(delivery.test)),
    ]);
    let mut said = text::pairs(style, &fields);
    for attempt in &delivery.attempts {
        said += "\n";
        said += &shown_attempt(attempt, style, headers);
    }
    said
}

fn shown_attempt(attempt: &Attempt, style: Style, headers: bool) -> String {
    let status = if attempt.status_code == 0 {
        String::new()
    } else {
        format!("  {}", attempt.status_code)
    };
    let mut said = format!(
        "{} {}{status}  {}  {}\n",
        style.bold(&format!("attempt {}", attempt.number)),
        style.state(&text::attempt_outcome(attempt.outcome)),
        text::span(attempt.latency.as_ref()),
        style.faint(&text::local(attempt.start_time.as_ref())),
    );
    if attempt.ambiguous {
        said += &style.warn("  sent, but no answer came: it may have arrived\n");
    }
    if !attempt.error.is_empty() {
        said += &format!("  {} {}\n", attempt.error, style.faint(&attempt.error_code));
    }
    if headers {
        for header in &attempt.request_headers {
            said += &format!(
                "  {} {}\n",
                style.faint(&format!("{}:", header.name)),
                header.value
            );
        }
    }
    if !attempt.response_body.is_empty() {
        said += &format!(
            "  answer: {}\n",
            attempt.response_body.trim_end().replace('\n', "\n          ")
        );
    }
    said
}

#[cfg(test)]
mod tests {
    use watchbell_model::ChannelKind;
    use watchbell_model::convert::FromWire as _;

    use super::*;
    use watchbell_contracts::dispatcher::v1::{AttemptOutcome, DeliveryState};
    use watchbell_contracts::event::v1::route::Target;
    use watchbell_contracts::event::v1::{ChannelTarget, Reason, Route};

    #[test]
    fn a_delivery_tells_its_story() {
        let delivery = Delivery {
            id: "dlv_1".to_owned(),
            event_id: "evt_1".to_owned(),
            event_type: "finding.created".to_owned(),
            severity: 5,
            state: DeliveryState::Delivered as i32,
            route: Some(Route {
                kind: ChannelKind::Webhook.to_wire(),
                target: Some(Target::Channel(ChannelTarget {
                    channel_id: "chn_1".to_owned(),
                })),
                reason: Some(Reason {
                    sentence: "`finding.*` matches".to_owned(),
                    ..Reason::default()
                }),
                ..Route::default()
            }),
            attempts: vec![Attempt {
                number: 1,
                outcome: AttemptOutcome::Retryable as i32,
                status_code: 503,
                latency: Some(prost_types::Duration {
                    seconds: 0,
                    nanos: 43_000_000,
                }),
                error: "the endpoint answered 503".to_owned(),
                error_code: "webhook.status".to_owned(),
                response_body: "busy\n".to_owned(),
                ..Attempt::default()
            }],
            ..Delivery::default()
        };
        let names = HashMap::from([("chn_1".to_owned(), "siem".to_owned())]);
        assert_eq!(
            shown(&delivery, &names, Style::new(false), false),
            "id        dlv_1\nstate     DELIVERED\nto        webhook siem\nbecause   `finding.*` matches\n\
             event     finding.created evt_1\nseverity  CRITICAL\n\n\
             attempt 1 RETRYABLE  503  43 ms  \n  the endpoint answered 503 webhook.status\n  answer: busy\n"
        );
    }
}
