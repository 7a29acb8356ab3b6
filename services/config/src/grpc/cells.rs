//! Cells and moves of teams between them.

use futures::future::join_all;
use watchbell_contracts::config::v1::{
    AddCellRequest, AddCellResponse, Cell, GetCellMoveRequest, GetCellMoveResponse, ListCellsRequest,
    ListCellsResponse, MoveTeamRequest, MoveTeamResponse,
};
use watchbell_model::cell::{CellName, MAIN};
use watchbell_model::convert::timestamp;
use watchbell_model::ids::TeamId;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;

use super::{id, required};
use crate::cells::Described;
use crate::error::{Error, Result};
use crate::service::Service;
use crate::store::entities::{cell, cell_move};
use crate::store::{cell_moves, cells, parse, teams};

/// Addresses of a cell at most.
const ADDRESSES: usize = 16;
/// The longest address.
const MAX_ADDRESS: usize = 270;
/// Cells at most.
const CELLS: usize = 1_000;

pub(super) async fn list(
    service: &Service,
    _caller: Principal,
    _request: ListCellsRequest,
) -> Result<ListCellsResponse> {
    let reader = service.store().reader();
    let rows = cells::all(reader).await?;
    let counts = cells::counts_all_teams(reader).await?;
    let count = |name: &str| {
        let of_cell = counts.iter().find(|(cell, _)| cell == name);
        of_cell.map_or(0, |(_, count)| *count)
    };
    if rows.is_empty() {
        let described = service.cells().describe_main().await.ok();
        let addresses = described.as_ref().map(|cell| cell.addresses.clone());
        return Ok(ListCellsResponse {
            cells: vec![Cell {
                name: MAIN.to_owned(),
                addresses: addresses.unwrap_or_default(),
                team_count: count(MAIN),
                ..seen(described.as_ref())
            }],
        });
    }
    let cells = rows.iter().map(async |row| {
        let described = service.cells().describe_known(service.store(), row).await.ok();
        Cell {
            team_count: count(&row.name),
            ..to_message(row, described.as_ref())
        }
    });
    Ok(ListCellsResponse {
        cells: join_all(cells).await,
    })
}

/// What a cell says of itself, if it says anything.
fn seen(described: Option<&Described>) -> Cell {
    Cell {
        reachable: described.is_some(),
        version: described.map(|cell| cell.version.clone()).unwrap_or_default(),
        ..Cell::default()
    }
}

fn to_message(row: &cell::Model, described: Option<&Described>) -> Cell {
    Cell {
        name: row.name.clone(),
        addresses: described.map_or_else(|| row.addresses(), |cell| cell.addresses.clone()),
        create_time: (row.name != MAIN).then(|| timestamp(row.create_time)),
        ..seen(described)
    }
}

pub(super) async fn add(
    service: &Service,
    _caller: Principal,
    request: AddCellRequest,
) -> Result<AddCellResponse> {
    let given = required(request.cell, "cell")?;
    let name = checked(&given).map_err(|violations| violations.under("cell"))?;
    let store = service.store();
    let known = cells::all(store.reader()).await?;
    if name.is_main() || known.iter().any(|row| row.name == name.as_str()) {
        return Err(Problem::AlreadyExists {
            resource: "cell",
            name: name.to_string(),
        }
        .into());
    }
    if known.len() >= CELLS {
        return Err(refused(
            "LIMIT_REACHED",
            format!("there may be at most {CELLS} cells"),
        ));
    }
    let main = service.cells().describe_main().await?;
    let described = service.cells().describe(name.as_str(), &given.addresses).await?;
    for (cell, described) in [(MAIN, &main), (name.as_str(), &described)] {
        if !described.can_move_teams {
            let message = format!("the Dispatchers of the cell {cell} need PostgreSQL");
            return Err(refused("NEEDS_POSTGRES", message));
        }
    }
    let same = known.iter().find(|row| row.database_id == described.database_id);
    let same = same.map(|row| row.name.as_str());
    let same = same.or((described.database_id == main.database_id).then_some(MAIN));
    if let Some(same) = same {
        let message = format!("these Dispatchers are those of the cell {same}: they have its database");
        return Err(refused("CELL_KNOWN", message));
    }
    let now = service.now();
    let row = |name: &str, described: &Described| cell::Model {
        name: name.to_owned(),
        database_id: described.database_id,
        addresses: described.addresses.join("\n"),
        create_time: now,
    };
    let added = row(name.as_str(), &described);
    if !request.validate_only {
        let transaction = store.begin().await?;
        cells::put(&transaction, row(MAIN, &main)).await?;
        cells::put(&transaction, added.clone()).await?;
        transaction.commit().await?;
    }
    Ok(AddCellResponse {
        cell: Some(to_message(&added, Some(&described))),
    })
}

fn checked(cell: &Cell) -> std::result::Result<CellName, Violations> {
    let mut violations = Violations::new();
    let name = match cell.name.as_str() {
        "" => {
            violations.required("name");
            None
        }
        name => violations.parse("name", reason::MALFORMED, name),
    };
    if cell.addresses.is_empty() {
        violations.required("addresses");
    }
    violations.limit_entries("addresses", cell.addresses.len(), ADDRESSES);
    for (index, address) in cell.addresses.iter().enumerate() {
        let is_url = ["http://", "https://"]
            .iter()
            .any(|scheme| address.starts_with(scheme));
        if !is_url || address.len() > MAX_ADDRESS || address.contains(char::is_whitespace) {
            let field = format!("addresses[{index}]");
            let why = "must be the URL of a Dispatcher, http://host:port";
            violations.add(field, reason::MALFORMED, why);
        }
    }
    match name {
        Some(name) if violations.is_empty() => Ok(name),
        _ => Err(violations),
    }
}

fn refused(reason: &'static str, message: String) -> Error {
    Problem::Precondition { reason, message }.into()
}

pub(super) async fn move_team(
    service: &Service,
    _caller: Principal,
    request: MoveTeamRequest,
) -> Result<MoveTeamResponse> {
    let team: TeamId = id("team_id", &request.team_id)?;
    let to: CellName = id("to_cell", &request.to_cell)?;
    let store = service.store();
    let answer = |row: &cell_move::Model| MoveTeamResponse {
        r#move: Some(row.to_message()),
    };
    let row = teams::get(store.reader(), team).await?;
    let last = cell_moves::last(store.reader(), team).await?;
    if let Some(last) = &last
        && last.to_cell == to.as_str()
        && (last.under_way.is_some() || row.cell == last.to_cell)
    {
        return Ok(answer(last));
    }
    if row.cell == to.as_str() {
        let message = format!("team {team} lives in the cell {to} already");
        return Err(refused("LIVES_THERE", message));
    }
    let to = cells::get(store.reader(), &to).await?;
    let from = cells::get(store.reader(), &parse("teams", &row.cell)?).await?;
    let versions = (
        service.cells().describe_known(store, &from).await?.version,
        service.cells().describe_known(store, &to).await?.version,
    );
    if versions.0 != versions.1 || versions.0.is_empty() {
        let message = "the Dispatchers of both cells must be of one version; finish the upgrade first";
        return Err(refused("CELL_VERSIONS", message.to_owned()));
    }
    let begun = cell_move::Model::begin(team, from.name, to.name, service.now());
    if let Err(error) = cell_moves::insert(store.writer(), begun.clone()).await {
        let Some(other) = cell_moves::under_way_all_teams(store.reader()).await? else {
            return Err(error);
        };
        if other.team() == team && other.to_cell == begun.to_cell {
            return Ok(answer(&other));
        }
        let message = format!(
            "team {} is on its way to the cell {}; one team moves at a time",
            other.team(),
            other.to_cell
        );
        return Err(refused("MOVE_UNDER_WAY", message));
    }
    Ok(answer(&begun))
}

pub(super) async fn get_move(
    service: &Service,
    _caller: Principal,
    request: GetCellMoveRequest,
) -> Result<GetCellMoveResponse> {
    let team: TeamId = id("team_id", &request.team_id)?;
    let last = cell_moves::last(service.store().reader(), team).await?;
    let last = last.ok_or_else(|| Problem::not_found("move of team", team))?;
    Ok(GetCellMoveResponse {
        r#move: Some(last.to_message()),
    })
}
