//! Teams that are about to move: frozen and thawed, the fence, and the rows that go with them. Moves from one database to another are
//! tested with real processes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{DbBackend, Statement};
use tonic::{Code, Status};
use uuid::Uuid;
use watchbell_contracts::api::TeamMoveApi;
use watchbell_model::shard::ShardId;
use watchbell_store::store_tests;
use watchbell_store::testing::on_postgres;

use super::*;
use crate::store::{Migrator, MoveState, TABLES};

const MOVE: Uuid = Uuid::from_u128(7);

/// Another team of the same shard.
fn neighbour(env: &TestEnv) -> TestEnv {
    let teams = (0..).map(|number| TeamId::from_uuid(Uuid::from_u128(number)));
    let team = teams
        .into_iter()
        .find(|team| ShardId::of(*team) == ShardId::of(env.team))
        .unwrap();
    TestEnv { team, ..env.clone() }
}

async fn begin(rig: &Rig) -> Result<(), Status> {
    let request = wire::BeginDepartureRequest {
        team_id: rig.env.team.to_string(),
        move_id: MOVE.to_string(),
    };
    rig.service
        .begin_departure(internal_request(request))
        .await
        .map(drop)
}

async fn freeze(rig: &Rig) -> Result<(), Status> {
    let request = wire::FreezeTeamRequest {
        team_id: rig.env.team.to_string(),
        move_id: MOVE.to_string(),
    };
    rig.service.freeze_team(internal_request(request)).await.map(drop)
}

async fn changes(rig: &Rig, copied_changes: Vec<i64>) -> wire::ReadRowsResponse {
    let request = wire::ReadRowsRequest {
        team_id: rig.env.team.to_string(),
        move_id: MOVE.to_string(),
        copied_changes,
        ..Default::default()
    };
    rig.service
        .read_rows(internal_request(request))
        .await
        .unwrap()
        .into_inner()
}

async fn run_sql(rig: &Rig, sql: &str) {
    rig.core
        .db
        .store()
        .writer()
        .execute_unprepared(sql)
        .await
        .unwrap();
}

#[test]
fn a_frozen_team_waits_while_others_go_on_and_is_served_again_when_its_hold_has_ended() {
    on_postgres::<Migrator, _>(|store| async move {
        let env = TestEnv::new();
        let mut rig = Rig::on(&store, &env).await;
        let channel = env.channel("a");
        rig.emit("before", &[channel]).await;
        rig.settle().await;
        begin(&rig).await.unwrap();
        rig.emit("copied", &[channel]).await;
        freeze(&rig).await.unwrap();
        assert_eq!(rig.core.lanes().held(), 0, "its jobs are gone");

        let mut waits = ask(&rig, "waits", &[channel]);
        let other = neighbour(&env);
        let served = ask_for(&rig, request(&other, "other", &[]));
        tokio::task::yield_now().await;
        while rig.core.submissions.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        rig.settle().await;
        assert_eq!(
            served.await.unwrap().error,
            None,
            "the shard's other teams are served"
        );
        assert!(waits.try_recv().is_err(), "nothing is accepted for the team");
        assert_eq!(env.receivers.events(), ["before"], "and nothing is sent");
        assert!(rig.core.begin_fenced(env.team).await.unwrap().is_none());

        run_sql(&rig, "UPDATE team_moves SET until = 0").await;
        rig.heartbeat.tick().await.unwrap();
        while rig.core.submissions.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        rig.settle().await;
        assert_eq!(waits.await.unwrap().error, None);
        assert_eq!(env.receivers.events(), ["before", "copied", "waits"], "in order");
    });
}

#[test]
fn what_was_fenced_before_a_move_changed_something_is_refused_and_the_change_waits_for_commits() {
    on_postgres::<Migrator, _>(|store| async move {
        let env = TestEnv::new();
        let rig = Rig::on(&store, &env).await;
        let (core, shard) = (&rig.core, ShardId::of(env.team));
        let fence = core.ownership().fence([shard]);
        let under_way = core.db.begin().await.unwrap();
        assert!(
            core.db
                .fence(&under_way, core.owner(), &fence)
                .await
                .unwrap()
                .is_open()
        );
        let has_ended = AtomicBool::new(false);
        let ends = async {
            tokio::task::yield_now().await;
            has_ended.store(true, Ordering::SeqCst);
            core.db.commit(under_way).await.unwrap();
        };
        let changes = async {
            let transaction = core.db.begin().await.unwrap();
            let put = core
                .db
                .put_team_move(&transaction, env.team, MOVE, MoveState::Arriving, &[]);
            put.await.unwrap();
            assert!(has_ended.load(Ordering::SeqCst), "it waits for what is under way");
            core.db.commit(transaction).await.unwrap();
        };
        tokio::join!(changes, ends);
        let late = core.db.begin().await.unwrap();
        let fenced = core.db.fence(&late, core.owner(), &fence).await.unwrap();
        assert_eq!(
            (fenced.lost, fenced.outdated),
            (BTreeSet::new(), BTreeSet::from([shard]))
        );
        drop(late);
        assert!(
            core.begin_fenced(env.team).await.unwrap().is_none(),
            "the table is read again"
        );
        assert!(core.begin_fenced(neighbour(&env).team).await.unwrap().is_some());
    });
}

#[test]
fn every_table_with_rows_of_teams_goes_with_them() {
    on_postgres::<Migrator, _>(|store| async move {
        let sql = "SELECT table_name::text AS name FROM information_schema.columns
            WHERE table_schema = current_schema() AND column_name = 'team_id'";
        let rows = store
            .reader()
            .query_all_raw(Statement::from_string(DbBackend::Postgres, sql))
            .await;
        let tables: BTreeSet<String> = rows
            .unwrap()
            .iter()
            .map(|row| row.try_get("", "name").unwrap())
            .collect();
        let of_moves = ["team_moves", "team_changes"];
        let known = TABLES.iter().map(|table| table.name).chain(of_moves);
        assert_eq!(tables, known.map(ToOwned::to_owned).collect());
    });
}

#[test]
fn what_changes_of_a_team_that_leaves_is_noted_until_it_is_copied_and_of_others_nothing() {
    on_postgres::<Migrator, _>(|store| async move {
        let env = TestEnv::new();
        let mut rig = Rig::on(&store, &env).await;
        let channel = env.channel("a");
        rig.emit("before", &[channel]).await;
        begin(&rig).await.unwrap();
        begin(&rig).await.unwrap();
        assert!(changes(&rig, vec![]).await.changes.is_empty());
        rig.emit("after", &[channel]).await;
        let other = neighbour(&env);
        let answered = ask_for(&rig, request(&other, "other", &[]));
        while rig.core.submissions.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        rig.settle().await;
        assert_eq!(answered.await.unwrap().error, None);
        let read = changes(&rig, vec![]).await;
        let rows: BTreeMap<_, _> = read
            .tables
            .iter()
            .map(|table| (table.table.as_str(), table.rows.as_str()))
            .collect();
        assert!(
            rows["events"].contains("after") && !rows["events"].contains("other"),
            "{rows:?}"
        );
        assert!(!rows["events"].contains("before"), "it did not change: {rows:?}");
        let tried = rows["deliveries"].replace(' ', "");
        assert_eq!(tried.matches("\"attempt_id\":\"").count(), 2, "{tried}");
        assert!(
            changes(&rig, read.changes).await.changes.is_empty(),
            "they are forgotten"
        );

        let request = wire::CancelTeamMoveRequest {
            team_id: env.team.to_string(),
            move_id: MOVE.to_string(),
        };
        rig.service
            .cancel_team_move(internal_request(request))
            .await
            .unwrap();
        rig.emit("later", &[channel]).await;
        let noted = "SELECT 1 AS one FROM team_changes";
        let noted = store
            .reader()
            .query_all_raw(Statement::from_string(DbBackend::Postgres, noted))
            .await;
        assert!(noted.unwrap().is_empty(), "nothing is noted any more");
    });
}

#[test]
fn what_is_here_of_a_team_that_never_left_is_not_overwritten() {
    on_postgres::<Migrator, _>(|store| async move {
        let env = TestEnv::new();
        let mut rig = Rig::on(&store, &env).await;
        rig.emit("e1", &[env.channel("a")]).await;
        let request = wire::PrepareArrivalRequest {
            team_id: env.team.to_string(),
            move_id: MOVE.to_string(),
            source_addresses: vec!["http://elsewhere".to_owned()],
        };
        let refused = rig
            .service
            .prepare_arrival(internal_request(request))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Delivered]);
    });
}

store_tests! {
    migrator = Migrator;

    async fn moves_need_postgresql(store: Store) {
        let rig = Rig::new(&store).await;
        let begun = begin(&rig).await;
        match store.backend() {
            Backend::Postgres => begun.unwrap(),
            Backend::Sqlite => assert_eq!(begun.unwrap_err().code(), Code::FailedPrecondition),
        }
        let described = rig.service.describe_cell(internal_request(wire::DescribeCellRequest {})).await;
        let described = described.unwrap().into_inner();
        assert_eq!(described.can_move_teams, store.backend() == Backend::Postgres);
        assert_eq!(described.database_id, rig.core.db.cell_id().await.unwrap().to_string());
    }
}
