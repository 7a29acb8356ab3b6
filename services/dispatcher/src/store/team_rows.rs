//! All rows of one team, as they go from one cell to another: as JSON, which the other PostgreSQL reads by the types of its columns, so
//! that nothing here knows what a column means. Triggers note what changes while a team's rows are copied; they exist during its move.

use std::fmt::Write as _;

use sea_orm::{DbErr, QueryResult, Value};
use watchbell_model::ids::TeamId;

use super::Db;
use super::transaction::Transaction;

/// A table with rows of teams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Columns that tell its rows apart, by which they are read in order.
    key: &'static [&'static str],
    /// Where a team's rows `t` are found by an index.
    from: &'static str,
}

/// Every table with rows of teams, in the order in which they are copied: the deletion of old rows leaves attempts and events alone that
/// belong to a delivery.
pub(crate) const TABLES: [Table; 10] = [
    table("deliveries", &["team_id", "id"]).found_by("deliveries t WHERE t.team_id = $1"),
    table("attempts", &["delivery_id", "number", "id"]).found_by(
        "deliveries d JOIN attempts t ON t.delivery_id = d.id AND t.team_id = d.team_id WHERE d.team_id = $1",
    ),
    table("events", &["team_id", "id"]).found_by("events t WHERE t.team_id = $1"),
    table("notifications", &["team_id", "cursor"]).found_by("notifications t WHERE t.team_id = $1"),
    table("notification_marks", &["team_id", "member_id", "cursor"])
        .found_by("notification_marks t WHERE t.team_id = $1"),
    table("inbox_members", &["team_id", "member_id"]).found_by("inbox_members t WHERE t.team_id = $1"),
    table("alerts", &["team_id", "key"]).found_by("alerts t WHERE t.team_id = $1"),
    table("reminders", &["team_id", "alert_key", "kind", "origin"])
        .found_by("reminders t WHERE t.team_id = $1"),
    table("channel_health", &["channel_id"]).found_by("channel_health t WHERE t.team_id = $1"),
    table("delivery_failures", &["lane_id"]).found_by("delivery_failures t WHERE t.team_id = $1"),
];

/// Rows of a page at most.
const ROWS: i64 = 2_000;
/// Bytes of a page; one more row may exceed it.
const BYTES: usize = 2 * 1024 * 1024;
/// Changes that are read at once.
const CHANGES: i64 = 2_000;
/// Rows that are removed at once.
const REMOVED: i64 = 500;
/// How long making a trigger waits for the transactions that write to its table, while others wait behind it. An automatic vacuum that is in
/// the way is cancelled after a second.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '1200ms'";
/// Removes some of a team's deliveries with their attempts.
const REMOVE_DELIVERIES: &str = "
    WITH gone AS (DELETE FROM deliveries
            WHERE id = ANY(ARRAY(SELECT id FROM deliveries WHERE team_id = $1 LIMIT $2)) RETURNING id),
        attempts_gone AS (DELETE FROM attempts WHERE delivery_id = ANY(ARRAY(SELECT id FROM gone)))
    SELECT id FROM gone";
/// Until a transaction ends.
const NO_SORT: &str =
    "SELECT set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true)";
/// How much greater the next cursor is than those that have arrived: so many may be given at the same time by others.
const CURSOR_GAP: i64 = 1_000_000;

/// Rows in the order of their key.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) rows: Vec<String>,
    /// The key of the last one, if there may be more.
    pub(crate) next: Option<String>,
}

/// A row that has changed.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) seq: i64,
    pub(crate) table: Table,
    /// JSON of its key.
    pub(crate) key: String,
}

const fn table(name: &'static str, key: &'static [&'static str]) -> Table {
    Table { name, key, from: "" }
}

/// Columns of the row `a` whose key is the JSON of a parameter.
fn key_from_json(table: Table, columns: &str, parameter: usize) -> String {
    format!(
        "(SELECT {columns} FROM jsonb_populate_record(CAST(NULL AS {}), CAST(${parameter} AS jsonb)) a)",
        table.name
    )
}

/// JSON texts as one array.
pub(crate) fn array(rows: &[String]) -> String {
    format!("[{}]", rows.join(","))
}

// === impl Table ===

impl Table {
    const fn found_by(mut self, from: &'static str) -> Self {
        self.from = from;
        self
    }

    /// The table of a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        TABLES.into_iter().find(|table| table.name == name)
    }

    /// The one that is copied next.
    pub(crate) fn next(self) -> Option<Self> {
        let place = TABLES.iter().position(|table| *table == self)?;
        TABLES.get(place + 1).copied()
    }

    /// The columns of its key, of a row that is called so.
    fn key_of(&self, row: &str) -> String {
        let columns = self.key.iter().map(|column| format!("{row}.{column}"));
        columns.collect::<Vec<_>>().join(", ")
    }

    /// A team's rows `t` whose keys are the JSON `$2`, and their places. Each is found by its key, whatever PostgreSQL's statistics say:
    /// they are older than what was just copied.
    fn by_keys(&self) -> String {
        let (name, of_keys) = (self.name, self.key_of("k"));
        format!(
            "(SELECT DISTINCT {of_keys} FROM json_populate_recordset(CAST(NULL AS {name}), CAST($2 AS json)) k) k
            CROSS JOIN LATERAL
                (SELECT {name}.ctid AS place, CAST(row_to_json({name}) AS text) AS row FROM {name}
                WHERE ({}) = ({of_keys}) AND {name}.team_id = $1 OFFSET 0) t",
            self.key_of(name)
        )
    }

    fn key_as_json(&self) -> String {
        let columns = self.key.iter().map(|column| format!("'{column}', t.{column}"));
        columns.collect::<Vec<_>>().join(", ")
    }
}

// === impl Db ===

impl Db {
    /// Begins to note changes of a team's rows in a table.
    pub(crate) async fn watch_rows(&self, team: TeamId, table: Table) -> Result<(), DbErr> {
        let name = trigger(team);
        if self.has_trigger(&name, table).await? {
            return Ok(());
        }
        let transaction = self.begin().await?;
        self.run(&transaction, LOCK_TIMEOUT).await?;
        let arguments: Vec<String> = table.key.iter().map(|column| format!("'{column}'")).collect();
        for (suffix, when, row) in [("", "INSERT OR UPDATE", "NEW"), ("_d", "DELETE", "OLD")] {
            let sql = format!(
                "CREATE TRIGGER {name}{suffix} AFTER {when} ON {} FOR EACH ROW WHEN ({row}.team_id = '{}')
                EXECUTE FUNCTION note_team_change({})",
                table.name,
                team.as_uuid(),
                arguments.join(", ")
            );
            self.run(&transaction, &sql).await?;
        }
        self.commit(transaction).await
    }

    /// Notes changes of a team's rows in a table no more.
    pub(crate) async fn unwatch_rows(&self, team: TeamId, table: Table) -> Result<(), DbErr> {
        let name = trigger(team);
        if !self.has_trigger(&name, table).await? {
            return Ok(());
        }
        let transaction = self.begin().await?;
        self.run(&transaction, LOCK_TIMEOUT).await?;
        for suffix in ["", "_d"] {
            let sql = format!("DROP TRIGGER IF EXISTS {name}{suffix} ON {}", table.name);
            self.run(&transaction, &sql).await?;
        }
        self.commit(transaction).await
    }

    async fn has_trigger(&self, name: &str, table: Table) -> Result<bool, DbErr> {
        let sql = "SELECT 1 AS one FROM pg_trigger WHERE tgname = $1 AND tgrelid = to_regclass($2)";
        let rows = self.query(sql, vec![name.into(), table.name.into()]).await?;
        Ok(!rows.is_empty())
    }

    async fn run(&self, transaction: &Transaction, sql: &str) -> Result<(), DbErr> {
        transaction.execute(self.statement(sql, vec![])).await.map(drop)
    }

    /// The key of a team's last row in a table.
    pub(crate) async fn last_key(&self, team: TeamId, table: Table) -> Result<Option<String>, DbErr> {
        let last_first: Vec<String> = table
            .key
            .iter()
            .map(|column| format!("t.{column} DESC"))
            .collect();
        let sql = format!(
            "SELECT CAST(json_build_object({}) AS text) AS key FROM {} ORDER BY {} LIMIT 1",
            table.key_as_json(),
            table.from,
            last_first.join(", ")
        );
        let rows = self.in_order(sql, vec![team.as_uuid().into()]).await?;
        rows.first().map(|row| row.try_get("", "key")).transpose()
    }

    /// Reads by the index that has the order. Otherwise PostgreSQL may sort all rows that follow for each page.
    async fn in_order(&self, sql: String, values: Vec<Value>) -> Result<Vec<QueryResult>, DbErr> {
        let transaction = self.begin().await?;
        self.run(&transaction, NO_SORT).await?;
        let rows = transaction.rows(self.statement(sql, values)).await?;
        self.commit(transaction).await?;
        Ok(rows)
    }

    /// The rows of a team after a key, and until another.
    pub(crate) async fn page_of_team(
        &self,
        team: TeamId,
        table: Table,
        after: Option<&str>,
        until: &str,
    ) -> Result<Page, DbErr> {
        let key = table.key_of("t");
        let mut values: Vec<Value> = vec![team.as_uuid().into(), ROWS.into(), until.into()];
        let mut condition = format!(" AND ({key}) <= {}", key_from_json(table, &table.key_of("a"), 3));
        if let Some(after) = after {
            values.push(after.into());
            let _ = write!(
                condition,
                " AND ({key}) > {}",
                key_from_json(table, &table.key_of("a"), 4)
            );
            if table.name == "attempts" {
                let delivery = key_from_json(table, "a.delivery_id", 4);
                let _ = write!(condition, " AND d.id >= {delivery}");
            }
        }
        let sql = format!(
            "SELECT CAST(row_to_json(t) AS text) AS row, CAST(json_build_object({}) AS text) AS key
            FROM {}{condition} ORDER BY {key} LIMIT $2",
            table.key_as_json(),
            table.from
        );
        let found = self.in_order(sql, values).await?;
        let mut page = Page::default();
        let mut bytes = 0;
        for row in &found {
            let text: String = row.try_get("", "row")?;
            bytes += text.len();
            page.rows.push(text);
            if bytes >= BYTES || page.rows.len() as i64 == ROWS {
                page.next = Some(row.try_get("", "key")?);
                break;
            }
        }
        Ok(page)
    }

    /// The oldest changes of a team's rows that were noted.
    pub(crate) async fn changes_of_team(&self, team: TeamId) -> Result<Vec<Change>, DbErr> {
        let sql = "SELECT seq, source_table, key FROM team_changes WHERE team_id = $1 ORDER BY seq LIMIT $2";
        let rows = self
            .query(sql, vec![team.as_uuid().into(), CHANGES.into()])
            .await?;
        rows.iter()
            .map(|row| {
                let table: String = row.try_get("", "source_table")?;
                let table = Table::named(&table)
                    .ok_or_else(|| DbErr::Type(format!("{table} is no table of teams")))?;
                Ok(Change {
                    seq: row.try_get("", "seq")?,
                    table,
                    key: row.try_get("", "key")?,
                })
            })
            .collect()
    }

    /// The rows of a team with these keys, of those that there are.
    pub(crate) async fn rows_of_team(
        &self,
        team: TeamId,
        table: Table,
        keys: &str,
    ) -> Result<Vec<String>, DbErr> {
        let sql = format!("SELECT t.row FROM {}", table.by_keys());
        let rows = self.query(sql, vec![team.as_uuid().into(), keys.into()]).await?;
        rows.iter().map(|row| row.try_get("", "row")).collect()
    }

    /// Whether a change of a team's rows was noted that is not forgotten.
    pub(crate) async fn has_changes(&self, transaction: &Transaction, team: TeamId) -> Result<bool, DbErr> {
        let sql = "SELECT 1 AS one FROM team_changes WHERE team_id = $1 LIMIT 1";
        let rows = transaction
            .rows(self.statement(sql, vec![team.as_uuid().into()]))
            .await?;
        Ok(!rows.is_empty())
    }

    /// Forgets changes that are copied.
    pub(crate) async fn forget_changes(&self, team: TeamId, seqs: &[i64]) -> Result<(), DbErr> {
        if seqs.is_empty() {
            return Ok(());
        }
        let batch = super::batch::Batch::new().big("seq", seqs.iter().copied());
        let sql = "DELETE FROM team_changes WHERE team_id = {0} AND seq IN (SELECT seq FROM ({rows}) AS b)";
        self.write(batch.statement(self.backend(), sql, vec![team.as_uuid().into()]))
            .await
            .map(drop)
    }

    /// Forgets all changes of a team that does not leave.
    pub(crate) async fn forget_all_changes(
        &self,
        transaction: &Transaction,
        team: TeamId,
    ) -> Result<(), DbErr> {
        let sql = "DELETE FROM team_changes WHERE team_id = $1";
        transaction
            .execute(self.statement(sql, vec![team.as_uuid().into()]))
            .await
            .map(drop)
    }

    /// Writes rows of a team in place of those with these keys; without keys, those that are there stay as they are. How many
    /// were written.
    pub(crate) async fn put_rows(
        &self,
        transaction: &Transaction,
        team: TeamId,
        table: Table,
        rows: &str,
        keys: Option<&str>,
    ) -> Result<u64, DbErr> {
        let name = table.name;
        let values = |json: &str| vec![team.as_uuid().into(), json.into()];
        if let Some(keys) = keys {
            let sql = format!(
                "DELETE FROM {name} WHERE ctid = ANY(ARRAY(SELECT t.place FROM {}))",
                table.by_keys()
            );
            transaction.execute(self.statement(sql, values(keys))).await?;
        }
        let sql = format!(
            "INSERT INTO {name} SELECT * FROM json_populate_recordset(CAST(NULL AS {name}), CAST($2 AS json)) r
            WHERE r.team_id = $1 ON CONFLICT DO NOTHING"
        );
        transaction.execute(self.statement(sql, values(rows))).await
    }

    /// Removes some of a team's rows; how many. None is left after 0.
    pub(crate) async fn remove_rows(&self, transaction: &Transaction, team: TeamId) -> Result<u64, DbErr> {
        let changes = "DELETE FROM team_changes WHERE seq IN (SELECT seq FROM team_changes WHERE team_id = $1 LIMIT $2)";
        let values = || vec![team.as_uuid().into(), REMOVED.into()];
        let mut removed = transaction.execute(self.statement(changes, values())).await?;
        for table in TABLES {
            if removed > 0 {
                break;
            }
            removed = match table.name {
                // They go with their deliveries.
                "attempts" => continue,
                "deliveries" => {
                    let rows = transaction
                        .rows(self.statement(REMOVE_DELIVERIES, values()))
                        .await?;
                    rows.len() as u64
                }
                name => {
                    let sql = format!(
                        "DELETE FROM {name} WHERE ctid = ANY(ARRAY(SELECT t.ctid FROM {} LIMIT $2))",
                        table.from
                    );
                    transaction.execute(self.statement(sql, values())).await?
                }
            };
        }
        Ok(removed)
    }

    /// Lets the cursors of new notifications be greater than those of a team that has arrived.
    pub(crate) async fn pass_cursors(&self, transaction: &Transaction, team: TeamId) -> Result<(), DbErr> {
        let sql = "SELECT setval(serial, arrived.cursor + $2) AS cursor
            FROM (SELECT MAX(cursor) AS cursor FROM notifications WHERE team_id = $1) AS arrived,
                CAST(pg_get_serial_sequence('notifications', 'cursor') AS regclass) AS serial
            WHERE arrived.cursor >= nextval(serial)";
        let values = vec![team.as_uuid().into(), CURSOR_GAP.into()];
        transaction.rows(self.statement(sql, values)).await.map(drop)
    }
}

/// The name of a team's triggers.
fn trigger(team: TeamId) -> String {
    format!("moves_{}", team.as_uuid().simple())
}
