//! The rows of a team on their way: what the cell that it leaves hands out, and what its next cell takes.

use serde::{Deserialize, Serialize};
use tonic::Request;
use watchbell_contracts::api::TeamMoveApi;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_contracts::dispatcher::v1::team_move_service_client::TeamMoveServiceClient;
use watchbell_model::ids::TeamId;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::problem::Problem;

use super::{Result, is, step, wrong_state};
use crate::api::Service;
use crate::state::Core;
use crate::store::{Change, MoveState, Page, TABLES, Table, array};

/// The largest answer of another cell.
const MAX_ROWS_BYTES: usize = 256 * 1024 * 1024;

pub(in crate::api) async fn read_rows(
    core: &Core,
    request: Request<wire::ReadRowsRequest>,
) -> Result<wire::ReadRowsResponse> {
    let (team, move_id) = step(core, &request)?;
    let request = request.into_inner();
    let known = core.db.team_move(team).await?;
    if !is(known.as_ref(), move_id, &[MoveState::Copying, MoveState::Frozen]) {
        return Err(wrong_state(team, known.as_ref()));
    }
    if request.table.is_empty() {
        core.db.forget_changes(team, &request.copied_changes).await?;
        return changed(core, team).await;
    }
    let table = table(&request.table)?;
    let until = match request.until.is_empty() {
        true => core.db.last_key(team, table).await?.unwrap_or_default(),
        false => request.until,
    };
    let page = match until.is_empty() {
        true => Page::default(),
        false => {
            let after = Some(request.after.as_str()).filter(|after| !after.is_empty());
            core.db.page_of_team(team, table, after, &until).await?
        }
    };
    Ok(wire::ReadRowsResponse {
        tables: vec![wire::TableRows {
            table: request.table,
            rows: array(&page.rows),
            keys: String::new(),
        }],
        next: page.next.unwrap_or_default(),
        until,
        changes: Vec::new(),
    })
}

/// The rows that have changed, as they are now.
async fn changed(core: &Core, team: TeamId) -> Result<wire::ReadRowsResponse> {
    let changes = core.db.changes_of_team(team).await?;
    let mut tables = Vec::new();
    for table in TABLES {
        let of_table = changes.iter().filter(|change| change.table == table);
        let keys: Vec<String> = of_table.map(|change| change.key.clone()).collect();
        if !keys.is_empty() {
            let keys = array(&keys);
            tables.push(wire::TableRows {
                table: table.name.to_owned(),
                rows: array(&core.db.rows_of_team(team, table, &keys).await?),
                keys,
            });
        }
    }
    Ok(wire::ReadRowsResponse {
        tables,
        next: String::new(),
        until: String::new(),
        changes: changes.iter().map(|Change { seq, .. }| *seq).collect(),
    })
}

fn table(name: &str) -> Result<Table> {
    let unknown = || Violations::one("table", reason::NOT_ALLOWED, "is no table of teams");
    Ok(Table::named(name).ok_or_else(unknown)?)
}

/// How far copying is.
#[derive(Debug, Serialize, Deserialize)]
enum Progress {
    /// Rows of a table, after a key and until another, both as JSON; empty while they are not known.
    Table {
        name: String,
        after: String,
        until: String,
    },
    /// All tables were copied once. The changes that are copied stay noted in the other cell until it is told.
    Changes {
        /// How often changes were copied, so that no two states are alike.
        round: u64,
        copied: Vec<i64>,
    },
}

// === impl Progress ===

impl Progress {
    fn of(table: Table) -> Self {
        Self::Table {
            name: table.name.to_owned(),
            after: String::new(),
            until: String::new(),
        }
    }

    fn read(text: &str) -> Result<Self> {
        match text {
            "" => Ok(Self::of(TABLES[0])),
            text => Ok(serde_json::from_str(text).map_err(Problem::internal)?),
        }
    }

    /// How far it is after these rows.
    fn next(self, read: &wire::ReadRowsResponse) -> Result<Self> {
        Ok(match self {
            Self::Table { name, .. } if !read.next.is_empty() => Self::Table {
                name,
                after: read.next.clone(),
                until: read.until.clone(),
            },
            Self::Table { name, .. } => table(&name)?.next().map_or(
                Self::Changes {
                    round: 0,
                    copied: Vec::new(),
                },
                Self::of,
            ),
            Self::Changes { round, .. } => Self::Changes {
                round: round + 1,
                copied: read.changes.clone(),
            },
        })
    }

    fn request(&self, team_id: String, move_id: String) -> wire::ReadRowsRequest {
        let request = wire::ReadRowsRequest {
            team_id,
            move_id,
            ..wire::ReadRowsRequest::default()
        };
        match self {
            Self::Table { name, after, until } => wire::ReadRowsRequest {
                table: name.clone(),
                after: after.clone(),
                until: until.clone(),
                ..request
            },
            Self::Changes { copied, .. } => wire::ReadRowsRequest {
                copied_changes: copied.clone(),
                ..request
            },
        }
    }
}

pub(in crate::api) async fn import_rows(
    service: &Service,
    request: Request<wire::ImportRowsRequest>,
) -> Result<wire::ImportRowsResponse> {
    let core = &service.core;
    let (team, move_id) = step(core, &request)?;
    let addresses = request.into_inner().source_addresses;
    let addresses = addresses.iter().map(|address| address.as_str().into()).collect();
    let source = service
        .peers
        .as_service(service.one_of(&addresses)?)
        .map_err(Problem::internal)?;
    let source = TeamMoveServiceClient::new(source).max_decoding_message_size(MAX_ROWS_BYTES);
    let known = core.db.team_move(team).await?;
    let is_arriving = is(known.as_ref(), move_id, &[MoveState::Arriving]);
    let Some(known) = known.filter(|_| is_arriving) else {
        return Err(wrong_state(team, None));
    };
    let progress = Progress::read(&known.progress)?;
    let of_changes = matches!(progress, Progress::Changes { .. });
    let asked = progress.request(team.to_string(), move_id.to_string());
    let read = TeamMoveApi::read_rows(&source, internal_request(asked)).await;
    let read = read.map_err(|status| Problem::from_upstream("the other cell", status))?;
    let read = read.into_inner();
    let transaction = core.db.begin().await?;
    let locked = core.db.lock_team_move(&transaction, team).await?;
    if locked.as_ref() != Some(&known) {
        // Another call has copied more meanwhile: what was read before would be written after it.
        return Err(wrong_state(team, locked.as_ref()));
    }
    let mut rows = 0;
    for of_table in &read.tables {
        let table = table(&of_table.table)?;
        let keys = Some(of_table.keys.as_str()).filter(|keys| !keys.is_empty());
        rows += core
            .db
            .put_rows(&transaction, team, table, &of_table.rows, keys)
            .await?;
    }
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let next = serde_json::to_string(&progress.next(&read)?).map_err(Problem::internal)?;
    core.db.note_progress(&transaction, team, &next, rows).await?;
    core.db.commit(transaction).await?;
    Ok(wire::ImportRowsResponse {
        rows,
        copied_rows: known.copied_rows + rows,
        of_changes,
        changes: i64::try_from(read.changes.len()).unwrap_or(i64::MAX),
    })
}
