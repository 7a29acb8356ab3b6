//! How long it takes from a caller's hand to an endpoint: at a steady pace, and with one endpoint of ten that is slow.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use watchbell_testkit::{Arrival, Behaviour, WebhookReceiver, WebhookReceiverBuilder};

use super::lab::{Lab, Team};
use super::load::{Emitted, emitted_at};
use super::meter::Cpu;
use super::report::{Figure, Latencies};
use super::throughput::{arrived, caller};
use crate::failure::Outcome;

/// The pace of the steady run, in events a second.
const STEADY: u32 = 200;
/// The pace beside the slow endpoint.
const BESIDE_SLOW: u32 = 60;
const ENDPOINTS: usize = 10;
/// How long the slow endpoint takes.
const SLOW: Duration = Duration::from_secs(10);
const SLOW_PATH: &str = "/slow";

/// Latencies as endpoints see them, by the second of arrival.
#[derive(Clone)]
pub(super) struct Watched(Arc<Mutex<BTreeMap<u64, Latencies>>>);

// === impl Watched ===

impl Watched {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    /// A receiver that notes when what it gets was emitted, except on the slow path.
    pub(super) fn by(&self, lab: &Lab) -> WebhookReceiverBuilder {
        let (clock, times) = (lab.clock.clone(), self.clone());
        WebhookReceiver::builder()
            .count_only()
            .without_event_ids()
            .on_arrival(move |arrival| {
                let now = clock.monotonic();
                if arrival.path != SLOW_PATH
                    && let Some(at) = emitted(arrival)
                {
                    times
                        .lock()
                        .entry(now.as_secs())
                        .or_insert_with(Latencies::new)
                        .record(now.saturating_sub(at));
                }
            })
    }

    /// What was noted since the last time.
    pub(super) fn take(&self) -> Latencies {
        all(&self.take_by_second())
    }

    fn take_by_second(&self) -> Vec<Latencies> {
        std::mem::take(&mut *self.lock()).into_values().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Latencies>> {
        self.0.lock()
    }
}

fn all(seconds: &[Latencies]) -> Latencies {
    let mut all = Latencies::new();
    seconds.iter().for_each(|second| all.add(second));
    all
}

/// The p99 of the second in the middle, in milliseconds: a disk that stands still for a moment spoils one or two.
fn middle_p99(seconds: &[Latencies]) -> f64 {
    let mut each: Vec<f64> = seconds.iter().map(|second| second.ms(0.99)).collect();
    each.sort_by(f64::total_cmp);
    each.get(each.len() / 2).copied().unwrap_or(0.0)
}

fn emitted(arrival: &Arrival<'_>) -> Option<Duration> {
    arrival
        .headers
        .get("webhook-id")
        .and_then(|id| emitted_at(id.to_str().ok()?))
}

async fn pace(lab: &Lab, team: &Team, per_second: u32, span: Duration) -> Outcome<Emitted> {
    lab.load
        .run(caller(lab, team).emit_paced(per_second, span))
        .await?
}

/// From the call to the endpoint, unhurried.
pub(super) async fn steady(lab: &Lab, span: Duration) -> Outcome<Figure> {
    let watched = Watched::new();
    let endpoint = lab.endpoint(watched.by(lab)).await?;
    let team = lab.team("steady", &[endpoint.url()]).await?;
    let warm = pace(lab, &team, STEADY, Duration::from_secs(1)).await?;
    arrived(&endpoint, warm.accepted).await?;
    endpoint.clear();
    watched.take();
    let cpu = Cpu::now();
    let emitted = pace(lab, &team, STEADY, span).await?;
    arrived(&endpoint, emitted.accepted).await?;
    let cpu = Cpu::since(&cpu);
    let times = watched.take();
    let met = times.ms(0.5) <= 2.0 && times.ms(0.99) <= 5.0;
    Ok(
        Figure::new(format!("end to end at {STEADY} events/s"), times.said())
            .goal("p50 ≤ 2 ms, p99 ≤ 5 ms", met)
            .details(format!(
                "{} events, p99.9 {:.1} ms; answers {}",
                times.count(),
                times.ms(0.999),
                emitted.answers.said()
            ))
            .value("p50_ms", times.ms(0.5))
            .value("p99_ms", times.ms(0.99))
            .value("p999_ms", times.ms(0.999))
            .value("answer_p50_ms", emitted.answers.ms(0.5))
            .value("answer_p99_ms", emitted.answers.ms(0.99))
            .cpu(&cpu, emitted.accepted),
    )
}

/// Nine healthy endpoints, and a tenth that takes ten seconds for a while. Before and after it is healthy, too: tables
/// that have grown meanwhile are no fault of the slow one.
pub(super) async fn slow_endpoint(lab: &Lab, span: Duration) -> Outcome<Figure> {
    let watched = Watched::new();
    let endpoint = lab.endpoint(watched.by(lab)).await?;
    let mut urls: Vec<_> = (1..ENDPOINTS)
        .map(|at| endpoint.url_at(&format!("/e{at}")))
        .collect();
    urls.push(endpoint.url_at(SLOW_PATH));
    let team = lab.team("slow", &urls).await?;
    let healthy = async |span| {
        endpoint.clear();
        watched.take();
        let emitted = pace(lab, &team, BESIDE_SLOW, span).await?;
        arrived(&endpoint, emitted.accepted * ENDPOINTS as u64).await?;
        Outcome::Ok(watched.take_by_second())
    };
    healthy(Duration::from_secs(1)).await?;

    let before = healthy(span).await?;
    endpoint.clear();
    endpoint.behave_at(SLOW_PATH, Behaviour::delayed(SLOW));
    let emitted = pace(lab, &team, BESIDE_SLOW, span).await?;
    // What is healthy by now has arrived, but for the last few.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let with = watched.take_by_second();
    let missing = (emitted.accepted * (ENDPOINTS as u64 - 1)).saturating_sub(all(&with).count());
    endpoint.behave_at(SLOW_PATH, Behaviour::ok());
    arrived(&endpoint, emitted.accepted * ENDPOINTS as u64).await?;
    let after = healthy(span).await?;

    let [before_ms, with_ms, after_ms] = [&before, &with, &after].map(|seconds| middle_p99(seconds));
    let ratio = with_ms / ((before_ms + after_ms) / 2.0);
    let (in_all, in_all_before) = (all(&with), all(&before));
    Ok(Figure::new(
        format!("1 of {ENDPOINTS} endpoints takes 10 s, {BESIDE_SLOW} events/s"),
        format!("p99 × {ratio:.2}"),
    )
    .goal("≤ 1.2 of that without", ratio <= 1.2 && missing == 0)
    .details(format!(
        "the others' p99 in the middle of all seconds: {with_ms:.2} ms beside it, {before_ms:.2} ms before, \
         {after_ms:.2} ms after; in all {} beside it, {} before, {missing} not there in time",
        in_all.said(),
        in_all_before.said()
    ))
    .value("ratio", ratio)
    .value("p50_ms", in_all.ms(0.5))
    .value("p99_ms", in_all.ms(0.99))
    .value("p50_ms_before", in_all_before.ms(0.5))
    .value("p99_ms_before", in_all_before.ms(0.99))
    .value("middle_p99_ms", with_ms)
    .value("middle_p99_ms_before", before_ms)
    .value("middle_p99_ms_after", after_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_in_which_the_disk_stood_still_does_not_count() {
        let second = |slowest: u64| {
            let mut latencies = Latencies::new();
            (1..=100).for_each(|_| latencies.record(Duration::from_millis(slowest)));
            latencies
        };
        let seconds: Vec<_> = [3, 100, 2, 4, 3].map(second).into();
        assert_eq!(middle_p99(&seconds).round(), 3.0);
        assert_eq!(all(&seconds).count(), 500);
        assert_eq!(middle_p99(&[]), 0.0);
    }
}
