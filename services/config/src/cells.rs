//! Cells: how Config calls their Dispatchers.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::timeout;
use tonic::{Response, Status};
use uuid::Uuid;
use watchbell_contracts::api::TeamMoveApi;
use watchbell_contracts::dispatcher::v1::{DescribeCellRequest, DescribeCellResponse};
use watchbell_model::cell::MAIN;
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::client::ClientError;
use watchbell_runtime::problem::Problem;
use watchbell_store::Store;

use crate::error::Result;
use crate::store::cells;
use crate::store::entities::cell;

/// The longest wait for an answer about a cell that somebody waits for.
const DESCRIBED: Duration = Duration::from_secs(3);

/// A client of the Dispatcher at an address.
pub type ConnectCell =
    Arc<dyn Fn(&str) -> std::result::Result<Arc<dyn TeamMoveApi>, ClientError> + Send + Sync>;

/// How the Dispatchers of cells are called.
pub struct CellClients {
    /// Calls one at an address.
    pub connect: ConnectCell,
    /// Addresses of those of the cell `main`; empty when one is in this process.
    pub main: Vec<String>,
    /// The one in this process.
    pub local: Option<Arc<dyn TeamMoveApi>>,
}

/// The clients, once they are there.
#[derive(Default)]
pub(crate) struct Cells(OnceLock<CellClients>);

/// What a Dispatcher says of its cell.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) database_id: Uuid,
    pub(crate) can_move_teams: bool,
    pub(crate) version: String,
    /// At which the cell's Dispatchers are sought.
    pub(crate) addresses: Vec<String>,
}

// === impl Cells ===

impl Cells {
    /// The first ones stay.
    pub(crate) fn attach(&self, clients: CellClients) {
        let _ = self.0.set(clients);
    }

    fn clients(&self) -> std::result::Result<&CellClients, Problem> {
        self.0
            .get()
            .ok_or_else(|| Problem::unavailable("no Dispatcher is attached"))
    }

    /// Calls a Dispatcher of a cell: one after the other, until one can be reached.
    pub(crate) async fn call<T, F>(
        &self,
        name: &str,
        addresses: &[String],
        limit: Duration,
        call: impl Fn(Arc<dyn TeamMoveApi>) -> F,
    ) -> std::result::Result<T, Status>
    where
        F: Future<Output = std::result::Result<Response<T>, Status>>,
    {
        let clients = self.clients()?;
        let mut last = Status::from(unreachable(name));
        let mut dispatchers = Vec::new();
        match (&clients.local, name == MAIN && clients.main.is_empty()) {
            (Some(local), true) => dispatchers.push(Arc::clone(local)),
            _ => {
                for address in addresses {
                    dispatchers.push((clients.connect)(address).map_err(Problem::internal)?);
                }
            }
        }
        for dispatcher in dispatchers {
            match timeout(limit, call(dispatcher)).await {
                Ok(Ok(answer)) => return Ok(answer.into_inner()),
                // A connection that breaks has no details.
                Ok(Err(status)) if !status.details().is_empty() => return Err(status),
                Ok(Err(status)) => last = status,
                Err(_) => last = unreachable(name).into(),
            }
        }
        Err(last)
    }

    /// The addresses of the cell `main`, when they are configured.
    fn main_addresses(&self) -> Vec<String> {
        self.0
            .get()
            .map(|clients| clients.main.clone())
            .unwrap_or_default()
    }

    /// Asks a cell what it is.
    pub(crate) async fn describe(
        &self,
        name: &str,
        addresses: &[String],
    ) -> std::result::Result<Described, Problem> {
        let ask = |dispatcher: Arc<dyn TeamMoveApi>| async move {
            dispatcher
                .describe_cell(internal_request(DescribeCellRequest {}))
                .await
        };
        let answer: DescribeCellResponse =
            self.call(name, addresses, DESCRIBED, ask)
                .await
                .map_err(|status| {
                    tracing::info!(%status, cell = name, "a cell does not say what it is");
                    unreachable(name)
                })?;
        Ok(Described {
            database_id: answer.database_id.parse().map_err(Problem::internal)?,
            can_move_teams: answer.can_move_teams,
            version: answer.version,
            addresses: match addresses {
                [] => answer.addresses,
                given => given.to_vec(),
            },
        })
    }

    /// Asks the cell `main` what it is.
    pub(crate) async fn describe_main(&self) -> std::result::Result<Described, Problem> {
        self.describe(MAIN, &self.main_addresses()).await
    }

    /// Asks a cell that is known; of `main` the addresses may have changed, which is noted.
    pub(crate) async fn describe_known(&self, store: &Store, row: &cell::Model) -> Result<Described> {
        if row.name != MAIN {
            return Ok(self.describe(&row.name, &row.addresses()).await?);
        }
        let described = self.describe_main().await?;
        if described.addresses != row.addresses() && !described.addresses.is_empty() {
            let row = cell::Model {
                addresses: described.addresses.join("\n"),
                ..row.clone()
            };
            cells::put(store.writer(), row).await?;
        }
        Ok(described)
    }
}

impl std::fmt::Debug for Cells {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cells").finish_non_exhaustive()
    }
}

fn unreachable(name: &str) -> Problem {
    Problem::Precondition {
        reason: "CELL_UNREACHABLE",
        message: format!("no Dispatcher of the cell {name} answers"),
    }
}
