//! A mountain of waiting deliveries: what it costs in memory, whether others feel it, and how it drains. It is made by
//! endpoints that are sent one request a second, and drains once they are sent as many as they take.

use std::time::Duration;

use watchbell_testkit::WebhookReceiver;

use super::Progress;
use super::lab::Lab;
use super::latency::Watched;
use super::load::{How, Until};
use super::meter::{self, Sampler};
use super::report::Figure;
use super::throughput::{arrived, caller};
use crate::failure::{Failure, Outcome};

const ENDPOINTS: u64 = 9;
/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(100);
/// A drain that stands still for so long has failed.
const STALLED: Duration = Duration::from_secs(60);
/// Of others meanwhile, in events a second.
const MEANWHILE: u32 = 100;
const MIB: f64 = 150.0;

/// Makes it, looks at it, drains it.
pub(super) async fn run(
    lab: &Lab,
    waiting: u64,
    fresh: Option<f64>,
    progress: &Progress,
) -> Outcome<Vec<Figure>> {
    let endpoint = lab
        .endpoint(WebhookReceiver::builder().count_only().without_event_ids())
        .await?;
    let urls: Vec<_> = (0..ENDPOINTS)
        .map(|at| endpoint.url_at(&format!("/e{at}")))
        .collect();
    let team = lab.slow_team("backlog", &urls).await?;
    let events = waiting.div_ceil(ENDPOINTS);
    let total = events * ENDPOINTS;
    let before = meter::resident();
    meter::forget_peak();
    let sampler = Sampler::start(lab.clock.clone());

    progress.say(&format!("{total} deliveries begin to wait"));
    let began = lab.clock.monotonic();
    let emitted = lab
        .load
        .run(caller(lab, &team).emit(How::Stream, Until::Events(events)))
        .await??;
    // Of those that were asked to slow down nobody keeps a copy.
    let total = emitted.accepted * ENDPOINTS;
    let filling = total as f64 / lab.clock.monotonic().saturating_sub(began).as_secs_f64();

    progress.say("others go on meanwhile");
    let watched = Watched::new();
    let other = lab.endpoint(watched.by(lab)).await?;
    let others = lab.team("beside the backlog", &[other.url()]).await?;
    let pacing = caller(lab, &others).emit_paced(MEANWHILE, Duration::from_secs(5));
    let paced = lab.load.run(pacing).await??;
    arrived(&other, paced.accepted).await?;
    let beside = watched.take();
    let held = (meter::resident(), meter::peak(), sampler.curve());

    team.unleash().await?;
    let marks = drain(lab, &endpoint, total, progress).await?;
    let rate = |from: usize, to: usize| {
        let (start, end) = (marks[from], marks[to]);
        (end.1 - start.1) as f64 / (end.0 - start.0).max(1e-3)
    };
    let drained = rate(0, 4);

    let mut memory = Figure::new(format!("memory while {total} deliveries wait"), format!("{:.0} MiB", held.1))
        .goal("≤ 150 MiB, flat", held.1 <= MIB)
        .details(format!(
            "callers and endpoints included; {before:.0} before, {:.0} with all waiting, {:.0} at most while draining",
            held.0,
            meter::peak()
        ))
        .value("before_mib", before)
        .value("waiting_mib", held.0)
        .value("peak_waiting_mib", held.1)
        .value("peak_mib", meter::peak());
    memory.memory_curve = sampler.curve().thinned(24);
    let mut draining = Figure::new(format!("backlog of {total} drains"), format!("{drained:.0}/s"))
        .details(format!(
            "by quarters {:.0}, {:.0}, {:.0}, {:.0}/s; began to wait at {filling:.0}/s",
            rate(0, 1),
            rate(1, 2),
            rate(2, 3),
            rate(3, 4)
        ))
        .value("per_second", drained)
        .value("filled_per_second", filling)
        .value("first_quarter_per_second", rate(0, 1))
        .value("last_quarter_per_second", rate(3, 4));
    if let Some(fresh) = fresh {
        let ratio = drained / fresh;
        draining.measured += &format!(" ({ratio:.2})");
        draining = draining
            .value("ratio", ratio)
            .goal("≥ 0.5 of fresh", ratio >= 0.5);
    }
    let meanwhile = Figure::new(format!("others beside it, {MEANWHILE} events/s"), beside.said())
        .details(format!("{} events to another team's endpoint", beside.count()))
        .value("p50_ms", beside.ms(0.5))
        .value("p99_ms", beside.ms(0.99));
    Ok(vec![memory, meanwhile, draining])
}

/// When (in seconds) how many had arrived: at 5% and at each quarter of what follows up to 95%.
async fn drain(
    lab: &Lab,
    endpoint: &WebhookReceiver,
    total: u64,
    progress: &Progress,
) -> Outcome<Vec<(f64, u64)>> {
    let goals: Vec<u64> = [50, 275, 500, 725, 950]
        .iter()
        .map(|per_mille| total * per_mille / 1000)
        .collect();
    let mut marks = Vec::new();
    let mut last = (0, lab.clock.monotonic());
    loop {
        let arrived = endpoint.count() as u64;
        let now = lab.clock.monotonic();
        while marks.len() < goals.len() && arrived >= goals[marks.len()] {
            marks.push((now.as_secs_f64(), arrived));
        }
        if arrived >= total {
            return Ok(marks);
        }
        if arrived > last.0 {
            last = (arrived, now);
        } else if now.saturating_sub(last.1) > STALLED {
            let missing = total - arrived;
            return Err(Failure::message(format!(
                "the backlog stands still with {missing} of {total} missing"
            )));
        }
        progress.say(&format!("{arrived} of {total} have arrived"));
        tokio::time::sleep(LOOK).await;
    }
}
