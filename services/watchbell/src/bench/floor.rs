//! The floor of `EmitStream` to one webhook: what its parts cost when nothing is around them. A stream that is only
//! answered, the rows that it leaves committed in batches of the same size, and the bare POST. On SQLite, whose work is
//! this process's own.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::ceilings;
use super::lab::Lab;
use super::load::How;
use super::meter::Cpu;
use super::report::Figure;
use super::throughput;
use crate::failure::Outcome;

/// Rows of each table that are written again, at most.
const ROWS: i64 = 20_000;
/// What changes in a delivery's row when it ends, besides its attempt.
const END: [&str; 6] = [
    "state",
    "state_message",
    "tries",
    "first_attempt_at",
    "due_at",
    "ended_at",
];
/// Of the columns of its attempt.
const ATTEMPT: &str = "attempt_";

/// Rows of one table, with the names of their columns.
struct Rows {
    table: &'static str,
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

/// What a run of `EmitStream` leaves behind.
struct Written {
    events: Rows,
    deliveries: Rows,
    alerts: Rows,
    schema: Vec<String>,
}

/// Measures `EmitStream`, then its parts. Nothing on PostgreSQL.
pub(super) async fn measure(lab: &Lab, span: Duration) -> Outcome<Option<Figure>> {
    let Some(file) = lab.site.dispatcher_file() else {
        return Ok(None);
    };
    let before = lab.commits()?;
    let run = throughput::stream(lab, "floor", span).await?;
    let commits = lab.commits()? - before;
    let size = (run.emitted.accepted as f64 / commits.max(1.0)).round().max(1.0);

    let (echo, _) = ceilings::echo(lab, How::Stream, span).await?;
    let posts = ceilings::posts(lab, span).await?;
    let directory = lab.site.data.path().to_owned();
    let rows =
        tokio::task::spawn_blocking(move || rewrite(&file, &directory.join("floor.db"), size as usize))
            .await
            .map_err(anyhow::Error::from)??;

    let each = |seconds: f64, count: u64| seconds * 1e6 / count.max(1) as f64;
    let parts = [
        each(echo.cpu.own(), echo.count),
        rows,
        each(posts.cpu.load, posts.count),
    ];
    let floor: f64 = parts.iter().sum();
    let own = run.own_each() * 1e6;
    let multiple = own / floor;
    Ok(Some(
        Figure::new("EmitStream beside the floor of its parts", format!("{multiple:.2} ×"))
            .details(format!(
                "own CPU an event {own:.0} µs; alone: stream {:.0}, rows {:.0} (by {size:.0} events a commit), POST {:.0}, \
                 together {floor:.0} µs",
                parts[0], parts[1], parts[2]
            ))
            .value("multiple", multiple)
            .value("floor_us", floor)
            .goal("≤ 1.8 ×", multiple <= 1.8),
    ))
}

/// Writes the newest rows into a new database, `size` events a transaction; µs of CPU an event.
fn rewrite(source: &Path, target: &Path, size: usize) -> Outcome<f64> {
    let written = Written::read(source).map_err(anyhow::Error::from)?;
    let cpu = Cpu::now();
    written.write(target, size).map_err(anyhow::Error::from)?;
    Ok(Cpu::since(&cpu).own() * 1e6 / written.events.rows.len().max(1) as f64)
}

// === impl Written ===

impl Written {
    fn read(file: &Path) -> rusqlite::Result<Self> {
        let source = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let team = source.query_row(
            "SELECT team_id FROM events ORDER BY accepted_at DESC LIMIT 1",
            [],
            |row| row.get::<_, Value>(0),
        )?;
        let rows = |table, order| Rows::read(&source, table, order, &team);
        let sql = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' \
                   AND tbl_name IN ('events', 'deliveries', 'alerts') ORDER BY type DESC";
        let schema = source
            .prepare(sql)?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        Ok(Self {
            events: rows("events", "accepted_at")?,
            deliveries: rows("deliveries", "created_at")?,
            alerts: rows("alerts", "opened_at")?,
            schema,
        })
    }

    fn write(&self, file: &Path, size: usize) -> rusqlite::Result<()> {
        let target = Connection::open(file)?;
        target.set_prepared_statement_cache_capacity(64);
        // As Watchbell writes: durable with each commit.
        for (name, value) in [
            ("journal_mode", "WAL"),
            ("synchronous", "FULL"),
            ("wal_autocheckpoint", "4000"),
        ] {
            target.pragma_update(None, name, value)?;
        }
        target.execute_batch(&self.schema.join(";\n"))?;
        let pending = self.deliveries.pending();
        let mut under_way = 0..0;
        for start in (0..self.events.rows.len().max(1)).step_by(size) {
            let next = start..start + size;
            let transaction = target.unchecked_transaction()?;
            self.events.insert(&transaction, next.clone())?;
            self.alerts.insert(&transaction, next.clone())?;
            pending.insert(&transaction, next.clone())?;
            self.deliveries.end(&transaction, under_way)?;
            transaction.commit()?;
            under_way = next;
        }
        let transaction = target.unchecked_transaction()?;
        self.deliveries.end(&transaction, under_way)?;
        transaction.commit()
    }
}

// === impl Rows ===

impl Rows {
    fn read(source: &Connection, table: &'static str, order: &str, team: &Value) -> rusqlite::Result<Self> {
        let sql = format!("SELECT * FROM {table} WHERE team_id = ? ORDER BY {order} DESC LIMIT {ROWS}");
        let mut statement = source.prepare(&sql)?;
        let columns: Vec<_> = statement.column_names().iter().map(ToString::to_string).collect();
        let mut rows = statement
            .query_map([team], |row| (0..columns.len()).map(|at| row.get(at)).collect())?
            .collect::<rusqlite::Result<Vec<Vec<_>>>>()?;
        rows.reverse();
        Ok(Self { table, columns, rows })
    }

    /// The same deliveries as they are before their first attempt.
    fn pending(&self) -> Self {
        let mut rows = self.rows.clone();
        for row in &mut rows {
            for (value, column) in row.iter_mut().zip(&self.columns) {
                match column.as_str() {
                    "state" => *value = Value::Integer(1),
                    "attempt_count" | "tries" => *value = Value::Integer(0),
                    "first_attempt_at" | "ended_at" => *value = Value::Null,
                    column if column.starts_with(ATTEMPT) => *value = Value::Null,
                    _ => {}
                }
            }
        }
        Self {
            table: self.table,
            columns: self.columns.clone(),
            rows,
        }
    }

    fn some(&self, range: std::ops::Range<usize>) -> &[Vec<Value>] {
        let end = range.end.min(self.rows.len());
        &self.rows[range.start.min(end)..end]
    }

    fn insert(&self, target: &Connection, range: std::ops::Range<usize>) -> rusqlite::Result<()> {
        let places = vec!["?"; self.columns.len()].join(", ");
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({places}) ON CONFLICT DO NOTHING",
            self.table,
            self.columns.join(", ")
        );
        let mut statement = target.prepare_cached(&sql)?;
        for row in self.some(range) {
            statement.execute(params_from_iter(row))?;
        }
        Ok(())
    }

    /// Writes how deliveries ended.
    fn end(&self, target: &Connection, range: std::ops::Range<usize>) -> rusqlite::Result<()> {
        let changes = |column: &str| END.contains(&column) || column.starts_with(ATTEMPT);
        let set: Vec<_> = (0..self.columns.len())
            .filter(|&at| changes(&self.columns[at]))
            .collect();
        let names: Vec<_> = set
            .iter()
            .map(|&at| format!("{} = ?", self.columns[at]))
            .collect();
        let sql = format!("UPDATE {} SET {} WHERE id = ?", self.table, names.join(", "));
        let mut statement = target.prepare_cached(&sql)?;
        let id = self.columns.iter().position(|column| column == "id");
        let values: Vec<_> = set.into_iter().chain(id).collect();
        for row in self.some(range) {
            statement.execute(params_from_iter(values.iter().map(|&at| &row[at])))?;
        }
        Ok(())
    }
}
