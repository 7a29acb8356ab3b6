//! Connections to PostgreSQL. Of the servers in the URL, in order, only one that accepts writes is used: a standby
//! would answer reads with old data. A connection to a server that became read-only is closed when it is returned,
//! and with several servers the pool follows the primary.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgSslMode};
use sea_orm::sqlx::{self, AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr,
    Statement,
};
use sha2::{Digest, Sha256};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::log::LevelFilter;

use crate::options::{ACQUIRE_TIMEOUT, PING_AFTER_IDLE, SLOW_STATEMENT, STATEMENT_CACHE, quiet};
use crate::{DatabaseSettings, StoreError};

/// PostgreSQL ends a transaction whose client is silent for this long. Otherwise a stalled process, or a machine that
/// is gone without a word, would keep its row locks.
const STALLED: (&str, &str) = ("idle_in_transaction_session_timeout", "3s");
/// What PostgreSQL's planner is told. Batches look costly to it, and it would compile each for 30 ms to run it for one. And
/// it would keep the plan of a prepared statement: made while a table was empty, that goes on to read all of it, or by
/// whichever index came first. Planning anew takes 0.2 ms a statement; commits, for which that is much, keep their plans
/// (`Store::begin_postgres`).
/// And it takes the disk for one that turns (`random_page_cost` 4), so that it would read all of a table of some ten
/// thousand rows to change a few hundred of them.
const PLANNER: [(&str, &str); 3] = [
    ("jit", "off"),
    ("plan_cache_mode", "force_custom_plan"),
    ("random_page_cost", "1.1"),
];
/// How long one of several servers may take to answer before the next is tried.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Interval of checks whether the primary still is one.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Between two rounds of looking for a primary.
const SEARCH_INTERVAL: Duration = Duration::from_millis(250);

/// A pool of connections to the primary.
pub(crate) struct Opened {
    pub(crate) pool: DatabaseConnection,
    pub(crate) following: Option<Following>,
}

/// The task that follows the primary, which ends with this value.
#[derive(Debug)]
pub(crate) struct Following(AbortHandle);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Finds the primary, makes the schema when it is absent, and opens the pool.
pub(crate) async fn open(
    settings: &DatabaseSettings,
    urls: &[String],
    schema: &str,
) -> Result<Opened, StoreError> {
    let servers: Vec<PgConnectOptions> = urls
        .iter()
        .map(|url| server(url, schema))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    let (current, mut connection) = primary(&servers).await?;
    create_schema(&mut connection, schema).await.map_err(failed)?;

    let chosen = servers[current].clone();
    let mut options = ConnectOptions::new(&urls[current]);
    options
        .max_connections(settings.pool_size)
        .min_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire_if_idle_for(PING_AFTER_IDLE)
        .map_sqlx_postgres_opts(move |_| chosen.clone())
        .map_sqlx_postgres_pool_opts(|pool| {
            pool.after_connect(|connection, _| {
                Box::pin(async {
                    match takes_writes(connection).await? {
                        true => Ok(()),
                        false => Err(sqlx::Error::Configuration("the server is read-only".into())),
                    }
                })
            })
            // A connection that answers no more is closed as well, and not waited for.
            .after_release(|connection, _| {
                Box::pin(async {
                    let answer = timeout(ACQUIRE_TIMEOUT, takes_writes(connection)).await;
                    answer.unwrap_or(Err(sqlx::Error::PoolTimedOut))
                })
            })
        });
    let pool = Database::connect(quiet(options)).await?;
    let following = match servers.len() {
        1 => None,
        _ => {
            let sqlx_pool = pool.get_postgres_connection_pool().clone();
            let task = tokio::spawn(follow(servers, sqlx_pool, current, connection));
            Some(Following(task.abort_handle()))
        }
    };
    Ok(Opened { pool, following })
}

/// How a server is spoken to.
fn server(url: &str, schema: &str) -> Result<PgConnectOptions, sqlx::Error> {
    let options: PgConnectOptions = url.parse()?;
    Ok(plain_on_loopback(options)
        .application_name(&format!("watchbell-{schema}"))
        .statement_cache_capacity(STATEMENT_CACHE)
        .options(PLANNER)
        .options([STALLED, ("search_path", schema)])
        .log_statements(LevelFilter::Off)
        .log_slow_statements(LevelFilter::Warn, SLOW_STATEMENT))
}

/// Where both would do, what never leaves the machine goes without TLS: the driver writes it record by record, and there,
/// with packets larger than a record, Nagle's algorithm holds each back for the 40 ms of a delayed acknowledgement.
fn plain_on_loopback(options: PgConnectOptions) -> PgConnectOptions {
    let host = options.get_host().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    match options.get_ssl_mode() {
        PgSslMode::Prefer if loopback => options.ssl_mode(PgSslMode::Disable),
        _ => options,
    }
}

/// The first server that accepts writes. Without one, the error of a standby is more helpful than that of an
/// unreachable server.
async fn primary(servers: &[PgConnectOptions]) -> Result<(usize, PgConnection), StoreError> {
    let patience = if servers.len() > 1 {
        ANSWER_TIMEOUT
    } else {
        ACQUIRE_TIMEOUT
    };
    let mut failure = None;
    for (index, server) in servers.iter().enumerate() {
        let asked = async {
            let mut connection = server.connect().await?;
            let writes = takes_writes(&mut connection).await?;
            Ok((connection, writes))
        };
        match timeout(patience, asked).await {
            Ok(Ok((connection, true))) => return Ok((index, connection)),
            Ok(Ok((_, false))) => {
                let host = format!("{}:{}", server.get_host(), server.get_port());
                failure = Some(StoreError::ReadOnly { host });
            }
            Ok(Err(error)) => drop(failure.get_or_insert(failed(error))),
            Err(_) => drop(failure.get_or_insert(failed(sqlx::Error::PoolTimedOut))),
        }
    }
    Err(failure.unwrap_or_else(|| StoreError::Settings("the database URL names no server".to_owned())))
}

/// Whether the server is no standby, nor fenced by `default_transaction_read_only`.
async fn takes_writes(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let row = connection.fetch_one("SHOW transaction_read_only").await?;
    Ok(row.try_get::<String, _>(0)? == "off")
}

/// `CREATE SCHEMA IF NOT EXISTS` races with itself, hence the lock.
async fn create_schema(connection: &mut PgConnection, schema: &str) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(advisory_key(schema))
        .execute(&mut *transaction)
        .await?;
    let create = format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"");
    transaction.execute(AssertSqlSafe(create)).await?;
    transaction.commit().await
}

/// Held until the transaction ends.
pub(crate) async fn advisory_lock(transaction: &DatabaseTransaction, schema: &str) -> Result<(), DbErr> {
    transaction
        .execute_raw(Statement::from_sql_and_values(
            sea_orm::DbBackend::Postgres,
            "SELECT pg_advisory_xact_lock($1)",
            [advisory_key(schema).into()],
        ))
        .await?;
    Ok(())
}

/// Derived from the schema, so that services do not wait for one another.
fn advisory_key(schema: &str) -> i64 {
    let digest = Sha256::digest(format!("watchbell migrations of {schema}"));
    let bytes = digest.iter().take(8);
    bytes.fold(0_i64, |key, byte| (key << 8) | i64::from(*byte))
}

/// Points the pool at the primary, whichever of the servers it is, until the store is closed.
async fn follow(
    servers: Vec<PgConnectOptions>,
    pool: PgPool,
    mut current: usize,
    mut connection: PgConnection,
) {
    loop {
        while matches!(
            timeout(ANSWER_TIMEOUT, takes_writes(&mut connection)).await,
            Ok(Ok(true))
        ) {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        let found = loop {
            match primary(&servers).await {
                Ok((index, found)) => {
                    connection = found;
                    break index;
                }
                Err(_) => tokio::time::sleep(SEARCH_INTERVAL).await,
            }
        };
        if found != current {
            let server = servers[found].clone();
            tracing::warn!(
                host = server.get_host(),
                port = server.get_port(),
                "failed over to another PostgreSQL primary"
            );
            pool.set_connect_options(server);
            current = found;
        }
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))).into()
}
