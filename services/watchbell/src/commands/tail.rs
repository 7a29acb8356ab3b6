//! `tail`: deliveries as they happen, a line for each change.

use std::collections::HashMap;

use clap::Args;
use tokio_stream::StreamExt as _;
use tonic::{Request, Status, Streaming};
use watchbell_contracts::dispatcher::v1::{
    Delivery, DeliveryState, WatchDeliveriesRequest, WatchDeliveriesResponse,
};
use watchbell_model::ids::ChannelId;

use super::reconnect::{is_away, opened_again};
use crate::failure::Outcome;
use crate::session::{Named, Session};
use crate::text::{self, Style};

/// Which deliveries.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// Only of this channel, by id or name
    #[arg(long)]
    channel: Option<String>,
}

pub(super) async fn run(session: &Session, args: TailArgs) -> Outcome {
    let channel_id = match &args.channel {
        Some(channel) => session.id_of(Named::Channel, channel).await?,
        None => String::new(),
    };
    let mut names = session.channel_names().await;
    let request = WatchDeliveriesRequest {
        team_id: session.team(),
        channel_id,
    };
    let mut changes = watch(session, &request).await?;
    loop {
        let change = match changes.next().await {
            Some(Ok(change)) => change,
            Some(Err(status)) if !is_away(&status) => return Err(status.into()),
            // The server is away or starts anew, or another Dispatcher serves the team now.
            Some(Err(_)) | None => {
                eprintln!("the connection is lost; connecting again");
                changes = opened_again(async || watch(session, &request).await).await?;
                eprintln!("connected again");
                WatchDeliveriesResponse {
                    delivery: None,
                    lagged: true,
                }
            }
        };
        if change
            .delivery
            .as_ref()
            .is_some_and(|delivery| names_a_stranger(delivery, &names))
        {
            names = session.channel_names().await;
        }
        session
            .out
            .line("watchbell.dispatcher.v1.WatchDeliveriesResponse", &change, || {
                readable(&change, &names, session.out.style)
            })?;
    }
}

async fn watch(
    session: &Session,
    request: &WatchDeliveriesRequest,
) -> Result<Streaming<WatchDeliveriesResponse>, Status> {
    let mut dispatcher = session.dispatcher();
    let watched = dispatcher.watch_deliveries(Request::new(request.clone()));
    Ok(watched.await?.into_inner())
}

/// Whether a channel was made since the names were read.
fn names_a_stranger(delivery: &Delivery, names: &HashMap<String, String>) -> bool {
    use watchbell_contracts::event::v1::route::Target;
    match delivery.route.as_ref().and_then(|route| route.target.as_ref()) {
        Some(Target::Channel(channel)) => {
            channel.channel_id.parse::<ChannelId>().is_ok() && !names.contains_key(&channel.channel_id)
        }
        _ => false,
    }
}

fn readable(change: &WatchDeliveriesResponse, names: &HashMap<String, String>, style: Style) -> String {
    let Some(delivery) = &change.delivery else {
        return style.warn("… some changes may have been left out; `watchbell deliveries list` has all");
    };
    let last = delivery.attempts.last();
    let when = last
        .and_then(|attempt| attempt.start_time.as_ref())
        .or(delivery.create_time.as_ref());
    let state = text::delivery_state(delivery.state);
    let to = delivery
        .route
        .as_ref()
        .map(|route| text::target(route, names))
        .unwrap_or_default();
    let mut line = format!(
        "{}  {}{}  {to}  {} {}",
        style.faint(&text::clock_time(when)),
        style.state(&state),
        " ".repeat(9_usize.saturating_sub(state.len())),
        style.severity(text::severity(delivery.severity)),
        delivery.event_type,
    );
    if !delivery.event_title.is_empty() {
        line += &format!("  {}", delivery.event_title);
    }
    if let Some(attempt) = last {
        line += &style.faint(&format!(
            "  attempt {}, {}",
            attempt.number,
            text::span(attempt.latency.as_ref())
        ));
    }
    let why = match delivery.state == DeliveryState::Delivered as i32 {
        true => "",
        false => delivery.state_message.as_str(),
    };
    let error = last.map_or("", |attempt| attempt.error.as_str());
    // Why a delivery waits or has failed mostly tells the error.
    let (error, why) = match why.contains(error) {
        true if !error.is_empty() => (why, ""),
        _ => (error, why),
    };
    if !error.is_empty() {
        line += &format!("  {}", style.bad(error));
    }
    if !why.is_empty() {
        line += &format!("  {}", style.faint(why));
    }
    line.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchbell_contracts::dispatcher::v1::Attempt;
    use watchbell_contracts::event::v1::route::Target;
    use watchbell_contracts::event::v1::{ChannelTarget, Route};
    use watchbell_model::ChannelKind;
    use watchbell_model::convert::FromWire as _;

    #[test]
    fn an_error_is_told_once() {
        for (error, why, end) in [
            (
                "answered 503",
                "answered 503. The next attempt is at 21 Nov 2026, 09:01 UTC.",
                "  answered 503. The next attempt is at 21 Nov 2026, 09:01 UTC.",
            ),
            ("answered 410", "answered 410", "  answered 410"),
            ("answered 503", "", "  answered 503"),
            ("", "held for quiet hours", "  held for quiet hours"),
        ] {
            let delivery = Delivery {
                state: DeliveryState::Pending as i32,
                state_message: why.to_owned(),
                attempts: vec![Attempt {
                    number: 1,
                    error: error.to_owned(),
                    ..Attempt::default()
                }],
                ..Delivery::default()
            };
            let change = WatchDeliveriesResponse {
                delivery: Some(delivery),
                lagged: false,
            };
            let line = readable(&change, &HashMap::new(), Style::new(false));
            let (_, said) = line.split_once("attempt 1, ").unwrap();
            assert_eq!(said.trim_start(), end.trim_start());
        }
    }

    #[test]
    fn a_change_is_one_line() {
        let delivery = Delivery {
            event_type: "finding.created".to_owned(),
            event_title: "Public\nbucket".to_owned(),
            severity: 4,
            state: DeliveryState::Pending as i32,
            state_message: "tried again in 1 s".to_owned(),
            route: Some(Route {
                kind: ChannelKind::Webhook.to_wire(),
                target: Some(Target::Channel(ChannelTarget {
                    channel_id: "chn_1".to_owned(),
                })),
                ..Route::default()
            }),
            attempts: vec![Attempt {
                number: 1,
                error: "503".to_owned(),
                ..Attempt::default()
            }],
            ..Delivery::default()
        };
        let change = WatchDeliveriesResponse {
            delivery: Some(delivery),
            lagged: false,
        };
        let line = readable(&change, &HashMap::new(), Style::new(false));
        assert_eq!(
            line,
            "  PENDING    webhook chn_1  HIGH finding.created  Public bucket  attempt 1,   503  tried again in 1 s"
        );
        let lagged = WatchDeliveriesResponse {
            delivery: None,
            lagged: true,
        };
        assert!(readable(&lagged, &HashMap::new(), Style::new(false)).contains("left out"));
    }
}
