//! The change feed: every change once, in order, across replicas.

use std::time::Duration;

use futures::StreamExt;
use watchbell_config::{FeedPruner, Migrator};
use watchbell_contracts::api::{BoxStream, SnapshotApi, TeamApi};
use watchbell_contracts::config::v1::{
    DeleteTeamRequest, GetTeamSnapshotRequest, Role, WatchChangesRequest, WatchChangesResponse,
};
use watchbell_domain::ids::TeamId;
use watchbell_runtime::auth::internal_request;
use watchbell_store::{Backend, connect, store_tests};

use crate::support::{Config, platform};

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
        for (cursor, reset) in [(1, true), (2, false), (3, false), (99, true)] {
            let first = next(&mut watch(&config, cursor).await).await;
            assert_eq!(first.reset, reset, "{cursor}");
            assert_eq!(first.cursor, if reset { 3 } else { cursor });
        }
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
        let asked = watchbell_contracts::convert::snapshot(&snapshot).unwrap();
        assert_eq!((asked.channels.len(), asked.owners().count()), (2, 1));
        let shown = format!("{snapshot:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("whsec_"), "{shown}");
    }
}
