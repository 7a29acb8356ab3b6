//! Replicas of the Dispatcher under a scheduler that a seed drives: the real loops, lanes and statements on a real
//! database, where every turn, every step into the database and every answer from it waits to be granted. What goes
//! wrong on the way (lost connections, lost answers, crashes, pauses, clocks that differ) is drawn from the same seed,
//! and so is time. Afterwards nothing goes wrong any more, and everything must come to rest: see `checks`.
//!
//! A schedule that breaks a promise prints its seed and what happened. `WATCHBELL_SIMULATION_SEED=…` runs that one
//! again, `WATCHBELL_SIMULATION_SCHEDULES=1000000 cargo test --workspace --release --lib simulation` runs more, and on
//! PostgreSQL a fiftieth of them.
//!
//! What it does not see: loops of one replica that run at the very same time (each runs from one wait to the next), and
//! transactions that run into one another's locks (they come one after the other).

mod alerts;
mod checks;
mod clients;
mod cluster;
mod fault_profile;
mod replica;
mod rng;
mod scheduler;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use sea_orm::ConnectionTrait;
use tempfile::TempDir;
use uuid::Uuid;
use watchbell_store::{DatabaseSettings, Store};

use self::cluster::Cluster;
use crate::store::Migrator;

pub(crate) use scheduler::{database_now, step};

/// Schedules that every test run looks at; `.ci/run` looks at more.
const SCHEDULES: u64 = 1_000;
/// The part of them that is looked at on PostgreSQL, too, whose statements are others and whose commits are slow.
const ON_POSTGRES: u64 = 50;

/// A schedule that broke a promise.
struct Broken {
    seed: u64,
    why: String,
    trace: Vec<String>,
}

/// Seeds to look at, shared by threads.
struct Search {
    first: u64,
    next: AtomicU64,
    end: AtomicU64,
    steps: AtomicUsize,
    broken: Mutex<Vec<Broken>>,
}

// === impl Search ===

impl Search {
    /// All that are asked for, or one in so many.
    fn new(part: u64) -> Self {
        let given = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
        let (first, count) = match given("WATCHBELL_SIMULATION_SEED") {
            Some(seed) => (seed, 1),
            None => (
                0,
                given("WATCHBELL_SIMULATION_SCHEDULES").unwrap_or(SCHEDULES) / part,
            ),
        };
        Self {
            first,
            next: AtomicU64::new(first),
            end: AtomicU64::new(first.saturating_add(count)),
            steps: AtomicUsize::new(0),
            broken: Mutex::default(),
        }
    }

    /// Runs one schedule after the other until there are none, or one has broken a promise.
    async fn go(&self, store: &Store) {
        loop {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.end.load(Ordering::Relaxed) {
                return;
            }
            let mut cluster = Cluster::new(store, seed);
            let result = cluster.run().await;
            self.steps.fetch_add(cluster.steps, Ordering::Relaxed);
            if let Err(why) = result {
                self.end.store(0, Ordering::Relaxed);
                let trace = cluster.trace;
                self.broken.lock().push(Broken { seed, why, trace });
            }
        }
    }

    fn conclude(self) {
        let broken = self.broken.into_inner();
        if let Some(Broken { seed, why, trace }) = broken.into_iter().min_by_key(|broken| broken.seed) {
            let trace = trace.join("\n");
            panic!("{trace}\n\n{why}\n\nTo see it again: WATCHBELL_SIMULATION_SEED={seed}");
        }
        let count = self.end.into_inner() - self.first;
        println!("{count} schedules, {} steps", self.steps.into_inner());
    }
}

#[test]
fn no_schedule_breaks_a_promise() {
    let search = Search::new(1);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| on_one_thread(search_on_sqlite(&search)));
        }
    });
    search.conclude();
}

#[test]
fn no_schedule_breaks_a_promise_on_postgres() {
    let search = Search::new(ON_POSTGRES);
    on_one_thread(search_on_postgres(&search));
    search.conclude();
}

async fn search_on_sqlite(search: &Search) {
    // Nothing here is to survive, so memory will do for a disk where there is one.
    let memory = std::path::Path::new("/dev/shm");
    let directory = match memory.is_dir() {
        true => TempDir::new_in(memory),
        false => TempDir::new(),
    };
    let directory = directory.unwrap();
    let settings = DatabaseSettings::sqlite(directory.path().join("simulation.db"));
    search_on(search, settings).await;
}

async fn search_on_postgres(search: &Search) {
    let Some((url, admin)) = watchbell_store::testing::postgres().await else {
        return;
    };
    let schema = format!("wbt_{}", Uuid::new_v4().simple());
    search_on(search, DatabaseSettings::postgres(url, &schema)).await;
    let drop = format!("DROP SCHEMA IF EXISTS \"{schema}\" CASCADE");
    admin.execute_unprepared(&drop).await.unwrap();
}

async fn search_on(search: &Search, settings: DatabaseSettings) {
    let settings = settings.with_pool_size(4);
    let store = watchbell_store::connect(&settings).await.unwrap();
    store.migrate::<Migrator>().await.unwrap();
    search.go(&store).await;
    store.close().await.unwrap();
}

/// So that the seed decides everything.
fn on_one_thread(run: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run);
}
