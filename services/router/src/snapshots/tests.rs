use futures::future::join_all;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{Channel, Member, MemberSnapshot, SlackDestination};
use watchbell_testkit::TestClock;

use super::*;
use crate::testing::{FakeConfig, team_id, until, wire_team};

struct World {
    config: Arc<FakeConfig>,
    clock: TestClock,
    feed: ConfigFeed,
    snapshots: Snapshots,
}

impl World {
    fn new() -> Self {
        let config = FakeConfig::new();
        config.set(team_id(), Ok(wire_team(team_id(), 1)));
        let clock = TestClock::default();
        let feed = ConfigFeed::manual();
        Self {
            snapshots: Snapshots::new(config.clone(), feed.clone(), clock.shared()),
            config,
            clock,
            feed,
        }
    }

    async fn revision(&self) -> i64 {
        self.snapshots.get(team_id()).await.unwrap().revision
    }

    /// Config has the revision, and the feed tells of it.
    fn moves_on_to(&self, revision: i64) {
        self.config.set(team_id(), Ok(wire_team(team_id(), revision)));
        self.feed.record_change(Some(team_id()));
    }
}

fn code(result: Result<Arc<TeamSnapshot>, Error>) -> Code {
    Status::from(result.unwrap_err()).code()
}

#[tokio::test]
async fn a_snapshot_is_fetched_once_and_kept_for_minutes() {
    let world = World::new();
    assert_eq!((world.revision().await, world.revision().await), (1, 1));
    assert_eq!(world.config.fetches(), 1);
    // What no feed tells of, such as a database that was restored, is noticed all the same.
    world.config.set(team_id(), Ok(wire_team(team_id(), 7)));
    world.clock.advance(FRESH);
    assert_eq!((world.revision().await, world.config.fetches()), (7, 2));
}

#[tokio::test]
async fn everybody_who_comes_after_a_change_decides_by_it_and_shares_one_fetch() {
    let world = World::new();
    world.revision().await;
    world.moves_on_to(2);
    world.config.hold();
    let burst = join_all((0..1_000).map(|_| world.revision()));
    let (revisions, ()) = tokio::join!(burst, async {
        until(|| world.config.fetches() == 2).await;
        world.config.let_through(1);
    });
    assert_eq!((revisions, world.config.fetches()), (vec![2; 1_000], 2));
}

#[tokio::test]
async fn a_change_of_another_team_fetches_nothing() {
    let world = World::new();
    world.revision().await;
    world
        .feed
        .record_change(Some("team_00000000000000000000000009".parse().unwrap()));
    assert_eq!((world.revision().await, world.config.fetches()), (1, 1));
}

#[tokio::test]
async fn when_config_does_not_give_the_next_the_old_one_serves() {
    let world = World::new();
    world.revision().await;
    world.moves_on_to(2);
    world
        .config
        .set(team_id(), Err(Status::unavailable("no database")));
    for _ in 0..10 {
        assert_eq!(world.revision().await, 1);
    }
    assert_eq!(world.config.fetches(), 2);
}

#[tokio::test]
async fn a_team_never_seen_is_unavailable_while_config_is_away() {
    let world = World::new();
    world.config.set(team_id(), Err(Status::unavailable("away")));
    let refused = Status::from(world.snapshots.get(team_id()).await.unwrap_err());
    let reading = watchbell_runtime::problem::from_status(&refused);
    assert_eq!(reading.code, Code::Unavailable);
    assert!(reading.retry_after.is_some());
    // That is no word on the team: the next caller asks again.
    world.config.set(team_id(), Ok(wire_team(team_id(), 1)));
    assert_eq!(world.revision().await, 1);
}

#[tokio::test]
async fn an_unknown_team_is_remembered_briefly_and_until_the_feed_tells_of_it() {
    let world = World::new();
    world
        .config
        .set(team_id(), Err(Status::not_found("no such team")));
    for _ in 0..10 {
        assert_eq!(code(world.snapshots.get(team_id()).await), Code::NotFound);
    }
    assert_eq!(world.config.fetches(), 1);
    world.clock.advance(UNKNOWN_TEAM);
    assert_eq!(code(world.snapshots.get(team_id()).await), Code::NotFound);
    assert_eq!(world.config.fetches(), 2);
    world.moves_on_to(1);
    assert_eq!(world.revision().await, 1);
}

#[tokio::test]
async fn a_team_that_is_deleted_is_gone() {
    let world = World::new();
    world.revision().await;
    world.config.set(team_id(), Err(Status::not_found("deleted")));
    world.feed.record_change(Some(team_id()));
    assert_eq!(code(world.snapshots.get(team_id()).await), Code::NotFound);
    assert_eq!(code(world.snapshots.get(team_id()).await), Code::NotFound);
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
        assert_eq!(code(world.snapshots.get(team_id()).await), Code::Internal);
    }
    let world = World::new();
    world.config.set(team_id(), Ok(good));
    assert_eq!(world.revision().await, 1);
}
