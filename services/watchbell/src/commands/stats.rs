//! `stats`: how many deliveries, in which state, when, where, and how long they took.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use watchbell_contracts::dispatcher::v1::{
    DeliveryCounts, GetDeliveryStatsRequest, GetDeliveryStatsResponse,
};
use watchbell_model::convert;

use super::delivery_filter::FilterArgs;
use crate::failure::Outcome;
use crate::input;
use crate::session::{Out, Session};
use crate::text::{self, Table};

const NAME: &str = "watchbell.dispatcher.v1.GetDeliveryStatsResponse";

/// Which deliveries, and in which pieces.
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// What was made since: RFC 3339, or how long ago (2h); a day ago unless given
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// What was made before: RFC 3339, or how long ago (2h)
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Length of the rows by time, at most 400 of them: 10m, 1h, 1d
    #[arg(long, value_name = "LENGTH", value_parser = input::duration)]
    every: Option<Duration>,
    #[command(flatten)]
    filter: FilterArgs,
}

pub(super) async fn run(session: &Session, args: StatsArgs) -> Outcome {
    let at = |when: &Option<String>| {
        when.as_ref()
            .map(|when| input::moment(when, session.now()).map(convert::timestamp))
            .transpose()
    };
    let request = GetDeliveryStatsRequest {
        team_id: session.team(),
        start_time: at(&args.since)?,
        end_time: at(&args.until)?,
        bucket_length: args.every.map(convert::duration),
        filter: Some(args.filter.filter(session).await?),
    };
    let stats = session
        .dispatcher()
        .get_delivery_stats(session.ask(request))
        .await?
        .into_inner();
    let names = session.channel_names().await;
    let out = session.out;
    out.show(NAME, &stats, || shown(&stats, &names, out))
}

fn shown(stats: &GetDeliveryStatsResponse, names: &HashMap<String, String>, out: Out) -> String {
    let latency = stats.latency.unwrap_or_default();
    let fields = [
        ("from", text::local(stats.start_time.as_ref())),
        ("to", text::local(stats.end_time.as_ref())),
        ("counted from", text::local(stats.counted_from_time.as_ref())),
        ("half took", text::span(latency.p50.as_ref())),
        ("90% took", text::span(latency.p90.as_ref())),
        ("99% took", text::span(latency.p99.as_ref())),
        ("the slowest", text::span(latency.max.as_ref())),
    ];
    let mut said = text::pairs(out.style, &fields);
    let mut tables = vec![(
        "DELIVERIES",
        vec![("all".to_owned(), stats.counts.unwrap_or_default())],
    )];
    let channels = stats.channels.iter().map(|channel| {
        let kind = text::kind(channel.kind);
        let name = names.get(&channel.channel_id).unwrap_or(&channel.channel_id);
        let name = format!("{kind} {name}").trim_end().to_owned();
        (name, channel.counts.unwrap_or_default())
    });
    tables.push(("CHANNEL", channels.collect()));
    let severities = stats.severities.iter();
    let severities = severities.map(|severity| {
        let name = text::severity(severity.severity).to_string();
        (name, severity.counts.unwrap_or_default())
    });
    tables.push(("SEVERITY", severities.collect()));
    let buckets = stats.buckets.iter().map(|bucket| {
        let begin = text::local(bucket.start_time.as_ref());
        (begin, bucket.counts.unwrap_or_default())
    });
    let made = buckets.filter(|(_, counts)| *counts != DeliveryCounts::default());
    tables.push(("MADE FROM", made.collect()));
    for (name, rows) in tables {
        if !rows.is_empty() {
            said += "\n";
            said += &table(name, rows).render(out.style, out.width, "");
        }
    }
    said
}

fn table(name: &'static str, rows: Vec<(String, DeliveryCounts)>) -> Table {
    let mut table = Table::new(&[
        name,
        "DELIVERED",
        "FAILED",
        "PENDING",
        "HELD",
        "PARKED",
        "FOLDED",
        "CANCELLED",
    ])
    .keep(&[0]);
    for (name, counts) in rows {
        let numbers = [
            counts.delivered,
            counts.failed,
            counts.pending,
            counts.held,
            counts.parked,
            counts.folded,
            counts.cancelled,
        ];
        let [delivered, failed, pending, held, parked, folded, cancelled] = numbers.map(number);
        table.row([name, delivered, failed, pending, held, parked, folded, cancelled]);
    }
    table
}

/// A count; none is a dot, so that the others stand out.
fn number(count: i64) -> String {
    match count {
        0 => "·".to_owned(),
        count => count.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;
    use watchbell_contracts::dispatcher::v1::{ChannelDeliveryCounts, DeliveryBucket, DeliveryLatency};

    use super::*;
    use crate::text::Style;

    #[test]
    fn counts_come_as_tables_and_pieces_without_deliveries_are_left_out() {
        let counts = |delivered, failed| {
            Some(DeliveryCounts {
                delivered,
                failed,
                ..DeliveryCounts::default()
            })
        };
        let bucket = |seconds, counts| DeliveryBucket {
            start_time: Some(Timestamp { seconds, nanos: 0 }),
            counts,
        };
        let stats = GetDeliveryStatsResponse {
            counts: counts(12, 1),
            channels: vec![ChannelDeliveryCounts {
                channel_id: "chn_1".to_owned(),
                kind: 4,
                counts: counts(12, 1),
            }],
            buckets: vec![bucket(0, counts(12, 1)), bucket(3_600, counts(0, 0))],
            latency: Some(DeliveryLatency {
                p50: Some(convert::duration(Duration::from_millis(43))),
                ..DeliveryLatency::default()
            }),
            ..GetDeliveryStatsResponse::default()
        };
        let names = HashMap::from([("chn_1".to_owned(), "siem".to_owned())]);
        let out = Out {
            json: false,
            style: Style::new(false),
            width: None,
        };
        let said = shown(&stats, &names, out);
        let lines: Vec<_> = said
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(lines[0], "half took 43 ms");
        assert_eq!(
            lines[2],
            "DELIVERIES DELIVERED FAILED PENDING HELD PARKED FOLDED CANCELLED"
        );
        assert_eq!(lines[3], "all 12 1 · · · · ·");
        assert_eq!(lines[6], "webhook siem 12 1 · · · · ·");
        let made = lines
            .iter()
            .position(|line| line.starts_with("MADE FROM"))
            .unwrap();
        assert_eq!(lines.len(), made + 2, "{said}");
    }
}
