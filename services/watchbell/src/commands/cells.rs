//! `cells`: which databases with Dispatchers there are, and moving a team from one to another. For platform keys.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Subcommand;
use watchbell_contracts::config::v1::{
    AddCellRequest, Cell, CellMove, CellMoveState, GetCellMoveRequest, ListCellsRequest, MoveTeamRequest,
};
use watchbell_model::text::counted;

use crate::failure::{Failure, Outcome, present};
use crate::session::{Named, Session};
use crate::text::{Style, Table};

/// Between two questions how far a move is.
const POLL: Duration = Duration::from_millis(500);

/// What to do with cells.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All cells: their Dispatchers, and how many teams live there
    List,
    /// Add a cell whose Dispatchers run already; new teams go to the cell with the fewest
    Add {
        /// Lower-case letters, digits and hyphens
        name: String,
        /// Where one of its Dispatchers is, http://host:port; may be given several times
        #[arg(long = "dispatcher-url", value_name = "URL", required = true)]
        addresses: Vec<String>,
        /// Only check that it could be added
        #[arg(long)]
        dry_run: bool,
    },
    /// Move a team to another cell; the same command again goes on, or says how far it is
    Move {
        /// The team, by id or name
        team: String,
        /// The name of the cell
        #[arg(long, value_name = "CELL")]
        to: String,
        /// Do not wait until it is over
        #[arg(long)]
        no_wait: bool,
    },
}

pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    match command {
        Command::List => list(session).await,
        Command::Add {
            name,
            addresses,
            dry_run,
        } => add(session, name, addresses, dry_run).await,
        Command::Move { team, to, no_wait } => move_team(session, &team, to, no_wait).await,
    }
}

async fn list(session: &Session) -> Outcome {
    let asked = session.ask(ListCellsRequest {});
    let answer = session.cells().list_cells(asked).await?.into_inner();
    let out = session.out;
    out.show("watchbell.config.v1.ListCellsResponse", &answer, || {
        let mut table = Table::new(&["NAME", "TEAMS", "STATE", "VERSION", "DISPATCHERS"]).keep(&[0, 1, 2]);
        for cell in &answer.cells {
            table.row([
                cell.name.clone(),
                cell.team_count.to_string(),
                reachable(cell).to_owned(),
                cell.version.clone(),
                cell.addresses.join(" "),
            ]);
        }
        table.render(out.style, out.width, "")
    })
}

const fn reachable(cell: &Cell) -> &'static str {
    match cell.reachable {
        true => "answers",
        false => "does not answer",
    }
}

async fn add(session: &Session, name: String, addresses: Vec<String>, dry_run: bool) -> Outcome {
    let cell = Cell {
        name,
        addresses,
        ..Cell::default()
    };
    let asked = session.ask(AddCellRequest {
        cell: Some(cell),
        validate_only: dry_run,
    });
    let answer = session.cells().add_cell(asked).await?.into_inner();
    let cell = present(answer.cell.as_ref())?;
    session
        .out
        .show("watchbell.config.v1.AddCellResponse", &answer, || match dry_run {
            true => format!("the cell {} can be added\n", cell.name),
            false => format!(
                "added the cell {}; new teams go to the cell with the fewest\n",
                cell.name
            ),
        })
}

async fn move_team(session: &Session, team: &str, to_cell: String, no_wait: bool) -> Outcome {
    let team_id = session.id_of(Named::Team, team).await?;
    let asked = session.ask(MoveTeamRequest {
        team_id: team_id.clone(),
        to_cell,
    });
    let answer = session.cells().move_team(asked).await?.into_inner();
    let mut moved = present(answer.r#move)?;
    let shows_progress = !session.out.json && std::io::stderr().is_terminal();
    while !no_wait && moved.end_time.is_none() {
        if shows_progress {
            eprint!("\r{}", progress(&moved));
        }
        tokio::time::sleep(POLL).await;
        let asked = session.ask(GetCellMoveRequest {
            team_id: team_id.clone(),
        });
        moved = present(session.cells().get_cell_move(asked).await?.into_inner().r#move)?;
    }
    if shows_progress {
        eprint!("\r");
    }
    session.out.show("watchbell.config.v1.CellMove", &moved, || {
        readable(&moved, session.out.style)
    })?;
    match moved.state() {
        CellMoveState::Failed => Err(Failure::Said(1)),
        _ => Ok(()),
    }
}

fn progress(moved: &CellMove) -> String {
    let rows = counted(moved.copied_rows, ["row", "rows"]);
    match moved.state() {
        CellMoveState::Removing => "moved; removing the old rows".to_owned(),
        _ if moved.message.is_empty() => format!("{rows} copied"),
        _ => format!("{rows} copied; {}", moved.message),
    }
}

fn readable(moved: &CellMove, style: Style) -> String {
    let (team, from, to) = (&moved.team_id, &moved.from_cell, &moved.to_cell);
    match moved.state() {
        CellMoveState::Done => format!(
            "{team} lives in the cell {to}; {} copied\n",
            counted(moved.copied_rows, ["row was", "rows were"])
        ),
        CellMoveState::Failed => format!(
            "{} {team} was not moved, and is served by the cell {from}: {}\n",
            style.bad("failed:"),
            moved.message
        ),
        _ => format!("{team} is on its way to the cell {to}: {}\n", progress(moved)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(state: CellMoveState, message: &str) -> CellMove {
        CellMove {
            team_id: "team_1".to_owned(),
            from_cell: "main".to_owned(),
            to_cell: "eu".to_owned(),
            state: state.into(),
            copied_rows: 1200,
            message: message.to_owned(),
            ..CellMove::default()
        }
    }

    #[test]
    fn a_move_is_said_in_a_sentence() {
        let say = |state, message| readable(&moved(state, message), Style::new(false));
        assert_eq!(
            say(CellMoveState::Copying, ""),
            "team_1 is on its way to the cell eu: 1200 rows copied\n"
        );
        assert_eq!(
            say(CellMoveState::Copying, "the cell eu: no answer"),
            "team_1 is on its way to the cell eu: 1200 rows copied; the cell eu: no answer\n"
        );
        assert_eq!(
            say(CellMoveState::Removing, ""),
            "team_1 is on its way to the cell eu: moved; removing the old rows\n"
        );
        assert_eq!(
            say(CellMoveState::Done, ""),
            "team_1 lives in the cell eu; 1200 rows were copied\n"
        );
        assert_eq!(
            say(CellMoveState::Failed, "the team was deleted"),
            "failed: team_1 was not moved, and is served by the cell main: the team was deleted\n"
        );
    }
}
