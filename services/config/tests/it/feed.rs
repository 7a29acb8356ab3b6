//! The change feed: every change once, in order, across replicas.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use sea_orm::ConnectionTrait as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Status;
use watchbell_config::{FeedPruner, Migrator};
use watchbell_contracts::api::{BoxStream, SnapshotApi, TeamApi, boxed};
use watchbell_contracts::config::v1::{
    ApiKey, CreateApiKeyRequest, DeleteTeamRequest, FollowChangesRequest, FollowChangesResponse,
    GetTeamSnapshotRequest, Role, Scope, WatchChangesRequest, WatchChangesResponse,
};
use watchbell_model::ids::TeamId;
use watchbell_runtime::auth::internal_request;
use watchbell_store::{Backend, connect, store_tests};

use crate::support::{Config, carried, platform};

async fn watch(config: &Config, after_cursor: i64) -> BoxStream<WatchChangesResponse> {
    let request = internal_request(WatchChangesRequest { after_cursor });
    config.service.watch_changes(request).await.unwrap().into_inner()
}

async fn next(feed: &mut BoxStream<WatchChangesResponse>) -> WatchChangesResponse {
    tokio::time::timeout(Duration::from_secs(20), feed.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

/// A caller of `FollowChanges`.
struct Follower {
    requests: mpsc::UnboundedSender<Result<FollowChangesRequest, Status>>,
    answers: BoxStream<FollowChangesResponse>,
}

// === impl Follower ===

impl Follower {
    /// With the first answer.
    async fn begin(config: &Config, from: FollowChangesRequest) -> (Self, FollowChangesResponse) {
        let (requests, stream) = mpsc::unbounded_channel();
        requests.send(Ok(from)).unwrap();
        let stream = boxed(UnboundedReceiverStream::new(stream));
        let answers = config
            .service
            .follow_changes(internal_request(stream))
            .await
            .unwrap();
        let mut follower = Self {
            requests,
            answers: answers.into_inner(),
        };
        let first = follower.next().await;
        (follower, first)
    }

    async fn next(&mut self) -> FollowChangesResponse {
        let answer = tokio::time::timeout(Duration::from_secs(20), self.answers.next()).await;
        answer.unwrap().unwrap().unwrap()
    }

    fn heed(&self, cursor: i64) {
        let request = FollowChangesRequest {
            cursor,
            ..FollowChangesRequest::default()
        };
        self.requests.send(Ok(request)).unwrap();
    }
}

fn start() -> FollowChangesRequest {
    FollowChangesRequest::default()
}

fn at(answer: &FollowChangesResponse) -> FollowChangesRequest {
    FollowChangesRequest {
        cursor: answer.cursor,
        nonce: answer.nonce.clone(),
    }
}

async fn revision(config: &Config, team: TeamId) -> i64 {
    let request = GetTeamSnapshotRequest {
        team_id: team.to_string(),
    };
    let snapshot = config
        .service
        .get_team_snapshot(internal_request(request))
        .await
        .unwrap();
    snapshot.into_inner().snapshot.unwrap().revision
}

store_tests! {
    migrator = Migrator;

    async fn every_change_raises_the_revision_by_one_and_is_told_in_order(store: Store) {
        let config = Config::on(&store);
        let mut feed = watch(&config, 0).await;
        let start = next(&mut feed).await;
        assert_eq!((start.team_id.as_str(), start.reset), ("", false));
        let team = config.team().await;
        config.slack(team, "#alerts").await;
        config.member(team, "a@acme.example", Role::Owner).await;
        for wanted in 1..=3 {
            let told = next(&mut feed).await;
            assert_eq!((told.team_id, told.revision), (team.to_string(), wanted));
            assert_eq!(told.cursor, start.cursor + wanted);
        }
        assert_eq!(revision(&config, team).await, 3);
    }

    async fn a_follower_goes_on_from_its_cursor(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let mut feed = watch(&config, 0).await;
        let cursor = next(&mut feed).await.cursor;
        drop(feed);
        config.slack(team, "#one").await;
        config.slack(team, "#two").await;
        let mut feed = watch(&config, cursor).await;
        assert_eq!(next(&mut feed).await.cursor, cursor, "first where it stands");
        assert_eq!(next(&mut feed).await.revision, 2);
        assert_eq!(next(&mut feed).await.revision, 3);
    }

    async fn the_end_of_a_team_is_told(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let mut feed = watch(&config, 0).await;
        next(&mut feed).await;
        let request = DeleteTeamRequest { team_id: team.to_string(), ..DeleteTeamRequest::default() };
        config.service.delete_team(platform(request)).await.unwrap();
        let told = next(&mut feed).await;
        assert_eq!((told.team_id, told.revision), (team.to_string(), 2));
    }

    async fn a_cursor_that_is_gone_or_not_yet_there_starts_over(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        config.slack(team, "#one").await;
        config.clock.advance(Duration::from_secs(8 * 24 * 3600));
        config.slack(team, "#two").await;
        let pruner = FeedPruner::new(store.clone(), config.clock.shared());
        assert_eq!(pruner.tick().await.unwrap(), 2);
        for (cursor, reset) in [(1, true), (2, true), (3, false), (99, true)] {
            let first = next(&mut watch(&config, cursor).await).await;
            assert_eq!(first.reset, reset, "{cursor}");
            assert_eq!(first.cursor, 3);
        }
    }

    async fn the_newest_change_is_never_pruned_so_that_followers_have_a_place_to_stand(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        config.slack(team, "#one").await;
        let (mut follower, end) = Follower::begin(&config, start()).await;
        config.clock.advance(Duration::from_secs(8 * 24 * 3600));
        let pruner = FeedPruner::new(store.clone(), config.clock.shared());
        assert_eq!(pruner.tick().await.unwrap(), 1);
        let (_resumed, first) = Follower::begin(&config, at(&end)).await;
        assert!(!first.reset);
        config.slack(team, "#two").await;
        assert_eq!(follower.next().await.team_ids, [team.to_string()]);
    }

    async fn a_follower_hears_at_once_what_it_missed_and_then_each_change(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        let (follower, begun) = Follower::begin(&config, start()).await;
        assert!(begun.reset, "what changed before is not told");
        drop(follower);
        config.slack(team, "#one").await;
        let other = config.team().await;
        let (mut follower, missed) = Follower::begin(&config, at(&begun)).await;
        let mut teams = vec![team.to_string(), other.to_string()];
        teams.sort();
        assert_eq!((missed.reset, missed.team_ids), (false, teams));
        let key = CreateApiKeyRequest {
            api_key: Some(ApiKey { display_name: "k".to_owned(), scopes: vec![Scope::Platform.into()], ..ApiKey::default() }),
            ..CreateApiKeyRequest::default()
        };
        config.service.create_api_key(internal_request(key)).await.unwrap();
        let told = follower.next().await;
        assert!(told.platform_keys_changed && told.team_ids.is_empty());
    }

    async fn what_config_has_answered_its_followers_have_heeded(store: Store) {
        let config = Config::on(&store);
        let (mut follower, _) = Follower::begin(&config, start()).await;
        let heeded = Arc::new(AtomicI64::new(0));
        let seen = heeded.clone();
        let following = tokio::spawn(async move {
            loop {
                let told = follower.next().await;
                seen.store(told.cursor, Ordering::SeqCst);
                follower.heed(told.cursor);
            }
        });
        let team = config.team().await;
        for number in 2..=20 {
            config.slack(team, &format!("#{number}")).await;
            assert_eq!(heeded.load(Ordering::SeqCst), number);
        }
        following.abort();
    }

    async fn a_database_that_went_back_starts_its_followers_over(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        config.slack(team, "#one").await;
        let (mut follower, begun) = Follower::begin(&config, start()).await;
        assert_eq!(begun.cursor, 2);
        // Restored to before the last change, and as many changes made since.
        let writer = store.writer();
        for sql in ["DELETE FROM changes WHERE cursor = 2", "UPDATE feed SET head = 1"] {
            writer.execute_unprepared(sql).await.unwrap();
        }
        config.slack(team, "#another").await;
        let told = follower.next().await;
        assert!((told.reset, told.cursor) == (true, 2) && told.nonce != begun.nonce);
        let (_, resumed) = Follower::begin(&config, at(&begun)).await;
        assert!(resumed.reset, "the same number in another history");
        // Restored, and nothing since.
        writer.execute_unprepared("DELETE FROM changes WHERE cursor = 2").await.unwrap();
        store.bus().publish("config_changes", "").await.unwrap();
        let told = follower.next().await;
        assert_eq!((told.reset, told.cursor), (true, 1));
    }

    async fn many_writers_leave_no_gap_that_a_reader_could_miss(store: Store) {
        let config = Config::on(&store);
        let mut feed = watch(&config, 0).await;
        let start = next(&mut feed).await.cursor;
        let teams = futures::future::join_all((0..8).map(|_| config.team())).await;
        futures::future::join_all(teams.iter().map(|team| config.slack(*team, "#alerts"))).await;
        for wanted in start + 1..=start + 16 {
            assert_eq!(next(&mut feed).await.cursor, wanted);
        }
    }

    async fn replicas_on_one_postgres_tell_one_another(store: Store) {
        if store.backend() == Backend::Postgres {
            let here = Config::on(&store);
            let other_store = connect(store.settings()).await.unwrap();
            let there = Config::with_keys(&other_store, here.key.clone(), Vec::new());
            let mut feed = watch(&there, 0).await;
            next(&mut feed).await;
            let team = here.team().await;
            assert_eq!(next(&mut feed).await.team_id, team.to_string());
            here.slack(team, "#alerts").await;
            there.slack(team, "#more").await;
            assert_eq!(next(&mut feed).await.revision, 2);
            assert_eq!(next(&mut feed).await.revision, 3);
            drop(feed);
            other_store.close().await.unwrap();
        }
    }

    async fn a_snapshot_holds_everything_and_no_secret(store: Store) {
        let config = Config::on(&store);
        let team = config.team().await;
        config.slack(team, "#alerts").await;
        config.webhook(team, "siem").await;
        config.member(team, "a@acme.example", Role::Owner).await;
        let request = GetTeamSnapshotRequest { team_id: team.to_string() };
        let snapshot = config.service.get_team_snapshot(internal_request(request)).await.unwrap();
        let snapshot = snapshot.into_inner().snapshot.unwrap();
        assert_eq!((snapshot.channels.len(), snapshot.members.len(), snapshot.revision), (2, 1, 4));
        let asked = watchbell_model::snapshot::TeamSnapshot::try_from(&snapshot).unwrap();
        assert_eq!((asked.channels.len(), asked.owners().count()), (2, 1));
        let shown = carried(&snapshot);
        assert!(!shown.contains("s3cret") && !shown.contains("whsec_"), "{shown}");
    }
}
