//! Statistics of deliveries: pieces of the log are counted one after another, up to a bound on rows and on time.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tonic::Request;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::convert::{duration, instant, span, timestamp};
use watchbell_model::ids::{ChannelId, TeamId};
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::Principal;

use super::{exists, filters};
use crate::error::Error;
use crate::job::State;
use crate::state::Core;
use crate::stats::{Buckets, Counts, Tally};
use crate::store::{DeliveryFilter, made_at};

/// Rows that one call examines, at most.
const MAX_EXAMINED: u64 = 200_000;
/// How long one call counts, at most: a piece that has begun is finished.
const MAX_TIME: Duration = Duration::from_secs(5);
/// Pieces of a period, at most.
const MAX_BUCKETS: usize = 400;
/// The shortest piece of a period.
const MIN_BUCKET: TimeDelta = TimeDelta::minutes(1);
/// The period when none is given.
const PERIOD: TimeDelta = TimeDelta::days(1);
/// The longest period whose pieces are hours unless asked otherwise.
const MAX_BY_HOUR: TimeDelta = TimeDelta::days(7);

pub(super) async fn get(
    core: &Core,
    request: Request<wire::GetDeliveryStatsRequest>,
) -> Result<wire::GetDeliveryStatsResponse, Error> {
    let principal = Principal::from_request(&request)?;
    let team = principal.team(&request.get_ref().team_id)?;
    let request = request.into_inner();
    let buckets = buckets(&request, core.clock.now());
    let mut violations = Violations::new();
    let buckets = violations.take(buckets);
    let mut of_filter = Violations::new();
    let filter = filters::deliveries(request.filter.unwrap_or_default(), &mut of_filter);
    violations.nest("filter", of_filter);
    let Some(buckets) = buckets.filter(|_| violations.is_empty()) else {
        return Err(violations.into());
    };
    let filter = DeliveryFilter {
        start: Some(buckets.start),
        end: Some(buckets.end),
        ..filter
    };
    let _turn = core.counting.begin(team)?;
    let (tally, counted_from) = count(core, team, filter, buckets).await?;
    if tally.all == Counts::default() {
        exists(core, principal, team).await?;
    }
    Ok(response(tally, counted_from, buckets))
}

/// The period of a request, in pieces.
fn buckets(request: &wire::GetDeliveryStatsRequest, now: DateTime<Utc>) -> Result<Buckets, Violations> {
    let mut violations = Violations::new();
    let start = instant(request.start_time.as_ref(), "start_time", &mut violations);
    let end = instant(request.end_time.as_ref(), "end_time", &mut violations).unwrap_or(now);
    let length = span(request.bucket_length.as_ref(), "bucket_length", &mut violations);
    let start = start.unwrap_or(end - PERIOD);
    if start >= end {
        violations.add("start_time", reason::OUT_OF_RANGE, "must be before end_time");
    }
    let usual = match end - start <= MAX_BY_HOUR {
        true => TimeDelta::hours(1),
        false => TimeDelta::days(1),
    };
    let length = length.map_or(usual, |length| {
        TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX)
    });
    let buckets = Buckets { start, end, length };
    if length < MIN_BUCKET {
        violations.add("bucket_length", reason::OUT_OF_RANGE, "must be at least a minute");
    } else if buckets.count() > MAX_BUCKETS {
        let why = format!("must divide the period into at most {MAX_BUCKETS} pieces");
        violations.add("bucket_length", reason::OUT_OF_RANGE, why);
    }
    violations.into_result(buckets)
}

/// Counts the newest deliveries first; what was made until the instant that it answers was not counted.
async fn count(
    core: &Core,
    team: TeamId,
    mut filter: DeliveryFilter,
    buckets: Buckets,
) -> Result<(Tally, Option<DateTime<Utc>>), Error> {
    let begun = core.clock.monotonic();
    let mut tally = Tally::new(buckets);
    let piece = filter.bound();
    let mut examined = 0;
    loop {
        let found = core.db.delivery_facts(team, &filter, piece).await?;
        found.rows.iter().for_each(|facts| tally.add(facts));
        examined += piece;
        let Some(last) = found.stopped_at else {
            return Ok((tally, None));
        };
        filter.before = Some(last);
        if examined >= MAX_EXAMINED || core.clock.monotonic().saturating_sub(begun) >= MAX_TIME {
            return Ok((tally, Some(made_at(last))));
        }
    }
}

fn response(
    mut tally: Tally,
    counted_from: Option<DateTime<Utc>>,
    buckets: Buckets,
) -> wire::GetDeliveryStatsResponse {
    let latency = match tally.latencies(&[500, 900, 990, 1_000]).as_slice() {
        [p50, p90, p99, max] => Some(wire::DeliveryLatency {
            p50: Some(wire_span(*p50)),
            p90: Some(wire_span(*p90)),
            p99: Some(wire_span(*p99)),
            max: Some(wire_span(*max)),
        }),
        _ => None,
    };
    let by_time = tally.by_time.iter().enumerate();
    let channels = tally.by_channel.iter();
    let mut channels: Vec<_> = channels
        .map(|((channel, kind), of_channel)| wire::ChannelDeliveryCounts {
            channel_id: channel.map_or_else(String::new, |id| ChannelId::from_uuid(id).to_string()),
            kind: i32::from(*kind),
            counts: Some(counts(of_channel)),
        })
        .collect();
    channels.sort_by_key(|channel| std::cmp::Reverse(channel.counts.as_ref().map(sum)));
    let severities = tally.by_severity.iter();
    let mut severities: Vec<_> = severities
        .map(|(severity, of_severity)| wire::SeverityDeliveryCounts {
            severity: i32::from(*severity),
            counts: Some(counts(of_severity)),
        })
        .collect();
    severities.sort_by_key(|severity| std::cmp::Reverse(severity.severity));
    wire::GetDeliveryStatsResponse {
        start_time: Some(timestamp(buckets.start)),
        end_time: Some(timestamp(buckets.end)),
        counts: Some(counts(&tally.all)),
        buckets: by_time
            .map(|(index, bucket)| wire::DeliveryBucket {
                start_time: Some(timestamp(buckets.begin(index))),
                counts: Some(counts(bucket)),
            })
            .collect(),
        channels,
        severities,
        latency,
        counted_from_time: counted_from.map(timestamp),
    }
}

fn counts(counts: &Counts) -> wire::DeliveryCounts {
    wire::DeliveryCounts {
        pending: counts.of(State::Pending),
        held: counts.of(State::Held),
        parked: counts.of(State::Parked),
        folded: counts.of(State::Folded),
        delivered: counts.of(State::Delivered),
        failed: counts.of(State::Failed),
        cancelled: counts.of(State::Cancelled),
    }
}

fn sum(counts: &wire::DeliveryCounts) -> i64 {
    let wire::DeliveryCounts {
        pending,
        held,
        parked,
        folded,
        delivered,
        failed,
        cancelled,
    } = counts;
    pending + held + parked + folded + delivered + failed + cancelled
}

fn wire_span(delta: TimeDelta) -> prost_types::Duration {
    duration(delta.to_std().unwrap_or_default())
}
