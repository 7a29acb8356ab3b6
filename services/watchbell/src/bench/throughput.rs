//! How much goes through: accepted without anything to deliver, to one webhook, and to nine. The clock runs until the
//! last delivery has arrived, and every one must.

use std::time::Duration;

use watchbell_testkit::WebhookReceiver;

use super::ceilings::Ceilings;
use super::lab::{Lab, Team};
use super::load::{Caller, Emitted, How, OF_ALERTS, OF_NO_ALERT, Until};
use super::meter::{self, Cpu};
use super::report::Figure;
use crate::failure::{Failure, Outcome};

/// How long is warmed up: connections, caches, prepared statements.
const WARM_UP: Duration = Duration::from_millis(700);
/// How long the last deliveries may take to arrive.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A run.
pub(super) struct Run {
    pub(super) emitted: Emitted,
    pub(super) delivered: u64,
    /// Until the last answer.
    pub(super) accepting: f64,
    /// Until the last arrival.
    pub(super) all: f64,
    pub(super) cpu: Cpu,
    bytes_written: f64,
}

// === impl Run ===

impl Run {
    pub(super) fn delivered_per_second(&self) -> f64 {
        self.delivered as f64 / self.all
    }

    /// Watchbell's own CPU time for each event, in seconds.
    pub(super) fn own_each(&self) -> f64 {
        self.cpu.own() / self.emitted.accepted.max(1) as f64
    }

    fn accepted_per_second(&self) -> f64 {
        self.emitted.accepted as f64 / self.accepting
    }

    fn figure(&self, what: &str) -> Figure {
        let deliveries = self.delivered > 0;
        let rate = if deliveries {
            self.delivered_per_second()
        } else {
            self.accepted_per_second()
        };
        let mut details = format!("{} events", self.emitted.accepted);
        if deliveries {
            details += &format!(", accepted at {:.0}/s", self.accepted_per_second());
        }
        if self.emitted.answers.count() > 0 {
            details += &format!("; answers {}", self.emitted.answers.said());
        }
        if self.emitted.slowed > 0 {
            details += &format!("; told to slow down {} times", self.emitted.slowed);
        }
        let each = self.delivered.max(self.emitted.accepted);
        Figure::new(what, format!("{rate:.0}/s"))
            .details(details)
            .value("per_second", rate)
            .value("accepted_per_second", self.accepted_per_second())
            .value("kib_written", self.bytes_written / 1024.0 / each.max(1) as f64)
            .cpu(&self.cpu, each)
    }
}

/// Emits events of alerts to a team with so many endpoints.
async fn run(lab: &Lab, name: &str, endpoints: usize, how: How, span: Duration) -> Outcome<Run> {
    run_of(lab, name, OF_ALERTS, endpoints, how, span).await
}

/// Emits events of a type to a team with so many endpoints.
async fn run_of(
    lab: &Lab,
    name: &str,
    event_type: &'static str,
    endpoints: usize,
    how: How,
    span: Duration,
) -> Outcome<Run> {
    let endpoint = lab
        .endpoint(WebhookReceiver::builder().count_only().without_event_ids())
        .await?;
    let urls: Vec<_> = (0..endpoints)
        .map(|at| endpoint.url_at(&format!("/e{at}")))
        .collect();
    let team = lab.team(name, &urls).await?;
    let caller = Caller {
        event_type,
        ..caller(lab, &team)
    };
    let warm = lab
        .load
        .run(caller.clone().emit(how, Until::After(WARM_UP)))
        .await??;
    arrived(&endpoint, warm.accepted * endpoints as u64).await?;
    endpoint.clear();

    let (began, cpu, written) = (lab.clock.monotonic(), Cpu::now(), meter::written());
    let emitted = lab.load.run(caller.emit(how, Until::After(span))).await??;
    let accepting = lab.clock.monotonic().saturating_sub(began);
    let delivered = emitted.accepted * endpoints as u64;
    arrived(&endpoint, delivered).await?;
    let all = lab.clock.monotonic().saturating_sub(began);
    let bytes = |io: &std::collections::BTreeMap<String, f64>| io.get("write_bytes").copied().unwrap_or(0.0);
    Ok(Run {
        emitted,
        delivered,
        accepting: accepting.as_secs_f64(),
        all: all.as_secs_f64(),
        cpu: Cpu::since(&cpu),
        bytes_written: bytes(&meter::written()) - bytes(&written),
    })
}

/// Whoever emits for a team.
pub(super) fn caller(lab: &Lab, team: &Team) -> Caller {
    Caller {
        url: team.url.clone(),
        key: team.key.clone(),
        event_type: OF_ALERTS,
        out: lab.out,
        clock: lab.clock.clone(),
    }
}

/// Waits for everything that was accepted.
pub(super) async fn arrived(endpoint: &WebhookReceiver, deliveries: u64) -> Outcome {
    let deliveries = usize::try_from(deliveries).unwrap_or(usize::MAX);
    endpoint
        .wait_for_within(deliveries, TIMEOUT)
        .await
        .map(drop)
        .map_err(|missing| {
            Failure::message(format!(
                "{} of {} deliveries are missing",
                missing.wanted - missing.got,
                missing.wanted
            ))
        })
}

/// Nothing to deliver.
pub(super) async fn accept(
    lab: &Lab,
    ceilings: Option<Ceilings>,
    callers: usize,
    span: Duration,
) -> Outcome<Figure> {
    let run = run(lab, "accept", 0, How::Unary(callers), span).await?;
    let figure = run.figure("accepted events, nothing to deliver");
    let Some(ceilings) = ceilings else {
        return Ok(figure);
    };
    let ratio = run.accepted_per_second() / ceilings.calls;
    let measured = format!("{} ({ratio:.2})", figure.measured);
    Ok(Figure { measured, ..figure }
        .value("ratio", ratio)
        .goal("≥ 0.5 of the echo", ratio >= 0.5))
}

/// One event to one webhook, one call each.
pub(super) async fn unary(lab: &Lab, callers: usize, span: Duration) -> Outcome<Figure> {
    let run = run(lab, "unary", 1, How::Unary(callers), span).await?;
    let met = run.delivered_per_second() >= 6_000.0;
    let what = format!("1 event → 1 webhook, Emit, {callers} callers");
    Ok(run.figure(&what).goal("≥ 6,000/s", met))
}

/// One event to one webhook by `EmitStream`.
pub(super) async fn stream(lab: &Lab, name: &str, span: Duration) -> Outcome<Run> {
    run(lab, name, 1, How::Stream, span).await
}

/// One event to one webhook, many a call.
pub(super) async fn many(lab: &Lab, ceilings: Option<Ceilings>, how: How, span: Duration) -> Outcome<Figure> {
    let (name, what) = match how {
        How::Batch => ("batch", "1 event → 1 webhook, EmitBatch"),
        _ => ("stream", "1 event → 1 webhook, EmitStream"),
    };
    let run = run(lab, name, 1, how, span).await?;
    let rate = run.delivered_per_second();
    let figure = run.figure(what);
    let Some(ceilings) = ceilings else {
        return Ok(figure.goal("≥ 10,000/s", rate >= 10_000.0));
    };
    let ratio = rate / ceilings.posts;
    let measured = format!("{} ({ratio:.2})", figure.measured);
    Ok(Figure { measured, ..figure }
        .value("ratio", ratio)
        .goal("≥ 10,000/s, ≥ 0.4 of HTTP", rate >= 10_000.0 && ratio >= 0.4))
}

/// What alerts cost: one event to one webhook by `EmitStream`, without alerts, with, and without again.
pub(super) async fn alerts(lab: &Lab, span: Duration) -> Outcome<Figure> {
    let mut runs = Vec::with_capacity(3);
    for (name, event_type) in [
        ("no-alerts", OF_NO_ALERT),
        ("alerts", OF_ALERTS),
        ("no-alerts-again", OF_NO_ALERT),
    ] {
        runs.push(run_of(lab, name, event_type, 1, How::Stream, span).await?);
    }
    let rates: Vec<_> = runs.iter().map(Run::delivered_per_second).collect();
    let ratio = 2.0 * rates[1] / (rates[0] + rates[2]);
    let own = |run: &Run| run.own_each() * 1e6;
    Ok(Figure::new(
        "events that open an alert each, beside events of none",
        format!("{ratio:.2} ×"),
    )
    .details(format!(
        "{:.0}/s between {:.0} and {:.0}/s; own CPU {:.0} µs between {:.0} and {:.0}",
        rates[1],
        rates[0],
        rates[2],
        own(&runs[1]),
        own(&runs[0]),
        own(&runs[2])
    ))
    .value("ratio", ratio)
    .goal("≥ 0.95 ×", ratio >= 0.95))
}

/// One event to nine webhooks.
pub(super) async fn fan_out(lab: &Lab, span: Duration) -> Outcome<(Figure, f64)> {
    let run = run(lab, "nine", 9, How::Stream, span).await?;
    let rate = run.delivered_per_second();
    Ok((
        run.figure("1 event → 9 webhooks, EmitStream")
            .goal("≥ 14,000/s", rate >= 14_000.0),
        rate,
    ))
}
