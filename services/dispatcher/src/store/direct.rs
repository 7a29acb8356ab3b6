//! A transaction by PostgreSQL's driver itself. SeaORM's statements own their values, one by one, and are copied before
//! they are sent: for batches of a commit that is a tenth of all that Watchbell does.

use std::sync::Arc;

use sea_orm::sqlx::postgres::{PgArguments, PgRow};
use sea_orm::sqlx::{self, Arguments as _, AssertSqlSafe, Executor as _, Postgres, Row as _};
use sea_orm::{DbErr, RuntimeErr};
use tokio::sync::Mutex;
use uuid::Uuid;
use watchbell_store::Store;

use super::batch::{Batch, Column, arrays};
use super::transaction::{ReadRow, WriteTransaction};

/// Dropped, it is rolled back.
#[derive(Debug)]
pub(crate) struct DirectTransaction(Mutex<sqlx::Transaction<'static, Postgres>>);

// === impl DirectTransaction ===

impl DirectTransaction {
    pub(super) async fn begin(store: &Store) -> Result<Self, DbErr> {
        store.begin_postgres().await.map(Mutex::new).map(Self)
    }
}

impl WriteTransaction for DirectTransaction {
    type Row = PgRow;

    async fn commit(self) -> Result<(), DbErr> {
        self.0.into_inner().commit().await.map_err(failed)
    }

    async fn run(&self, sql: &str, batch: &Batch<'_>, more: &[i64]) -> Result<u64, DbErr> {
        let (sql, arguments) = statement(sql, batch, more)?;
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments).persistent(batch.has_one_plan);
        let done = self.0.lock().await.execute(query).await.map_err(failed)?;
        Ok(done.rows_affected())
    }

    async fn read(&self, sql: &str, batch: &Batch<'_>, more: &[i64]) -> Result<Vec<PgRow>, DbErr> {
        let (sql, arguments) = statement(sql, batch, more)?;
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments).persistent(batch.has_one_plan);
        self.0.lock().await.fetch_all(query).await.map_err(failed)
    }
}

fn statement(sql: &str, batch: &Batch<'_>, more: &[i64]) -> Result<(String, PgArguments), DbErr> {
    let used = batch.columns.len();
    let sql = batch.complete(sql, &arrays::select(batch), used, more.len());
    let mut arguments = PgArguments::default();
    for (_, column) in &batch.columns {
        add(&mut arguments, column)?;
    }
    for value in more {
        arguments.add(value).map_err(|error| unsendable(&error))?;
    }
    Ok((sql, arguments))
}

fn add(arguments: &mut PgArguments, column: &Column<'_>) -> Result<(), DbErr> {
    let added = match column {
        Column::Uuid(values) => arguments.add(values),
        Column::Text(values) => arguments.add(values),
        Column::Big(values) => arguments.add(values),
        Column::Small(values) => arguments.add(values),
        Column::Int(values) => arguments.add(values),
        Column::Bool(values) => arguments.add(values),
    };
    added.map_err(|error| unsendable(&error))
}

fn unsendable(error: &sqlx::error::BoxDynError) -> DbErr {
    DbErr::Custom(error.to_string())
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)))
}

impl ReadRow for PgRow {
    fn text(&self, column: &str) -> Result<String, DbErr> {
        self.try_get(column).map_err(failed)
    }

    fn uuid(&self, column: &str) -> Result<Uuid, DbErr> {
        self.try_get(column).map_err(failed)
    }

    fn big(&self, column: &str) -> Result<Option<i64>, DbErr> {
        self.try_get(column).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::oneshot;
    use watchbell_model::accepted_event::AcceptedEvent;
    use watchbell_model::alert::AlertKey;
    use watchbell_model::ids::TeamId;
    use watchbell_store::testing::{NoMigrations, on_postgres};

    use super::*;
    use crate::job::Submission;
    use crate::ownership::{Fence, MoveCounts};
    use crate::senders::fixtures;
    use crate::store::{Db, Migrator};

    #[test]
    fn an_id_that_another_transaction_has_inserted_is_known_when_that_commits_and_new_when_not() {
        on_postgres::<Migrator, _>(|store| async move {
            let db = Db::new(store);
            for (id, commits) in [("commits", true), ("rolls-back", false)] {
                let event = AcceptedEvent {
                    id: id.parse().unwrap(),
                    ..fixtures::event("scan.failed")
                };
                let submission = Submission::new(event, Vec::new(), false, oneshot::channel().0);
                let events = [(&submission, Some(1))];
                let (first, second) = (db.begin_direct().await.unwrap(), db.begin_direct().await.unwrap());
                assert!(db.insert_events(&first, &events).await.unwrap().is_empty());
                let ends = async {
                    match commits {
                        true => first.commit().await.unwrap(),
                        false => drop(first),
                    }
                };
                let (known, ()) = tokio::join!(db.insert_events(&second, &events), ends);
                assert_eq!(!known.unwrap().is_empty(), commits);
                second.commit().await.unwrap();
            }
        });
    }

    /// That of one shard, which somebody owns.
    async fn fence(db: &Db) -> Fence {
        let table = db.shard_table(&MoveCounts::new()).await.unwrap();
        let owned = table.owners.into_iter().take(1);
        Fence {
            epochs: owned.map(|(shard, (_, epoch))| (shard, epoch)).collect(),
            moves: MoveCounts::new(),
        }
    }

    #[test]
    fn a_transaction_that_adds_to_a_feed_waits_for_the_one_before() {
        on_postgres::<Migrator, _>(|store| async move {
            let db = Db::new(store);
            let me = Uuid::from_u128(7);
            db.enter_replica(me).await.unwrap();
            db.take_shards(me, 256).await.unwrap();
            let fence = fence(&db).await;
            let (first, second) = (db.begin_direct().await.unwrap(), db.begin_direct().await.unwrap());
            assert!(db.fence_in_order(&first, me, &fence).await.unwrap().is_open());
            let has_ended = AtomicBool::new(false);
            let ends = async {
                // Outcomes wait for no submissions.
                let outcomes = db.begin_direct().await.unwrap();
                assert!(db.fence(&outcomes, me, &fence).await.unwrap().is_open());
                outcomes.commit().await.unwrap();
                has_ended.store(true, Ordering::SeqCst);
                first.commit().await.unwrap();
            };
            let waits = async {
                assert!(db.fence_in_order(&second, me, &fence).await.unwrap().is_open());
                assert!(has_ended.load(Ordering::SeqCst));
                second.commit().await.unwrap();
            };
            tokio::join!(waits, ends);
        });
    }

    #[test]
    fn plans_that_are_kept_go_by_a_key_also_when_they_were_made_for_empty_tables() {
        on_postgres::<Migrator, _>(|store| async move {
            let db = Db::new(store);
            let me = Uuid::from_u128(7);
            db.enter_replica(me).await.unwrap();
            db.take_shards(me, 1).await.unwrap();
            let fence = fence(&db).await;
            let transaction = db.begin_direct().await.unwrap();
            assert!(db.fence(&transaction, me, &fence).await.unwrap().is_open());
            let (team, key): (_, AlertKey) = (TeamId::from_uuid(me), "disk".parse().unwrap());
            assert!(
                db.alerts_of(&transaction, &[(team, &key)])
                    .await
                    .unwrap()
                    .is_empty()
            );
            assert!(
                db.telling_deliveries(&transaction, &[me])
                    .await
                    .unwrap()
                    .is_empty()
            );
            assert!(
                db.reminders_of(&transaction, &[&(team, key)])
                    .await
                    .unwrap()
                    .is_empty()
            );
            let mut connection = transaction.0.lock().await;
            let kept = "SELECT name, cardinality(parameter_types) AS count FROM pg_prepared_statements
                WHERE statement LIKE '%UNNEST%' AND custom_plans = 0 AND generic_plans > 0";
            let kept = sqlx::query(kept)
                .persistent(false)
                .fetch_all(&mut **connection)
                .await
                .unwrap();
            assert_eq!(kept.len(), 4);
            for statement in kept {
                let name: String = statement.get("name");
                let nulls =
                    vec!["NULL"; usize::try_from(statement.get::<i32, _>("count")).unwrap()].join(", ");
                let explain = AssertSqlSafe(format!("EXPLAIN EXECUTE {name}({nulls})"));
                let plan = sqlx::query(explain).fetch_all(&mut **connection).await.unwrap();
                let plan: Vec<String> = plan.iter().map(|line| line.get(0)).collect();
                let plan = plan.join("\n");
                let mut scans = plan.lines().filter(|line| line.contains(" Scan "));
                assert!(
                    scans.all(|scan| scan.contains("_pkey ") || scan.contains("Function Scan")),
                    "{plan}"
                );
                assert!(plan.contains("_pkey "), "{plan}");
            }
        });
    }

    #[test]
    fn rows_become_arrays_that_postgresql_reads_back() {
        on_postgres::<NoMigrations, _>(|store| async move {
            let id = Uuid::from_u128(7);
            let batch = Batch::new()
                .text("a", ["quote \" back \\ tab \t ünïcode 🔔", "", "{NULL,x}"])
                .text_opt("b", [Some("x"), None, Some("")])
                .uuid_opt("c", [None, Some(id), None])
                .big_opt("d", [Some(i64::MAX), None, Some(i64::MIN + 1)])
                .small_opt("e", [None, Some(-1), Some(i16::MAX)])
                .int("f", [i32::MIN, 0, i32::MAX])
                .bool("g", [true, false, true]);
            let transaction = DirectTransaction::begin(&store).await.unwrap();
            let sql = "SELECT b.*, {0}::bigint AS h FROM ({rows}) AS b";
            let rows = transaction.read(sql, &batch, &[5]).await.unwrap();
            let read: Vec<_> = rows
                .iter()
                .map(|row| {
                    (
                        row.get::<String, _>("a"),
                        row.get::<Option<String>, _>("b"),
                        row.get::<Option<Uuid>, _>("c"),
                        row.get::<Option<i64>, _>("d"),
                        row.get::<Option<i16>, _>("e"),
                        row.get::<i32, _>("f"),
                        row.get::<bool, _>("g"),
                        row.get::<i64, _>("h"),
                    )
                })
                .collect();
            let first = "quote \" back \\ tab \t ünïcode 🔔".to_owned();
            let x = Some("x".to_owned());
            let expected = [
                (first, x, None, Some(i64::MAX), None, i32::MIN, true, 5),
                (String::new(), None, Some(id), None, Some(-1), 0, false, 5),
                (
                    "{NULL,x}".to_owned(),
                    None,
                    None,
                    Some(i64::MIN + 1),
                    Some(i16::MAX),
                    i32::MAX,
                    true,
                    5,
                ),
            ];
            assert_eq!(read, expected);
            transaction.commit().await.unwrap();
        });
    }
}
