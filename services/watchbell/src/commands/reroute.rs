//! `reroute`: stored events are sent where today's configuration leads them and they were never sent.

use chrono::TimeDelta;
use clap::Args;
use tonic::Request;
use watchbell_contracts::router::v1::{RerouteRequest, RerouteResult, reroute_response};
use watchbell_model::convert;

use super::event_filter::EventFilterArgs;
use super::progress::{self, Step};
use crate::confirm::Confirmation;
use crate::failure::Outcome;
use crate::input;
use crate::session::{Named, Session};
use crate::text::{self, Style, Table};

/// Which events, and where to.
#[derive(Debug, Args)]
pub(crate) struct RerouteArgs {
    #[command(flatten)]
    filter: EventFilterArgs,
    /// Only that occurred since: RFC 3339, or how long ago (7d); at most 31 days
    #[arg(long, value_name = "WHEN")]
    since: String,
    /// Only that occurred before: RFC 3339, or how long ago (2h)
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only to this channel, by id or name; may be given several times
    #[arg(long = "channel", value_name = "CHANNEL")]
    channels: Vec<String>,
    /// So many a second at most, 1 to 1000
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    per_second: i32,
    /// Only count
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub(super) async fn run(session: &Session, args: RerouteArgs) -> Outcome {
    let request = request(session, &args).await?;
    let out = session.out;
    let show = |result: &RerouteResult| {
        out.show("watchbell.router.v1.RerouteResult", result, || {
            readable(result, out.width, out.style)
        })
    };
    if !args.confirmation.yes {
        let counted = call(
            session,
            RerouteRequest {
                validate_only: true,
                ..request.clone()
            },
        )
        .await?;
        if args.dry_run || counted.missing_count == 0 {
            return show(&counted);
        }
        if !out.json {
            eprint!("{}", readable(&counted, out.width, out.style));
        }
        args.confirmation.confirm(&question(&counted))?;
    }
    show(&call(session, request).await?)
}

async fn request(session: &Session, args: &RerouteArgs) -> Outcome<RerouteRequest> {
    let at = |when: &str| input::moment(when, session.now()).map(convert::timestamp);
    let mut channel_ids = Vec::with_capacity(args.channels.len());
    for channel in &args.channels {
        channel_ids.push(session.id_of(Named::Channel, channel).await?);
    }
    Ok(RerouteRequest {
        team_id: session.team(),
        types: args.filter.types.clone(),
        severities: args.filter.severities(),
        sources: args.filter.sources.clone(),
        subject: args.filter.subject.clone().unwrap_or_default(),
        text: args.filter.text.clone().unwrap_or_default(),
        categories: args.filter.categories(),
        start_time: Some(at(&args.since)?),
        end_time: args.until.as_deref().map(at).transpose()?,
        channel_ids,
        validate_only: false,
        per_second: args.per_second,
    })
}

async fn call(session: &Session, request: RerouteRequest) -> Outcome<RerouteResult> {
    let verb = if request.validate_only {
        "looked at"
    } else {
        "decided"
    };
    let answers = session
        .router()
        .reroute(Request::new(request))
        .await?
        .into_inner();
    progress::result_of(answers, &format!("events {verb}"), |answer| {
        Some(match answer.step? {
            reroute_response::Step::Progress(progress) => Step::Progress(progress.event_count),
            reroute_response::Step::Result(result) => Step::Result(result),
        })
    })
    .await
}

fn question(counted: &RerouteResult) -> String {
    match counted.missing_count {
        1 => "This sends 1 message that was never sent".to_owned(),
        count => format!("This sends {count} messages that were never sent"),
    }
}

/// What was sent, or would be: by channel and person, then the sums.
fn readable(result: &RerouteResult, width: Option<usize>, style: Style) -> String {
    let mut table = Table::new(&["TO", "KIND", "SENT BEFORE", "MISSING", "SENT NOW"]).keep(&[0, 3, 4]);
    for target in &result.targets {
        table.row([
            target.display_name.clone(),
            text::kind(target.kind),
            target.existing_count.to_string(),
            target.missing_count.to_string(),
            target.rerouted_count.to_string(),
        ]);
    }
    let mut said = table.render(style, width, "these events reach nobody");
    said += &format!(
        "events: {}, of which {} nobody; messages: {} sent before, {} missing, {} sent now\n",
        result.event_count,
        match result.unreached_count {
            1 => "1 reaches".to_owned(),
            count => format!("{count} reach"),
        },
        result.existing_count,
        result.missing_count,
        result.rerouted_count
    );
    if let Some(due) = &result.last_due_time {
        said += &format!("the last one is due {}\n", text::local(Some(due)));
    }
    if result.truncated {
        // Others may have occurred at the same instant, and whoever has one does not get it again.
        let until =
            text::moment(result.oldest_occur_time.as_ref()).map(|oldest| oldest + TimeDelta::seconds(1));
        let until = until
            .map(|until| until.format("%Y-%m-%dT%H:%M:%SZ").to_string())
            .unwrap_or_default();
        said +=
            &format!("older events were left out, because there are too many: go on with --until {until}\n");
    }
    said
}

#[cfg(test)]
mod tests {
    use watchbell_contracts::router::v1::RerouteTarget;
    use watchbell_model::ChannelKind;
    use watchbell_model::convert::FromWire as _;

    use super::*;

    #[test]
    fn a_reroute_reads_as_a_table_with_sums() {
        let result = RerouteResult {
            event_count: 52,
            truncated: true,
            unreached_count: 2,
            existing_count: 1,
            missing_count: 49,
            rerouted_count: 49,
            targets: vec![RerouteTarget {
                kind: ChannelKind::Webhook.to_wire(),
                display_name: "siem".to_owned(),
                existing_count: 1,
                missing_count: 49,
                rerouted_count: 49,
                ..RerouteTarget::default()
            }],
            oldest_occur_time: Some(prost_types::Timestamp {
                seconds: 1_780_000_000,
                nanos: 0,
            }),
            ..RerouteResult::default()
        };
        assert_eq!(
            readable(&result, None, Style::new(false)),
            "TO    KIND     SENT BEFORE  MISSING  SENT NOW\n\
             siem  webhook  1            49       49\n\
             events: 52, of which 2 reach nobody; messages: 1 sent before, 49 missing, 49 sent now\n\
             older events were left out, because there are too many: go on with --until 2026-05-28T20:26:41Z\n"
        );
        assert_eq!(question(&result), "This sends 49 messages that were never sent");
    }
}
