//! `deliveries replay`, `deliveries recover` and `deliveries cancel`: what is sent again, and what of it is not, counted first.

use std::collections::HashMap;

use clap::Args;
use watchbell_contracts::dispatcher::v1::{
    CancelDeliveriesRequest, CancelDeliveriesResponse, DeliveryFilter, RecoverRequest, RecoverResponse,
    ReplayRequest, ReplayResponse, ResendCount,
};
use watchbell_model::convert;

use super::{call, show};
use crate::commands::delivery_filter::FilterArgs;
use crate::confirm::{Confirmation, counted};
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::session::{Named, Session};
use crate::text::{self, Style, Table};

/// Deliveries of one call, at most.
const MAX_COUNTED: usize = 100_000;

/// Which deliveries are replayed.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// dlv_…; without it, those that the flags say, delivered and failed ones unless --state says otherwise
    #[arg(required_unless_present = "since", conflicts_with_all = [
        "since", "until", "per_second", "dry_run", "yes", "channel", "states", "event", "types", "kind", "member",
        "address", "severities", "rule", "text", "replays", "summary",
    ])]
    id: Option<String>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Only made since: RFC 3339, or how long ago (2h)
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// So many a second at most, 1 to 1000
    #[arg(long, value_name = "COUNT")]
    per_second: Option<i32>,
    #[command(flatten)]
    how: HowArgs,
}

/// Which deliveries are recovered.
#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    /// The channel, by id or name; without it, those of all channels that the flags say
    #[arg(id = "of", value_name = "CHANNEL", conflicts_with = "channel")]
    of: Option<String>,
    #[command(flatten)]
    filter: FilterArgs,
    /// What was made since: RFC 3339, or how long ago (2h)
    #[arg(long, value_name = "WHEN")]
    since: String,
    /// So many a second at most, 1 to 1000
    #[arg(long, value_name = "COUNT")]
    per_second: Option<i32>,
    #[command(flatten)]
    how: HowArgs,
}

/// Which deliveries are called off.
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// dlv_…; without it, those of what waits that the flags say: --replays for what a replay or a reroute has still to send
    #[arg(required_unless_present = "since", conflicts_with_all = [
        "since", "until", "dry_run", "yes", "channel", "states", "event", "types", "kind", "member", "address",
        "severities", "rule", "text", "replays", "summary",
    ])]
    id: Option<String>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Only made since: RFC 3339, or how long ago (2h). A replay is made when it is asked for
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    #[command(flatten)]
    how: HowArgs,
}

/// Until when, and whether it is done.
#[derive(Debug, Args)]
struct HowArgs {
    /// Only made before: RFC 3339, or how long ago (2h)
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only count
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub(super) async fn replay(session: &Session, args: ReplayArgs) -> Outcome {
    if let Some(id) = args.id {
        return show(session, &call(session, "Replay", id).await?, false).await;
    }
    let since = args
        .since
        .ok_or_else(|| Failure::usage("--since says from when on"))?;
    let request = ReplayRequest {
        team_id: session.team(),
        filter: Some(args.filter.filter(session).await?),
        start_time: Some(moment(session, &since)?),
        end_time: until(session, &args.how)?,
        validate_only: false,
        per_second: args.per_second.unwrap_or_default(),
        ..ReplayRequest::default()
    };
    let names = session.channel_names().await;
    let call = async |validate_only| {
        let request = ReplayRequest {
            validate_only,
            ..request.clone()
        };
        let answer = session.dispatcher().replay(session.ask(request)).await?;
        Outcome::Ok(answer.into_inner())
    };
    let print = |answer: &ReplayResponse, what: [&str; 2]| {
        session
            .out
            .show("watchbell.dispatcher.v1.ReplayResponse", answer, || {
                let sum = sum(answer.replayed_count, "", what);
                let more = answer.truncated;
                table(&answer.channels, &names, session.out.style, session.out.width) + &sum + truncated(more)
            })
    };
    if !args.how.confirmation.yes {
        let found = call(true).await?;
        if args.how.dry_run || found.replayed_count == 0 {
            return print(&found, ["would be replayed"; 2]);
        }
        confirm(&args.how, found.replayed_count, ["This sends", " again"])?;
    }
    print(&call(false).await?, ["is replayed", "are replayed"])
}

pub(super) async fn recover(session: &Session, args: RecoverArgs) -> Outcome {
    let filter = args.filter.filter(session).await?;
    let channel_id = match &args.of {
        Some(channel) => session.id_of(Named::Channel, channel).await?,
        None => String::new(),
    };
    let request = RecoverRequest {
        team_id: session.team(),
        filter: Some(filter).filter(|filter| channel_id.is_empty() || *filter != DeliveryFilter::default()),
        channel_id,
        start_time: Some(moment(session, &args.since)?),
        end_time: until(session, &args.how)?,
        validate_only: false,
        per_second: args.per_second.unwrap_or_default(),
    };
    let names = session.channel_names().await;
    let of = args
        .of
        .map(|channel| format!(" of {channel}"))
        .unwrap_or_default();
    let call = async |validate_only| {
        let request = RecoverRequest {
            validate_only,
            ..request.clone()
        };
        let answer = session.dispatcher().recover(session.ask(request)).await?;
        Outcome::Ok(answer.into_inner())
    };
    let print = |answer: &RecoverResponse, what: [&str; 2]| {
        session
            .out
            .show("watchbell.dispatcher.v1.RecoverResponse", answer, || {
                let sum = sum(answer.recovered_count, &of, what);
                let more = answer.truncated;
                table(&answer.channels, &names, session.out.style, session.out.width) + &sum + truncated(more)
            })
    };
    if !args.how.confirmation.yes {
        let found = call(true).await?;
        if args.how.dry_run {
            return print(&found, ["would be taken up again"; 2]);
        }
        if found.recovered_count > 0 {
            let again = format!("{of} again");
            confirm(&args.how, found.recovered_count, ["This sends", &again])?;
        }
    }
    print(&call(false).await?, ["is taken up again", "are taken up again"])
}

pub(super) async fn cancel(session: &Session, args: CancelArgs) -> Outcome {
    if let Some(id) = args.id {
        return show(session, &call(session, "CancelDelivery", id).await?, false).await;
    }
    let since = args
        .since
        .ok_or_else(|| Failure::usage("--since says from when on"))?;
    let request = CancelDeliveriesRequest {
        team_id: session.team(),
        filter: Some(args.filter.filter(session).await?),
        start_time: Some(moment(session, &since)?),
        end_time: until(session, &args.how)?,
        validate_only: false,
    };
    let names = session.channel_names().await;
    let call = async |validate_only| {
        let request = CancelDeliveriesRequest {
            validate_only,
            ..request.clone()
        };
        let answer = session
            .dispatcher()
            .cancel_deliveries(session.ask(request))
            .await?;
        Outcome::Ok(answer.into_inner())
    };
    let print = |answer: &CancelDeliveriesResponse, what: [&str; 2]| {
        session
            .out
            .show("watchbell.dispatcher.v1.CancelDeliveriesResponse", answer, || {
                let sum = sum(answer.cancelled_count, "", what);
                let more = answer.truncated;
                table(&answer.channels, &names, session.out.style, session.out.width) + &sum + truncated(more)
            })
    };
    if !args.how.confirmation.yes {
        let found = call(true).await?;
        if args.how.dry_run || found.cancelled_count == 0 {
            return print(&found, ["would be called off"; 2]);
        }
        confirm(&args.how, found.cancelled_count, ["This calls off", ""])?;
    }
    print(&call(false).await?, ["is called off", "are called off"])
}

fn moment(session: &Session, when: &str) -> Outcome<prost_types::Timestamp> {
    input::moment(when, session.now()).map(convert::timestamp)
}

fn until(session: &Session, how: &HowArgs) -> Outcome<Option<prost_types::Timestamp>> {
    how.until.as_deref().map(|when| moment(session, when)).transpose()
}

/// What becomes of so many, as a line.
fn sum(count: i64, of: &str, [one, many]: [&str; 2]) -> String {
    match count {
        1 => format!("1 delivery{of} {one}\n"),
        count => format!("{count} deliveries{of} {many}\n"),
    }
}

fn confirm(how: &HowArgs, count: i64, [does, how_far]: [&str; 2]) -> Outcome {
    let count = usize::try_from(count).unwrap_or(MAX_COUNTED);
    let count = counted(count, ["delivery", "deliveries"], MAX_COUNTED);
    how.confirmation.confirm(&format!("{does} {count}{how_far}"))
}

/// How many of each channel; nothing when they are of one.
fn table(
    channels: &[ResendCount],
    names: &HashMap<String, String>,
    style: Style,
    width: Option<usize>,
) -> String {
    if channels.len() < 2 && channels.iter().all(|channel| channel.refusal.is_empty()) {
        return String::new();
    }
    let mut table = Table::new(&["CHANNEL", "KIND", "DELIVERIES", "NOT SENT BECAUSE"]).keep(&[0, 2]);
    for channel in channels {
        let name = names.get(&channel.channel_id).unwrap_or(&channel.channel_id);
        table.row([
            name.clone(),
            text::kind(channel.kind),
            channel.count.to_string(),
            channel.refusal.clone(),
        ]);
    }
    table.render(style, width, "")
}

fn truncated(is_truncated: bool) -> &'static str {
    match is_truncated {
        true => "there are more: run it again\n",
        false => "",
    }
}

#[cfg(test)]
mod tests {
    use watchbell_model::ChannelKind;
    use watchbell_model::convert::FromWire as _;

    use super::*;

    #[test]
    fn what_is_sent_again_is_counted_by_channel_with_what_is_not() {
        let count = |id: &str, count, refusal: &str| ResendCount {
            channel_id: id.to_owned(),
            kind: ChannelKind::Webhook.to_wire(),
            count,
            refusal: refusal.to_owned(),
        };
        let names = HashMap::from([("chn_1".to_owned(), "siem".to_owned())]);
        let shown = |channels: &[ResendCount]| table(channels, &names, Style::new(false), None);
        assert_eq!(
            shown(&[
                count("chn_1", 12, ""),
                count("chn_2", 1, "the channel was deleted")
            ]),
            "CHANNEL  KIND     DELIVERIES  NOT SENT BECAUSE\n\
             siem     webhook  12\n\
             chn_2    webhook  1           the channel was deleted\n"
        );
        assert_eq!(shown(&[count("chn_1", 12, "")]), "");
    }
}
