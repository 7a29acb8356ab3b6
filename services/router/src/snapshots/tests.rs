use futures::{FutureExt as _, future::join_all};
use tokio_util::sync::CancellationToken;
use watchbell_contracts::config::v1::{
    Channel, Member, MemberSnapshot, SlackDestination, channel::Destination,
};
use watchbell_testkit::TestClock;

use super::*;
use crate::testing::{FakeConfig, team_id, until, wire_team};

struct World {
    config: Arc<FakeConfig>,
    clock: TestClock,
    snapshots: Snapshots,
    shutdown: CancellationToken,
}

impl World {
    fn new() -> Self {
        let config = FakeConfig::new();
        config.set(team_id(), Ok(wire_team(team_id(), 1)));
        let clock = TestClock::default();
        Self {
            snapshots: Snapshots::new(config.clone(), clock.shared()),
            config,
            clock,
            shutdown: CancellationToken::new(),
        }
    }

    /// With the feed open, standing at cursor 10.
    async fn following() -> Self {
        let world = Self::new();
        tokio::spawn(world.snapshots.change_loop().run(world.shutdown.clone()));
        until(|| world.config.cursors().len() == 1).await;
        world.config.say(at_cursor(10));
        world.until_following(true).await;
        world
    }

    async fn until_following(&self, following: bool) {
        until(|| self.snapshots.following.load(Ordering::Acquire) == following).await;
    }

    async fn revision(&self) -> i64 {
        self.snapshots.of(team_id()).await.unwrap().revision
    }

    /// Config has the revision, and the feed tells of it.
    async fn moves_on_to(&self, revision: i64) {
        self.config.set(team_id(), Ok(wire_team(team_id(), revision)));
        self.tells_of(revision).await;
    }

    async fn tells_of(&self, revision: i64) {
        self.config.say(WatchChangesResponse {
            cursor: 10 + revision,
            team_id: team_id().to_string(),
            revision,
            reset: false,
        });
        while self.snapshots.news.get(&team_id()).await != Some(revision) {
            tokio::task::yield_now().await;
        }
        // The mark follows the news.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn at_cursor(cursor: i64) -> WatchChangesResponse {
    WatchChangesResponse {
        cursor,
        ..WatchChangesResponse::default()
    }
}

fn code(result: Result<Arc<TeamSnapshot>, Error>) -> Code {
    Status::from(result.unwrap_err()).code()
}

#[tokio::test]
async fn a_snapshot_is_fetched_once_and_kept() {
    let world = World::following().await;
    assert_eq!((world.revision().await, world.revision().await), (1, 1));
    assert_eq!(world.config.fetches(), 1);
}

#[tokio::test]
async fn callers_that_meet_a_new_team_together_share_one_fetch() {
    let world = World::following().await;
    world.config.hold();
    let callers = join_all((0..50).map(|_| world.revision()));
    let (revisions, ()) = tokio::join!(callers, async {
        until(|| world.config.fetches() == 1).await;
        world.config.let_through(1);
    });
    assert_eq!((revisions, world.config.fetches()), (vec![1; 50], 1));
}

#[tokio::test]
async fn what_the_feed_says_has_moved_on_is_fetched_again_once() {
    let world = World::following().await;
    world.revision().await;
    world.moves_on_to(2).await;
    assert_eq!((world.revision().await, world.revision().await), (2, 2));
    assert_eq!(world.config.fetches(), 2);
    // Of what is held already there is nothing to fetch.
    world.tells_of(2).await;
    assert_eq!((world.revision().await, world.config.fetches()), (2, 2));
}

#[tokio::test]
async fn while_one_fetches_the_others_go_on_with_what_they_have() {
    let world = World::following().await;
    world.revision().await;
    world.moves_on_to(2).await;
    world.config.hold();
    let (fetched, ()) = tokio::join!(world.revision(), async {
        until(|| world.config.fetches() == 2).await;
        assert_eq!(world.revision().await, 1);
        world.config.let_through(1);
    });
    assert_eq!((fetched, world.config.fetches()), (2, 2));
}

#[tokio::test]
async fn a_change_during_the_first_fetch_is_not_lost() {
    let world = World::following().await;
    world.config.hold();
    let (first, ()) = tokio::join!(world.revision(), async {
        until(|| world.config.fetches() == 1).await;
        world.moves_on_to(2).await;
        world.config.let_through(2);
    });
    assert_eq!((first, world.revision().await), (1, 2));
}

#[tokio::test]
async fn a_change_during_a_later_fetch_is_not_lost() {
    let world = World::following().await;
    world.revision().await;
    world.moves_on_to(2).await;
    world.config.hold();
    let (second, ()) = tokio::join!(world.revision(), async {
        until(|| world.config.fetches() == 2).await;
        world.moves_on_to(3).await;
        world.config.let_through(2);
    });
    assert_eq!((second, world.revision().await), (2, 3));
}

#[tokio::test]
async fn what_was_fetched_before_the_feed_began_is_fetched_again() {
    let world = World::new();
    world.revision().await;
    // Changed before the feed is there: it will never tell.
    world.config.set(team_id(), Ok(wire_team(team_id(), 2)));
    assert_eq!(world.revision().await, 1, "nobody has told");
    tokio::spawn(world.snapshots.change_loop().run(world.shutdown.clone()));
    until(|| world.config.cursors().len() == 1).await;
    world.config.say(at_cursor(10));
    world.until_following(true).await;
    assert_eq!(world.revision().await, 2);
}

#[tokio::test]
async fn a_reset_makes_every_snapshot_stale() {
    let world = World::following().await;
    world.revision().await;
    world.config.set(team_id(), Ok(wire_team(team_id(), 2)));
    let before = world.snapshots.epoch.load(Ordering::Acquire);
    world.config.say(WatchChangesResponse {
        reset: true,
        ..at_cursor(500)
    });
    until(|| world.snapshots.epoch.load(Ordering::Acquire) > before).await;
    assert_eq!(world.revision().await, 2);
}

#[tokio::test]
async fn a_feed_that_breaks_is_taken_up_where_it_broke_and_stale_snapshots_serve_meanwhile() {
    let world = World::following().await;
    world.revision().await;
    world.config.set_feed_away(true);
    world.moves_on_to(2).await;
    world.config.break_feed();
    world.until_following(false).await;
    world
        .config
        .set(team_id(), Err(Status::unavailable("Config is away")));
    assert_eq!((world.revision().await, world.config.fetches()), (1, 1));

    world.config.set(team_id(), Ok(wire_team(team_id(), 2)));
    world.config.set_feed_away(false);
    until(|| world.config.cursors().len() == 2).await;
    assert_eq!(world.config.cursors(), [0, 12]);
    world.config.say(at_cursor(12));
    world.until_following(true).await;
    assert_eq!(world.revision().await, 2);
}

#[tokio::test]
async fn when_config_does_not_give_the_next_the_old_one_serves_and_config_is_left_alone_for_a_while() {
    let world = World::following().await;
    world.revision().await;
    world.moves_on_to(2).await;
    world
        .config
        .set(team_id(), Err(Status::unavailable("no database")));
    for _ in 0..10 {
        assert_eq!(world.revision().await, 1);
    }
    assert_eq!(world.config.fetches(), 2);
    world.config.set(team_id(), Ok(wire_team(team_id(), 2)));
    world.clock.advance(REST);
    assert_eq!(world.revision().await, 2);
}

#[tokio::test]
async fn a_team_never_seen_is_unavailable_while_config_is_away() {
    let world = World::new();
    world.config.set(team_id(), Err(Status::unavailable("away")));
    let refused = Status::from(world.snapshots.of(team_id()).await.unwrap_err());
    let reading = watchbell_runtime::problem::from_status(&refused);
    assert_eq!(reading.code, Code::Unavailable);
    assert!(reading.retry_after.is_some());
    // That is no word on the team: the next caller asks again.
    world.config.set(team_id(), Ok(wire_team(team_id(), 1)));
    assert_eq!(world.revision().await, 1);
}

#[tokio::test]
async fn an_unknown_team_is_remembered_briefly_and_until_the_feed_tells_of_it() {
    let world = World::following().await;
    world
        .config
        .set(team_id(), Err(Status::not_found("no such team")));
    for _ in 0..10 {
        assert_eq!(code(world.snapshots.of(team_id()).await), Code::NotFound);
    }
    assert_eq!(world.config.fetches(), 1);
    world.clock.advance(UNKNOWN_TEAM);
    assert_eq!(code(world.snapshots.of(team_id()).await), Code::NotFound);
    assert_eq!(world.config.fetches(), 2);
    world.moves_on_to(1).await;
    assert_eq!(world.revision().await, 1);
}

#[tokio::test]
async fn a_team_that_is_deleted_is_gone() {
    let world = World::following().await;
    world.revision().await;
    world.tells_of(2).await;
    world.config.set(team_id(), Err(Status::not_found("deleted")));
    assert_eq!(code(world.snapshots.of(team_id()).await), Code::NotFound);
    assert_eq!(code(world.snapshots.of(team_id()).await), Code::NotFound);
    assert_eq!(world.config.fetches(), 2);
}

#[tokio::test]
async fn a_snapshot_with_anything_of_another_team_is_refused() {
    let other = "team_00000000000000000000000009";
    let own = team_id().to_string();
    let member = |team: &str| MemberSnapshot {
        member: Some(Member {
            id: "mbr_00000000000000000000000001".to_owned(),
            team_id: team.to_owned(),
            email: "ann@example.com".to_owned(),
            ..Member::default()
        }),
        preferences: vec![],
    };
    let channel = |team: &str| Channel {
        id: "chn_00000000000000000000000001".to_owned(),
        team_id: team.to_owned(),
        kind: watchbell_contracts::event::v1::ChannelKind::Slack.into(),
        destination: Some(Destination::Slack(SlackDestination::default())),
        ..Channel::default()
    };
    let good = watchbell_contracts::config::v1::TeamSnapshot {
        members: vec![member(&own)],
        channels: vec![channel(&own)],
        ..wire_team(team_id(), 1)
    };
    let mut foreign_member = good.clone();
    foreign_member.members.push(member(other));
    let mut foreign_channel = good.clone();
    foreign_channel.channels = vec![channel(other)];
    for wrong in [
        foreign_member,
        foreign_channel,
        wire_team(other.parse().unwrap(), 1),
    ] {
        let world = World::new();
        world.config.set(team_id(), Ok(wrong));
        assert_eq!(code(world.snapshots.of(team_id()).await), Code::Internal);
    }
    let world = World::new();
    world.config.set(team_id(), Ok(good));
    assert_eq!(world.revision().await, 1);
}

#[tokio::test]
async fn a_caller_who_goes_away_while_fetching_leaves_the_turn_to_the_next() {
    let world = World::following().await;
    world.revision().await;
    world.moves_on_to(2).await;
    world.config.hold();
    {
        let impatient = world.snapshots.of(team_id());
        let mut impatient = std::pin::pin!(impatient);
        while world.config.fetches() < 2 {
            assert!((&mut impatient).now_or_never().is_none());
        }
    }
    world.config.let_through(1);
    assert_eq!(world.revision().await, 2);
}
