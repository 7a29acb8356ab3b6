//! What another team notices while one team attacks: its events go on being accepted, and soon.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rustix::process::setpriority_process;
use rustix::thread::gettid;
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use watchbell_contracts::config::v1::Scope;
use watchbell_model::clock::{Clock as _, SystemClock};
use watchbell_testkit::{NameServer, WebhookReceiver};

use crate::harness::database::{on_postgres, on_sqlite};
use crate::harness::{Client, Database, Process, Serve, eventually, finding};

/// The most memory that the process may ever have, in bytes: what a small container has. The operating system gives it no
/// more.
const MEMORY: u64 = 1024 * 1024 * 1024;
/// Bound of the victim's latencies where it is asked for: all but one of a hundred.
const LATENCY: Duration = Duration::from_millis(50);
/// Pause between two events of the victim.
const PAUSE: Duration = Duration::from_millis(10);
/// How long an attack goes on, unless the environment says otherwise.
const BRIEFLY: Duration = Duration::from_secs(2);
/// Niceness of an attacker's threads.
const LOW: i32 = 15;
/// Names in it are never answered for; all others lead to loopback.
pub(super) const SILENT_ZONE: &str = "silent.example";

/// A team that means harm.
pub(super) struct Attacker {
    pub(super) process: Process,
    pub(super) team: String,
    /// A key that may do everything in the team.
    pub(super) client: Client,
    refusals: Mutex<Vec<Status>>,
}

/// A team that emits all the while.
struct Victim {
    stop: CancellationToken,
    emitting: std::thread::JoinHandle<Vec<Duration>>,
}

/// Repeats `round` for a while, and sees that nobody else is hurt.
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers write both as closures in place"
)]
pub(super) fn withstands(prepare: impl AsyncFn(&Attacker), round: impl AsyncFn(&Attacker) + Sync) {
    let _turn = turn();
    on_sqlite(async |database| siege(&database, &prepare, &round).await);
}

/// The same on PostgreSQL.
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers write both as closures in place"
)]
pub(super) fn withstands_on_postgres(
    prepare: impl AsyncFn(&Attacker),
    round: impl AsyncFn(&Attacker) + Sync,
) {
    let _turn = turn();
    on_postgres(async |database| siege(&database, &prepare, &round).await);
}

/// One at a time: what is measured is one attack.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock()
}

async fn siege(
    database: &Database,
    prepare: &impl AsyncFn(&Attacker),
    round: &(impl AsyncFn(&Attacker) + Sync),
) {
    let names =
        NameServer::start(|name| (!name.ends_with(SILENT_ZONE)).then(|| vec![Ipv4Addr::LOCALHOST])).unwrap();
    let serve = Serve::all(database).memory(MEMORY);
    let serve = serve.env("WATCHBELL__EGRESS__NAME_SERVERS", names.address().to_string());
    let process = serve.start().await;
    let admin = Client::admin(&process);
    let (loud, quiet) = (admin.team("Loud").await, admin.team("Quiet").await);
    let scopes = [
        Scope::Emit,
        Scope::ConfigWrite,
        Scope::DeliveriesWrite,
        Scope::Inbox,
    ];
    let key = admin.key(&process, &quiet, &[Scope::Emit]).await;
    let attacker = Attacker {
        client: admin.key(&process, &loud, &scopes).await,
        process,
        team: loud,
        refusals: Mutex::default(),
    };
    let receiver = WebhookReceiver::builder().count_only().start().await.unwrap();
    let url = receiver.url().replace("127.0.0.1", "receiver.example");
    admin.webhook(&quiet, "siem", &url, &["*"]).await;
    for number in 0..50 {
        key.emit(&quiet, finding(&format!("before-{number}")))
            .await
            .unwrap();
    }
    prepare(&attacker).await;
    let victim = Victim::start(&key, &attacker.process, quiet.clone());
    let attacker = attacker.attack(round);
    let latencies = victim.stop();
    key.emit(&quiet, finding("afterwards")).await.unwrap();
    let emitted = 50 + latencies.len() + 1;
    eventually("the victim's events arrive", async || {
        (receiver.distinct_events() == emitted).then_some(())
    })
    .await;
    let memory = attacker.process.peak_memory();
    let worst = percentile(&latencies, 99);
    println!(
        "{} events of the victim: p50 {:?}, p99 {worst:?}; {} MiB at most; {}",
        latencies.len(),
        percentile(&latencies, 50),
        memory / 1024 / 1024,
        attacker.refused(),
    );
    attacker.was_refused_properly();
    assert!(memory < MEMORY, "it took {} MiB", memory / 1024 / 1024);
    if duration().is_some() {
        assert!(worst < LATENCY, "p99 of the victim's Emit: {worst:?}");
    }
}

/// So many when the attack is in earnest, and a tenth of it when it is brief.
pub(super) fn many(count: usize) -> usize {
    if duration().is_some() { count } else { count / 10 }
}

/// How long attacks go on when their times are judged, too: `WATCHBELL_TEST_ATTACK_SECONDS`.
fn duration() -> Option<Duration> {
    let seconds = std::env::var("WATCHBELL_TEST_ATTACK_SECONDS").ok()?;
    Some(Duration::from_secs(seconds.parse().expect("a number of seconds")))
}

fn lower_priority() {
    setpriority_process(Some(gettid()), LOW).expect("anybody may be nice");
}

fn percentile(latencies: &[Duration], percent: usize) -> Duration {
    let mut sorted = latencies.to_vec();
    sorted.sort_unstable();
    *sorted
        .get(sorted.len() * percent / 100)
        .expect("the victim emitted")
}

// === impl Attacker ===

impl Attacker {
    /// Repeats `round` for a while, from threads and connections of its own. The threads have a low priority: what an
    /// attacker does takes no processor time from whom it attacks, since it has machines of its own.
    fn attack(mut self, round: &(impl AsyncFn(&Self) + Sync)) -> Self {
        let attack = move || {
            lower_priority();
            let runtime = Builder::new_multi_thread()
                .worker_threads(2)
                .on_thread_start(lower_priority)
                .enable_all()
                .build()
                .expect("an attacker has threads");
            runtime.block_on(async {
                self.client = self.client.at(&self.process);
                // What is under way when the time is over is dropped, as an attacker's connections are.
                let _ = tokio::time::timeout(duration().unwrap_or(BRIEFLY), async {
                    loop {
                        round(&self).await;
                    }
                })
                .await;
            });
            self
        };
        std::thread::scope(|scope| scope.spawn(attack).join()).expect("the attack goes on to its end")
    }

    /// Notes a refusal, to be judged afterwards.
    pub(super) fn note<T>(&self, answer: Result<T, Status>) {
        if let Err(status) = answer {
            self.refusals.lock().push(status);
        }
    }

    /// How often it was refused, and how.
    fn refused(&self) -> String {
        let mut counts = BTreeMap::<String, usize>::new();
        for status in &*self.refusals.lock() {
            *counts.entry(format!("{:?}", status.code())).or_default() += 1;
        }
        format!("refusals: {counts:?}")
    }

    /// Every refusal says what the caller did, or when to come again. What the attacker's own end broke off says neither.
    fn was_refused_properly(&self) {
        for status in &*self.refusals.lock() {
            let fine = match status.code() {
                Code::InvalidArgument
                | Code::NotFound
                | Code::AlreadyExists
                | Code::FailedPrecondition
                | Code::ResourceExhausted
                | Code::DeadlineExceeded
                | Code::Unauthenticated
                | Code::PermissionDenied
                | Code::Unavailable => !status.details().is_empty(),
                _ => false,
            };
            assert!(fine, "not an answer that helps its caller: {status:?}");
        }
    }
}

// === impl Victim ===

impl Victim {
    /// Emits from a thread and a connection of its own: the attacker's tasks are no part of what is measured.
    fn start(client: &Client, process: &Process, team: String) -> Self {
        let stop = CancellationToken::new();
        let (stopped, client) = (stop.clone(), client.at(process));
        let emitting = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            runtime
                .expect("a thread has a runtime")
                .block_on(emit_until(&stopped, &client, &team))
        });
        Self { stop, emitting }
    }

    fn stop(self) -> Vec<Duration> {
        self.stop.cancel();
        self.emitting.join().expect("the victim emitted to the end")
    }
}

/// Emits one event after the other; how long each took.
async fn emit_until(stop: &CancellationToken, client: &Client, team: &str) -> Vec<Duration> {
    let clock = SystemClock::new();
    let mut latencies = Vec::new();
    while !stop.is_cancelled() {
        let id = format!("meanwhile-{}", latencies.len());
        let before = clock.monotonic();
        let emitted = client.emit(team, finding(&id)).await;
        emitted.expect("nobody is refused for another team's sake");
        latencies.push(clock.monotonic() - before);
        tokio::time::sleep(PAUSE).await;
    }
    latencies
}

/// Does `one` for each number at once.
pub(super) async fn at_once<T>(count: usize, one: impl AsyncFn(usize) -> T) -> Vec<T> {
    futures::future::join_all((0..count).map(|number| one(number))).await
}
