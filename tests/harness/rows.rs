//! What the Dispatcher's tables say, for what no RPC shows: leases, and the log as a whole.

use std::collections::{HashMap, HashSet};

use sea_orm::{ConnectOptions, ConnectionTrait as _, DatabaseConnection, Statement};
use uuid::Uuid;

use super::Database;

/// The Dispatcher's tables, for reading.
pub(crate) struct Rows(DatabaseConnection);

impl Rows {
    pub(crate) async fn of_dispatcher(database: &Database) -> Self {
        let mut options = match database.postgres() {
            Some((url, schema)) => {
                let mut options = ConnectOptions::new(url);
                options.set_schema_search_path(format!("{schema}_dispatcher"));
                options
            }
            None => {
                let path = database.directory().join("dispatcher.db");
                ConnectOptions::new(format!("sqlite://{}?mode=ro", path.display()))
            }
        };
        options.max_connections(1).sqlx_logging(false);
        Self(
            sea_orm::Database::connect(options)
                .await
                .expect("the database opens"),
        )
    }

    /// Deliveries that have an owner or have not arrived.
    pub(crate) async fn unfinished(&self) -> i64 {
        self.number("SELECT COUNT(*) AS n FROM deliveries WHERE lease_owner IS NOT NULL OR state <> 5")
            .await
    }

    /// All deliveries.
    pub(crate) async fn deliveries(&self) -> i64 {
        self.number("SELECT COUNT(*) AS n FROM deliveries").await
    }

    /// Replicas that count as alive, unless the database is away.
    pub(crate) async fn replicas(&self) -> Option<HashSet<Uuid>> {
        let statement = Statement::from_string(self.0.get_database_backend(), "SELECT id FROM replicas");
        let rows = self.0.query_all_raw(statement).await.ok()?;
        Some(rows.iter().map(|row| row.try_get("", "id").unwrap()).collect())
    }

    /// How many attempts the log has of each delivery, by channel and event.
    pub(crate) async fn attempts(&self) -> HashMap<(Uuid, String), usize> {
        let sql = "SELECT d.channel_id AS channel, d.event_id AS event, COUNT(*) AS n
            FROM deliveries d JOIN attempts a ON a.delivery_id = d.id
            WHERE d.channel_id IS NOT NULL GROUP BY d.channel_id, d.event_id";
        let statement = Statement::from_string(self.0.get_database_backend(), sql);
        let rows = self
            .0
            .query_all_raw(statement)
            .await
            .expect("the log can be read");
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
        let statement = Statement::from_string(self.0.get_database_backend(), sql);
        let row = self
            .0
            .query_one_raw(statement)
            .await
            .expect("the tables can be read");
        row.expect("a count").try_get("", "n").unwrap()
    }
}
