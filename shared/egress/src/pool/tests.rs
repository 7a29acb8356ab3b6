use chrono::DateTime;

use super::*;

const IDLE: Duration = Duration::from_secs(4);
const BOUNDS: Bounds = Bounds {
    all: 100,
    per_destination: 60,
};

#[derive(Clone)]
struct Fake {
    number: usize,
    open: bool,
    carries_many: bool,
    /// Goes when the connection is closed.
    socket: Arc<()>,
}

impl Reusable for Fake {
    fn is_open(&mut self) -> bool {
        self.open
    }

    fn expires(&self, now: Instant) -> Instant {
        now + IDLE
    }

    fn share(&self) -> Option<Self> {
        (self.carries_many && self.open).then(|| self.clone())
    }
}

fn connection(number: usize) -> Fake {
    Fake {
        number,
        open: true,
        carries_many: false,
        socket: Arc::default(),
    }
}

fn pool() -> Arc<Pool<&'static str, Fake>> {
    Arc::new(Pool::new(BOUNDS))
}

fn key(team: Option<TeamId>, destination: &'static str) -> Key<&'static str> {
    Key { team, destination }
}

fn team() -> Option<TeamId> {
    Some(TeamId::generate(DateTime::UNIX_EPOCH))
}

fn drain(pool: &Pool<&'static str, Fake>, key: &Key<&'static str>) -> Vec<usize> {
    std::iter::from_fn(|| pool.take(key).map(|taken| taken.number)).collect()
}

#[tokio::test]
async fn the_connection_used_last_is_taken_first_and_by_its_own_team_alone() {
    let (pool, ours, theirs) = (pool(), key(team(), "a"), key(team(), "a"));
    for number in 0..3 {
        pool.put(&ours, connection(number));
    }
    assert_eq!(drain(&pool, &theirs), [0; 0]);
    assert_eq!(drain(&pool, &key(ours.team, "b")), [0; 0]);
    assert_eq!(drain(&pool, &ours), [2, 1, 0]);
}

#[tokio::test]
async fn a_team_keeps_as_many_as_are_free_and_leaves_room_for_the_others() {
    let (pool, greedy) = (pool(), team());
    for number in 0..200 {
        let destination = if number % 2 == 0 { "even" } else { "odd" };
        pool.put(&key(greedy, destination), connection(number));
    }
    let modest = key(team(), "a");
    for number in 0..200 {
        pool.put(&modest, connection(number));
    }
    let kept = ["even", "odd"].map(|destination| drain(&pool, &key(greedy, destination)).len());
    assert_eq!(kept, [25, 25]);
    assert_eq!(drain(&pool, &modest).len(), 25);
}

#[tokio::test]
async fn one_destination_has_a_bound_of_its_own() {
    let pool = Arc::new(Pool::new(Bounds {
        per_destination: 2,
        ..BOUNDS
    }));
    let key = key(None, "a");
    for number in 0..5 {
        pool.put(&key, connection(number));
    }
    assert_eq!(drain(&pool, &key), [1, 0]);
}

#[tokio::test]
async fn a_connection_that_has_ended_is_neither_kept_nor_taken() {
    let (pool, key) = (pool(), key(None, "a"));
    let ended = |number| Fake {
        open: false,
        ..connection(number)
    };
    pool.put(&key, ended(0));
    assert!(pool.state.lock().idle.is_empty());
    pool.put(&key, connection(1));
    pool.put(&key, connection(2));
    for idle in pool.state.lock().idle.values_mut() {
        idle[1].connection.open = false;
    }
    assert_eq!(drain(&pool, &key), [1]);
}

#[tokio::test(start_paused = true)]
async fn an_expired_connection_is_not_taken_and_is_closed_soon() {
    let (pool, key) = (pool(), key(None, "a"));
    let idle = connection(0);
    let socket = Arc::downgrade(&idle.socket);
    pool.put(&key, idle);
    tokio::time::sleep(IDLE - Duration::from_millis(1)).await;
    let taken = pool.take(&key).unwrap();
    pool.put(&key, taken);
    tokio::time::sleep(IDLE).await;
    assert!(pool.take(&key).is_none());
    assert!(socket.upgrade().is_none());

    let idle = connection(1);
    let socket = Arc::downgrade(&idle.socket);
    pool.put(&key, idle);
    tokio::time::sleep(IDLE + SWEEP_INTERVAL).await;
    assert!(socket.upgrade().is_none());
    assert!(pool.state.lock().idle.is_empty() && pool.state.lock().sweeper.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_carries_many_requests_stays_until_it_ends_or_is_idle() {
    let (pool, key) = (pool(), key(None, "a"));
    let many = |number| Fake {
        carries_many: true,
        ..connection(number)
    };
    pool.put(&key, many(0));
    pool.put(&key, many(1));
    for _ in 0..5 {
        assert_eq!(pool.take(&key).unwrap().number, 0);
        tokio::time::sleep(IDLE - Duration::from_millis(1)).await;
    }
    for idle in pool.state.lock().idle.values_mut() {
        idle[0].connection.open = false;
    }
    assert!(pool.take(&key).is_none());
    pool.put(&key, many(2));
    tokio::time::sleep(IDLE).await;
    assert!(pool.take(&key).is_none());
}
