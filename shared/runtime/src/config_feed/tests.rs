use parking_lot::Mutex;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use watchbell_contracts::api::{BoxStream, boxed};
use watchbell_contracts::config::v1::{FollowChangesRequest, FollowChangesResponse};
use watchbell_model::ids::TeamId;

use super::*;
use crate::problem::{Problem, reason};
use crate::tasks::Loop as _;
use crate::testing::ManualClock;

type Answer<T> = Result<Response<T>, Status>;
type Opened = Result<Stream, Status>;

/// A Config whose feed is the test's.
struct Config {
    opening: tokio::sync::Mutex<mpsc::UnboundedReceiver<Opened>>,
}

/// The test's ends of one stream.
struct Stream {
    requests: mpsc::UnboundedSender<FollowChangesRequest>,
    answers: mpsc::UnboundedReceiver<Result<FollowChangesResponse, Status>>,
}

struct Open {
    requests: mpsc::UnboundedReceiver<FollowChangesRequest>,
    answers: mpsc::UnboundedSender<Result<FollowChangesResponse, Status>>,
}

struct World {
    feed: ConfigFeed,
    readiness: Readiness,
    opening: mpsc::UnboundedSender<Opened>,
    shutdown: CancellationToken,
    running: Mutex<Option<JoinHandle<()>>>,
}

// === impl World ===

impl World {
    fn new() -> Self {
        let (opening, next) = mpsc::unbounded_channel();
        let config = Config {
            opening: tokio::sync::Mutex::new(next),
        };
        let readiness = Readiness::new();
        let (feed, follower) = ConfigFeed::new(Arc::new(config), &readiness, ManualClock::shared());
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(follower.run(shutdown.clone()));
        Self {
            feed,
            readiness,
            opening,
            shutdown,
            running: Mutex::new(Some(running)),
        }
    }

    /// The next attempt to open the feed succeeds. Where it begins.
    async fn opens(&self) -> (Open, FollowChangesRequest) {
        let (requests, mut asked) = mpsc::unbounded_channel();
        let (answered, answers) = mpsc::unbounded_channel();
        self.opening.send(Ok(Stream { requests, answers })).unwrap();
        let first = asked.recv().await.unwrap();
        let open = Open {
            requests: asked,
            answers: answered,
        };
        (open, first)
    }

    fn refuses(&self, status: Status) {
        self.opening.send(Err(status)).unwrap();
    }

    async fn until(&self, link: Link) {
        self.feed
            .link
            .subscribe()
            .wait_for(|held| *held == link)
            .await
            .unwrap();
    }

    async fn stop(self) {
        self.shutdown.cancel();
        let running = self.running.lock().take().unwrap();
        running.await.unwrap();
    }
}

// === impl Open ===

impl Open {
    /// Answers, and the acknowledgement that comes for it.
    async fn tells(&mut self, answer: FollowChangesResponse) -> i64 {
        self.answers.send(Ok(answer)).unwrap();
        self.requests.recv().await.unwrap().cursor
    }
}

fn changes(cursor: i64, teams: &[TeamId]) -> FollowChangesResponse {
    FollowChangesResponse {
        cursor,
        nonce: format!("nonce of {cursor}"),
        team_ids: teams.iter().map(ToString::to_string).collect(),
        ..FollowChangesResponse::default()
    }
}

fn team(number: u128) -> TeamId {
    format!("team_{number:026}").parse().unwrap()
}

#[tokio::test]
async fn a_change_is_known_before_it_is_acknowledged_and_concerns_its_team_alone() {
    let world = World::new();
    let (mut open, first) = world.opens().await;
    assert_eq!(first.cursor, 0);
    assert_eq!(open.tells(changes(10, &[])).await, 10);
    let mark = world.feed.mark();
    assert_eq!(open.tells(changes(11, &[team(1)])).await, 11);
    assert!(!world.feed.is_current(Some(team(1)), mark) && world.feed.is_current(Some(team(2)), mark));
    assert!(world.feed.is_current(Some(team(1)), world.feed.mark()));
    let keys = FollowChangesResponse {
        platform_keys_changed: true,
        ..changes(12, &[])
    };
    open.tells(keys).await;
    assert!(!world.feed.is_current(None, mark) && world.feed.is_current(Some(team(2)), mark));
    world.stop().await;
}

#[tokio::test]
async fn a_feed_that_breaks_goes_on_where_it_left_off_and_until_then_nobody_decides() {
    let world = World::new();
    let (mut open, _) = world.opens().await;
    open.tells(changes(10, &[])).await;
    let mark = world.feed.mark();
    assert!(world.feed.is_reachable().await);
    drop(open);
    world.until(Link::Opening).await;
    let asking = tokio::spawn({
        let feed = world.feed.clone();
        async move { (feed.is_reachable().await, feed.is_current(Some(team(1)), mark)) }
    });
    let (mut open, from) = world.opens().await;
    assert_eq!((from.cursor, from.nonce.as_str()), (10, "nonce of 10"));
    open.tells(changes(11, &[team(1)])).await;
    assert_eq!(asking.await.unwrap(), (true, false));
    assert!(world.feed.is_current(Some(team(2)), mark));
    world.stop().await;
}

#[tokio::test]
async fn in_another_history_everything_counts_as_changed() {
    let world = World::new();
    let (mut open, _) = world.opens().await;
    open.tells(changes(10, &[])).await;
    let mark = world.feed.mark();
    let reset = FollowChangesResponse {
        reset: true,
        ..changes(3, &[])
    };
    assert_eq!(open.tells(reset).await, 3);
    assert!(!world.feed.is_current(Some(team(1)), mark) && !world.feed.is_current(None, mark));
    world.stop().await;
}

#[tokio::test]
async fn a_process_is_not_ready_until_config_was_reached_once() {
    let world = World::new();
    assert!(!world.readiness.is_serving());
    world.refuses(Status::unavailable("away"));
    world.until(Link::Away).await;
    assert!(!world.feed.is_reachable().await && !world.readiness.is_serving());
    let (mut open, _) = world.opens().await;
    open.tells(changes(10, &[])).await;
    assert!(world.feed.is_reachable().await && world.readiness.is_serving());
    drop(open);
    world.refuses(Status::unavailable("away"));
    world.until(Link::Away).await;
    assert!(world.readiness.is_serving(), "it goes on with what it knows");
    world.stop().await;
}

#[tokio::test]
async fn a_service_token_that_config_refuses_is_told_from_an_absent_config() {
    let world = World::new();
    let (mut open, _) = world.opens().await;
    open.tells(changes(10, &[])).await;
    drop(open);
    let refused = Problem::Unauthenticated {
        reason: reason::INVALID_CREDENTIAL,
    };
    world.refuses(refused.into());
    world.until(Link::Away).await;
    let mut failing = world.readiness.failing();
    while failing.is_empty() {
        tokio::task::yield_now().await;
        failing = world.readiness.failing();
    }
    assert!(failing[0].why.contains("service token"), "{failing:?}");
    let (mut open, _) = world.opens().await;
    open.tells(changes(10, &[])).await;
    assert!(world.readiness.is_serving());
    world.stop().await;
}

#[test]
fn changes_of_very_many_teams_become_changes_of_all() {
    let feed = ConfigFeed::manual();
    let mark = feed.mark();
    for number in 0..TEAMS as u128 {
        feed.record_change(Some(team(number)));
    }
    let other = Some(team(u128::from(u32::MAX)));
    assert!(feed.is_current(other, mark));
    feed.record_change(None);
    assert!(!feed.is_current(other, mark) && feed.is_current(other, feed.mark()));
}

#[async_trait::async_trait]
impl SnapshotApi for Config {
    async fn follow_changes(
        &self,
        request: Request<BoxStream<FollowChangesRequest>>,
    ) -> Answer<BoxStream<FollowChangesResponse>> {
        let opened = self.opening.lock().await.recv().await;
        let Stream { requests, answers } = opened.unwrap_or_else(|| Err(Status::unavailable("over")))?;
        let mut asked = request.into_inner();
        tokio::spawn(async move {
            while let Some(Ok(request)) = asked.next().await {
                if requests.send(request).is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(boxed(UnboundedReceiverStream::new(answers))))
    }
}
