//! Callers: backends that emit, each way there is, over real connections. They are told to slow down like anybody, and
//! do; any other refusal ends the run, because a figure over errors means nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::try_join_all;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status};
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::event::v1::{Event, Severity};
use watchbell_contracts::router::v1::emit_result::Outcome as Ending;
use watchbell_contracts::router::v1::{EmitBatchRequest, EmitRequest, EmitResult, EmitStreamRequest};
use watchbell_model::clock::SharedClock;
use watchbell_model::secret::Secret;

use super::report::Latencies;
use crate::failure::{Failure, Outcome};
use crate::local;
use crate::session::{Out, Session};

/// Bytes of an event's data.
pub(super) const PAYLOAD: usize = 1024;
/// Connections that callers share.
const CONNECTIONS: usize = 4;
/// The type of events that open an alert each.
pub(super) const OF_ALERTS: &str = "finding.created";
/// The type of events that belong to no alert.
pub(super) const OF_NO_ALERT: &str = "scan.started";
/// Events of one stream whose answers are awaited.
const WINDOW: usize = 512;
/// Events of one batch, and batches at a time.
const BATCH: usize = 100;
const BATCHES_AT_ONCE: usize = 8;
/// After being told to slow down.
const SLOWER: Duration = Duration::from_millis(10);

/// How events are emitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// By this many callers, each one after the other.
    Unary(usize),
    /// Over one stream for each connection.
    Stream,
    /// A hundred at a time.
    Batch,
}

/// For how long.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    After(Duration),
    /// So many events.
    Events(u64),
}

/// Whose events, and where to.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) url: String,
    pub(super) key: Secret,
    /// Of which type.
    pub(super) event_type: &'static str,
    pub(super) out: Out,
    pub(super) clock: SharedClock,
}

/// What was emitted.
#[derive(Debug)]
pub(super) struct Emitted {
    /// On disk, as the server says.
    pub(super) accepted: u64,
    /// Times it asked to slow down.
    pub(super) slowed: u64,
    /// Of unary calls.
    pub(super) answers: Latencies,
}

/// Makes events, and knows when to end.
struct Source {
    clock: SharedClock,
    event_type: &'static str,
    data: Bytes,
    end: Option<Duration>,
    left: AtomicU64,
    made: AtomicU64,
    slowed: AtomicU64,
}

// === impl Source ===

impl Source {
    fn new(caller: &Caller, until: Until) -> Arc<Self> {
        let clock = caller.clock.clone();
        let (end, left) = match until {
            Until::After(duration) => (Some(clock.monotonic() + duration), u64::MAX),
            Until::Events(events) => (None, events),
        };
        Arc::new(Self {
            clock,
            event_type: caller.event_type,
            data: data(),
            end,
            left: AtomicU64::new(left),
            made: AtomicU64::new(0),
            slowed: AtomicU64::new(0),
        })
    }

    /// The next event, until the end.
    fn next(&self) -> Option<Event> {
        if self.end.is_some_and(|end| self.clock.monotonic() >= end) {
            return None;
        }
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .ok()?;
        Some(self.event())
    }

    fn event(&self) -> Event {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let id = event_id(self.clock.monotonic(), number);
        event(self.event_type, id, self.data.clone())
    }

    /// The server asked to slow down: waits. Any other error ends the run.
    async fn slow_down(&self, status: Status) -> Result<(), Status> {
        if !matches!(status.code(), Code::ResourceExhausted | Code::Unavailable) {
            return Err(status);
        }
        self.slowed.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(SLOWER).await;
        Ok(())
    }
}

/// An id that tells when the event was emitted, for [`emitted_at`].
fn event_id(at: Duration, number: u64) -> String {
    format!("{}-{number}", at.as_micros())
}

/// When an event with such an id was emitted.
pub(super) fn emitted_at(id: &str) -> Option<Duration> {
    id.split_once('-')
        .and_then(|(micros, _)| micros.parse().ok())
        .map(Duration::from_micros)
}

/// One that nobody hears of unasked.
pub(super) fn event(event_type: &str, id: String, data: Bytes) -> Event {
    Event {
        // Each is of a finding of its own.
        dedup_key: if event_type == OF_ALERTS {
            id.clone()
        } else {
            String::new()
        },
        id,
        r#type: event_type.to_owned(),
        severity: Severity::Medium as i32,
        source: "cspm".to_owned(),
        title: "Bucket customer-exports is readable by everybody".to_owned(),
        url: "https://console.example.com/findings/fnd-2041".to_owned(),
        subject: "customer-exports".to_owned(),
        payload: Some(Payload::DataJson(data)),
        ..Event::default()
    }
}

/// A finding of exactly [`PAYLOAD`] bytes of JSON.
pub(super) fn data() -> Bytes {
    let facts = r#"{"finding_id":"fnd-2041","resource":"arn:aws:s3:::customer-exports","resource_type":"s3_bucket","score":9.1,"scan_id":"scn-881","rule":"s3-public-read","account":"prod-eu","region":"eu-central-1","owner":"data-platform","evidence":[{"policy":"public-read","principal":"*","action":"s3:GetObject"},{"policy":"public-list","principal":"*","action":"s3:ListBucket"}],"remediation":""#;
    let advice = "Block public access on the bucket, and grant the exporting role alone. ";
    let room = PAYLOAD.saturating_sub(facts.len() + 2);
    let text: String = advice.chars().cycle().take(room).collect();
    format!("{facts}{text}\"}}").into()
}

impl Caller {
    async fn connect(&self) -> Outcome<Session> {
        local::connect(&self.url, &self.key, self.out).await
    }

    /// Emits as fast as it is taken.
    pub(super) async fn emit(self, how: How, until: Until) -> Outcome<Emitted> {
        let source = Source::new(&self, until);
        let mut sessions = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            sessions.push(Arc::new(self.connect().await?));
        }
        let share = |at: usize| (Arc::clone(&sessions[at % CONNECTIONS]), Arc::clone(&source));
        let mut tasks = Vec::new();
        match how {
            How::Unary(callers) => {
                for caller in 0..callers {
                    let (session, source) = share(caller);
                    tasks.push(tokio::spawn(async move { one_by_one(&session, &source).await }));
                }
            }
            How::Stream => {
                for stream in 0..CONNECTIONS {
                    let (session, source) = share(stream);
                    tasks.push(tokio::spawn(async move { one_stream(&session, source).await }));
                }
            }
            How::Batch => {
                for batcher in 0..BATCHES_AT_ONCE {
                    let (session, source) = share(batcher);
                    tasks.push(tokio::spawn(async move { batches(&session, &source).await }));
                }
            }
        }
        let mut all = Emitted {
            accepted: 0,
            slowed: 0,
            answers: Latencies::new(),
        };
        for ended in try_join_all(tasks).await.map_err(anyhow::Error::from)? {
            let (accepted, answers) = ended?;
            all.accepted += accepted;
            all.answers.add(&answers);
        }
        all.slowed = source.slowed.load(Ordering::Relaxed);
        Ok(all)
    }

    /// Emits so many events a second, whether or not the ones before are answered.
    pub(super) async fn emit_paced(self, per_second: u32, duration: Duration) -> Outcome<Emitted> {
        let source = Source::new(&self, Until::After(duration));
        let mut sessions = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            sessions.push(self.connect().await?);
        }
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second.max(1));
        let mut calls = Vec::new();
        while source.end.is_some_and(|end| self.clock.monotonic() < end) {
            ticks.tick().await;
            let mut router = sessions[calls.len() % CONNECTIONS].router();
            let (source, clock) = (Arc::clone(&source), self.clock.clone());
            calls.push(tokio::spawn(async move {
                let event = Some(source.event());
                let began = clock.monotonic();
                router
                    .emit(Request::new(EmitRequest {
                        team_id: String::new(),
                        event,
                    }))
                    .await?;
                Ok::<_, Status>(clock.monotonic().saturating_sub(began))
            }));
        }
        let mut all = Emitted {
            accepted: 0,
            slowed: 0,
            answers: Latencies::new(),
        };
        for call in calls {
            all.answers.record(call.await.map_err(anyhow::Error::from)??);
            all.accepted += 1;
        }
        Ok(all)
    }
}

async fn one_by_one(session: &Session, source: &Source) -> Outcome<(u64, Latencies)> {
    let mut router = session.router();
    let mut answers = Latencies::new();
    let mut accepted = 0;
    while let Some(event) = source.next() {
        let request = EmitRequest {
            team_id: String::new(),
            event: Some(event),
        };
        loop {
            let began = source.clock.monotonic();
            match router.emit(session.ask(request.clone())).await {
                Ok(_) => {
                    answers.record(source.clock.monotonic().saturating_sub(began));
                    accepted += 1;
                    break;
                }
                Err(status) => source.slow_down(status).await?,
            }
        }
    }
    Ok((accepted, answers))
}

async fn one_stream(session: &Session, source: Arc<Source>) -> Outcome<(u64, Latencies)> {
    let window = Arc::new(Semaphore::new(WINDOW));
    let (requests, outgoing) = mpsc::channel(WINDOW);
    let (feeding, room) = (Arc::clone(&source), Arc::clone(&window));
    let feeder = tokio::spawn(async move {
        // The window is never closed, so the first error is the end of the stream.
        while let Ok(permit) = room.acquire().await {
            permit.forget();
            let Some(event) = feeding.next() else { return };
            let request = EmitStreamRequest {
                team_id: String::new(),
                event: Some(event),
            };
            if requests.send(request).await.is_err() {
                return;
            }
        }
    });
    let mut router = session.router();
    let mut answers = router
        .emit_stream(Request::new(ReceiverStream::new(outgoing)))
        .await?
        .into_inner();
    let mut accepted = 0;
    while let Some(answer) = answers.next().await {
        window.add_permits(1);
        accepted += count(answer?.result, &source)?;
    }
    feeder.await.map_err(anyhow::Error::from)?;
    Ok((accepted, Latencies::new()))
}

async fn batches(session: &Session, source: &Source) -> Outcome<(u64, Latencies)> {
    let mut router = session.router();
    let mut answers = Latencies::new();
    let mut accepted = 0;
    loop {
        let events: Vec<_> = std::iter::from_fn(|| source.next()).take(BATCH).collect();
        if events.is_empty() {
            return Ok((accepted, answers));
        }
        let request = EmitBatchRequest {
            team_id: String::new(),
            events,
        };
        let began = source.clock.monotonic();
        let results = router
            .emit_batch(session.ask(request))
            .await?
            .into_inner()
            .results;
        answers.record(source.clock.monotonic().saturating_sub(began));
        for result in results {
            accepted += count(Some(result), source)?;
        }
    }
}

/// 1 for what was accepted, 0 for what was too much at the time.
fn count(result: Option<EmitResult>, source: &Source) -> Outcome<u64> {
    match result.and_then(|result| result.outcome) {
        Some(Ending::Accepted(_)) => Ok(1),
        Some(Ending::Refused(status))
            if [Code::ResourceExhausted as i32, Code::Unavailable as i32].contains(&status.code) =>
        {
            source.slowed.fetch_add(1, Ordering::Relaxed);
            Ok(0)
        }
        Some(Ending::Refused(status)) => Err(Failure::message(status.message)),
        None => Err(Failure::message("the server's answer is empty")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_is_json_of_the_size_that_is_promised() {
        let data = data();
        assert_eq!(data.len(), PAYLOAD);
        let read: serde_json::Value = serde_json::from_slice(&data).unwrap();
        assert_eq!(read["finding_id"], "fnd-2041");
    }

    #[test]
    fn an_id_tells_when_its_event_was_emitted() {
        let at = Duration::from_micros(1_234_567);
        assert_eq!(emitted_at(&event_id(at, 9)), Some(at));
        assert_eq!(emitted_at("evt_1"), None);
    }
}
