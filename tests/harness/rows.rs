//! What the Dispatcher's tables say, for what no RPC shows: owners of shards, and the log as a whole.

use std::collections::{HashMap, HashSet};

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, DatabaseConnection, DbBackend, DbErr, QueryResult, Statement,
};
use uuid::Uuid;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;
use watchbell_store::{DatabaseSettings, Store};

use super::{Database, eventually};

/// The Dispatcher's tables, for reading.
pub(crate) struct Rows {
    connection: DatabaseConnection,
    /// PostgreSQL's, which knows where the primary is.
    _store: Option<Store>,
}

impl Rows {
    pub(crate) async fn of_dispatcher(database: &Database) -> Self {
        if let Some((url, schema)) = database.postgres() {
            let settings = DatabaseSettings::postgres(url, format!("{schema}_dispatcher")).with_pool_size(1);
            let store = watchbell_store::connect(&settings).await;
            let store = store.expect("the database opens");
            return Self {
                connection: store.reader().clone(),
                _store: Some(store),
            };
        }
        let path = database.directory().join("dispatcher.db");
        let mut options = ConnectOptions::new(format!("sqlite://{}?mode=ro", path.display()));
        options.max_connections(1).sqlx_logging(false);
        let connection = sea_orm::Database::connect(options).await;
        Self {
            connection: connection.expect("the database opens"),
            _store: None,
        }
    }

    /// Deliveries of a team that have not arrived.
    pub(crate) async fn unfinished(&self, team: TeamId) -> i64 {
        let of = self.of(team);
        self.number(&format!(
            "SELECT COUNT(*) AS n FROM deliveries WHERE state <> 5 AND {of}"
        ))
        .await
    }

    /// All deliveries of a team.
    pub(crate) async fn deliveries_of(&self, team: TeamId) -> i64 {
        let sql = format!("SELECT COUNT(*) AS n FROM deliveries WHERE {}", self.of(team));
        self.number(&sql).await
    }

    fn of(&self, team: TeamId) -> String {
        match self.connection.get_database_backend() {
            DbBackend::Sqlite => format!("team_id = X'{}'", team.as_uuid().simple()),
            _ => format!("team_id = '{}'", team.as_uuid()),
        }
    }

    /// Replicas that count as alive, unless the database is unavailable.
    pub(crate) async fn replicas(&self) -> Option<HashSet<Uuid>> {
        let rows = self.ask("SELECT id FROM replicas").await.ok()?;
        Some(rows.iter().map(|row| row.try_get("", "id").unwrap()).collect())
    }

    /// How many shards each living replica owns.
    pub(crate) async fn shares(&self) -> HashMap<Uuid, i64> {
        let sql = "SELECT s.owner AS id, COUNT(*) AS n FROM shards s JOIN replicas r ON r.id = s.owner GROUP BY s.owner";
        let rows = eventually("the shards can be read", || async { self.ask(sql).await.ok() }).await;
        let share = |row: &QueryResult| (row.try_get("", "id").unwrap(), row.try_get("", "n").unwrap());
        rows.iter().map(share).collect()
    }

    /// The address of the replica that owns a shard.
    pub(crate) async fn owner(&self, shard: ShardId) -> String {
        let sql =
            format!("SELECT r.address FROM shards s JOIN replicas r ON r.id = s.owner WHERE s.id = {shard}");
        let rows = eventually("the shard has an owner", || async {
            let rows = self.ask(&sql).await.ok()?;
            (!rows.is_empty()).then_some(rows)
        })
        .await;
        rows[0].try_get("", "address").unwrap()
    }

    /// How many attempts the log has of each delivery, by channel and event.
    pub(crate) async fn attempts(&self) -> HashMap<(Uuid, String), usize> {
        // The first is in the delivery's row.
        let sql = "SELECT made.channel_id AS channel, made.event_id AS event, COUNT(*) AS n FROM (
                SELECT channel_id, event_id FROM deliveries WHERE attempt_id IS NOT NULL
                UNION ALL SELECT d.channel_id, d.event_id FROM deliveries d JOIN attempts a ON a.delivery_id = d.id
            ) AS made WHERE made.channel_id IS NOT NULL GROUP BY made.channel_id, made.event_id";
        let rows = eventually("the log can be read", || async { self.ask(sql).await.ok() }).await;
        rows.iter()
            .map(|row| {
                let key = (
                    row.try_get("", "channel").unwrap(),
                    row.try_get("", "event").unwrap(),
                );
                let n: i64 = row.try_get("", "n").unwrap();
                (key, usize::try_from(n).unwrap())
            })
            .collect()
    }

    async fn number(&self, sql: &str) -> i64 {
        let rows = eventually("the tables can be read", || async { self.ask(sql).await.ok() }).await;
        rows.first().expect("a count").try_get("", "n").unwrap()
    }

    /// After a fail-over the first answer may be that the connection is gone.
    async fn ask(&self, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        self.connection.query_all_raw(statement).await
    }
}
