//! Cells: where new teams go, what can be added, and a move that is interrupted at each of its steps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tonic::{Code, Request, Response, Status};
use watchbell_config::{CellClients, CellMover, Migrator};
use watchbell_contracts::api::{CellApi, SnapshotApi, TeamMoveApi};
use watchbell_contracts::config::v1::{
    AddCellRequest, Cell, CellMove, CellMoveState, GetCellMoveRequest, ListCellsRequest, LocateTeamRequest,
    MoveTeamRequest,
};
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_contracts::dispatcher::v1::TeamMoveState;
use watchbell_runtime::auth::internal_request;
use watchbell_store::store_tests;

use crate::support::{Config, platform, refused};

const MAIN: &str = "http://main";
const EU: &str = "http://eu";

/// Two cells as Config calls them.
#[derive(Default)]
struct Cells {
    /// By address: the move, and its state.
    moves: BTreeMap<&'static str, (String, TeamMoveState)>,
    /// Rows that were not copied yet.
    left: usize,
    /// Steps that are taken before Config dies; whether the next one has been taken then.
    dies: Option<(usize, bool)>,
    has_died: bool,
    thaws: usize,
    sqlite: bool,
}

#[derive(Clone)]
struct FakeCell(&'static str, Arc<Mutex<Cells>>);

fn clients(cells: &Arc<Mutex<Cells>>) -> CellClients {
    let cells = cells.clone();
    CellClients {
        connect: Arc::new(move |url| {
            let address = [MAIN, EU].into_iter().find(|known| *known == url).unwrap_or("");
            Ok(Arc::new(FakeCell(address, cells.clone())) as _)
        }),
        main: vec![MAIN.to_owned()],
        local: None,
    }
}

impl FakeCell {
    /// Takes a step; Config may be gone before it, or before its answer.
    async fn step<T>(
        &self,
        step: impl FnOnce(&mut Cells) -> Result<T, Status>,
    ) -> Result<Response<T>, Status> {
        let dies = {
            let mut cells = self.1.lock();
            cells.has_died |= matches!(cells.dies, Some((0, _)));
            match &mut cells.dies {
                Some((0, taken)) => Some(*taken),
                Some((left, _)) => {
                    *left -= 1;
                    None
                }
                None => None,
            }
        };
        if dies == Some(false) {
            std::future::pending::<()>().await;
        }
        let answer = step(&mut self.1.lock());
        if dies == Some(true) {
            std::future::pending::<()>().await;
        }
        answer.map(Response::new)
    }

    fn state(&self, cells: &Cells) -> Option<(String, TeamMoveState)> {
        cells.moves.get(self.0).cloned()
    }
}

fn wrong() -> Status {
    watchbell_runtime::problem::Problem::Precondition {
        reason: "MOVE_STATE",
        message: "not now".to_owned(),
    }
    .into()
}

#[async_trait]
impl TeamMoveApi for FakeCell {
    async fn describe_cell(
        &self,
        _: Request<wire::DescribeCellRequest>,
    ) -> Result<Response<wire::DescribeCellResponse>, Status> {
        let number = match self.0 {
            MAIN => 1,
            EU => 2,
            _ => return Err(Status::unavailable("there is nobody")),
        };
        Ok(Response::new(wire::DescribeCellResponse {
            database_id: uuid::Uuid::from_u128(number).to_string(),
            can_move_teams: !self.1.lock().sqlite,
            addresses: vec![self.0.to_owned()],
            version: "1.0.0".to_owned(),
        }))
    }

    async fn get_team_move(
        &self,
        _: Request<wire::GetTeamMoveRequest>,
    ) -> Result<Response<wire::GetTeamMoveResponse>, Status> {
        self.step(|cells| {
            let (move_id, state) = self.state(cells).unwrap_or_default();
            Ok(wire::GetTeamMoveResponse {
                state: state.into(),
                move_id,
                copied_rows: 0,
            })
        })
        .await
    }

    async fn prepare_arrival(
        &self,
        request: Request<wire::PrepareArrivalRequest>,
    ) -> Result<Response<wire::PrepareArrivalResponse>, Status> {
        let id = request.into_inner().move_id;
        self.step(|cells| {
            cells.moves.insert(self.0, (id, TeamMoveState::Arriving));
            Ok(wire::PrepareArrivalResponse { done: true })
        })
        .await
    }

    async fn begin_departure(
        &self,
        request: Request<wire::BeginDepartureRequest>,
    ) -> Result<Response<wire::BeginDepartureResponse>, Status> {
        let id = request.into_inner().move_id;
        self.step(|cells| {
            cells.moves.entry(self.0).or_insert((id, TeamMoveState::Copying));
            Ok(wire::BeginDepartureResponse {})
        })
        .await
    }

    async fn import_rows(
        &self,
        _: Request<wire::ImportRowsRequest>,
    ) -> Result<Response<wire::ImportRowsResponse>, Status> {
        self.step(|cells| {
            let rows = cells.left.min(100);
            cells.left -= rows;
            Ok(wire::ImportRowsResponse {
                rows: rows as i64,
                copied_rows: 1_000 - cells.left as i64,
                of_changes: rows == 0,
                changes: 0,
            })
        })
        .await
    }

    async fn freeze_team(
        &self,
        _: Request<wire::FreezeTeamRequest>,
    ) -> Result<Response<wire::FreezeTeamResponse>, Status> {
        self.step(|cells| match cells.moves.get_mut(self.0) {
            Some((_, state @ TeamMoveState::Copying)) => {
                *state = TeamMoveState::Frozen;
                Ok(wire::FreezeTeamResponse {})
            }
            _ => Err(wrong()),
        })
        .await
    }

    async fn leave_cell(
        &self,
        _: Request<wire::LeaveCellRequest>,
    ) -> Result<Response<wire::LeaveCellResponse>, Status> {
        self.step(|cells| match cells.moves.get_mut(self.0) {
            Some((_, state)) if cells.thaws > 0 => {
                cells.thaws -= 1;
                *state = TeamMoveState::Copying;
                Err(wrong())
            }
            Some((_, state @ (TeamMoveState::Frozen | TeamMoveState::Left))) => {
                *state = TeamMoveState::Left;
                Ok(wire::LeaveCellResponse {})
            }
            _ => Err(wrong()),
        })
        .await
    }

    async fn activate_team(
        &self,
        _: Request<wire::ActivateTeamRequest>,
    ) -> Result<Response<wire::ActivateTeamResponse>, Status> {
        self.step(|cells| {
            assert_eq!(cells.left, 0, "everything was copied");
            cells.moves.remove(self.0);
            Ok(wire::ActivateTeamResponse {})
        })
        .await
    }

    async fn remove_rows(
        &self,
        _: Request<wire::RemoveRowsRequest>,
    ) -> Result<Response<wire::RemoveRowsResponse>, Status> {
        self.step(|cells| {
            assert_eq!(self.state(cells).unwrap().1, TeamMoveState::Left);
            Ok(wire::RemoveRowsResponse { rows: 7, done: true })
        })
        .await
    }

    async fn cancel_team_move(
        &self,
        _: Request<wire::CancelTeamMoveRequest>,
    ) -> Result<Response<wire::CancelTeamMoveResponse>, Status> {
        self.step(|cells| {
            cells.moves.remove(self.0);
            Ok(wire::CancelTeamMoveResponse { done: true })
        })
        .await
    }
}

async fn add(config: &Config, name: &str, address: &str) -> Result<Cell, Status> {
    let request = AddCellRequest {
        cell: Some(Cell {
            name: name.to_owned(),
            addresses: vec![address.to_owned()],
            ..Cell::default()
        }),
        validate_only: false,
    };
    let answer = config.service.add_cell(platform(request)).await?;
    Ok(answer.into_inner().cell.unwrap())
}

async fn ask_to_move(config: &Config, team: &str, to: &str) -> Result<CellMove, Status> {
    let request = MoveTeamRequest {
        team_id: team.to_owned(),
        to_cell: to.to_owned(),
    };
    let answer = config.service.move_team(platform(request)).await?;
    Ok(answer.into_inner().r#move.unwrap())
}

async fn cell_of(config: &Config, team: &str) -> Option<String> {
    let request = LocateTeamRequest {
        team_id: team.to_owned(),
    };
    let located = config
        .service
        .locate_team(internal_request(request))
        .await
        .unwrap();
    located.into_inner().cell.map(|cell| cell.name)
}

/// Lets the loop run until it has nothing to do, or Config dies; whether it has.
async fn drive(config: &Config, cells: &Mutex<Cells>) -> bool {
    let mover = CellMover::new(config.service.clone());
    let mut tick = Box::pin(mover.tick());
    while !cells.lock().has_died {
        tokio::select! {
            done = &mut tick => {
                done.unwrap();
                return false;
            }
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
    }
    true
}

store_tests! {
    migrator = Migrator;

    async fn new_teams_go_to_the_emptiest_cell_and_one_cell_is_not_mentioned(store: Store) {
        let config = Config::on(&store);
        config.service.attach_cells(clients(&Arc::default()));
        let first = config.team().await.to_string();
        assert_eq!(cell_of(&config, &first).await, None, "there is one cell");
        add(&config, "eu", EU).await.unwrap();
        let second = config.team().await.to_string();
        let third = config.team().await.to_string();
        let mut cells = Vec::new();
        for team in [&first, &second, &third] {
            cells.push(cell_of(&config, team).await.unwrap());
        }
        assert_eq!(cells, ["main", "eu", "main"]);
        let listed = config.service.list_cells(platform(ListCellsRequest {})).await.unwrap().into_inner().cells;
        let listed: Vec<_> = listed.iter().map(|cell| (cell.name.as_str(), cell.team_count, cell.reachable)).collect();
        assert_eq!(listed, [("main", 2, true), ("eu", 1, true)]);
    }

    async fn a_cell_that_makes_no_sense_is_not_added(store: Store) {
        let config = Config::on(&store);
        let cells = Arc::<Mutex<Cells>>::default();
        config.service.attach_cells(clients(&cells));
        let reason = |answer| refused::<Cell>(answer).1;
        assert_eq!(reason(add(&config, "eu", MAIN).await), "CELL_KNOWN");
        assert_eq!(reason(add(&config, "eu", "http://nobody").await), "CELL_UNREACHABLE");
        assert_eq!(reason(add(&config, "main", EU).await), "ALREADY_EXISTS");
        assert_eq!(refused(add(&config, "E U", "dispatcher:7700").await).0, Code::InvalidArgument);
        cells.lock().sqlite = true;
        assert_eq!(reason(add(&config, "eu", EU).await), "NEEDS_POSTGRES");
    }

    async fn a_move_that_is_interrupted_at_any_step_goes_on_where_it_was(store: Store) {
        let config = Config::on(&store);
        let cells = Arc::<Mutex<Cells>>::default();
        config.service.attach_cells(clients(&cells));
        add(&config, "eu", EU).await.unwrap();
        let mut step = 0;
        loop {
            let team = loop {
                let team = config.team().await.to_string();
                if cell_of(&config, &team).await.as_deref() == Some("main") {
                    break team;
                }
            };
            *cells.lock() = Cells { left: 1_000, dies: Some((step / 2, step % 2 == 1)), ..Cells::default() };
            assert_eq!(ask_to_move(&config, &team, "eu").await.unwrap().state(), CellMoveState::Copying);
            let died = drive(&config, &cells).await;
            {
                let mut cells = cells.lock();
                cells.dies = None;
                cells.has_died = false;
                // The hold of a frozen team ends by itself.
                if let Some((_, state @ TeamMoveState::Frozen)) = cells.moves.get_mut(MAIN) {
                    *state = TeamMoveState::Copying;
                }
            }
            config.clock.advance(Duration::from_secs(60));
            ask_to_move(&config, &team, "eu").await.unwrap();
            assert!(!drive(&config, &cells).await, "step {step}");
            let moved = ask_to_move(&config, &team, "eu").await.unwrap();
            assert_eq!(moved.state(), CellMoveState::Done, "step {step}: {moved:?}");
            assert_eq!(cell_of(&config, &team).await.as_deref(), Some("eu"), "step {step}");
            let states: Vec<_> = cells.lock().moves.iter().map(|(cell, (_, state))| (*cell, *state)).collect();
            assert_eq!(states, [(MAIN, TeamMoveState::Left)], "step {step}");
            if !died {
                break;
            }
            step += 1;
        }
        assert!(step > 20, "it was interrupted at each of its steps, but there were {step}");
    }

    async fn a_team_that_cannot_be_moved_in_time_is_tried_again_and_then_stays(store: Store) {
        let config = Config::on(&store);
        let cells = Arc::<Mutex<Cells>>::default();
        config.service.attach_cells(clients(&cells));
        let team = config.team().await.to_string();
        let other = config.team().await.to_string();
        add(&config, "eu", EU).await.unwrap();
        *cells.lock() = Cells { thaws: 10, ..Cells::default() };
        ask_to_move(&config, &team, "eu").await.unwrap();
        assert_eq!(refused(ask_to_move(&config, &other, "eu").await).1, "MOVE_UNDER_WAY");
        assert!(!drive(&config, &cells).await);
        let request = GetCellMoveRequest { team_id: team.clone() };
        let moved = config.service.get_cell_move(platform(request)).await.unwrap().into_inner().r#move.unwrap();
        assert_eq!(moved.state(), CellMoveState::Failed, "{moved:?}");
        assert!(moved.message.contains("not now"), "{moved:?}");
        assert_eq!(cell_of(&config, &team).await.as_deref(), Some("main"));
        assert!(cells.lock().moves.is_empty(), "nothing is left of it");

        ask_to_move(&config, &team, "eu").await.unwrap();
        assert!(!drive(&config, &cells).await);
        assert_eq!(cell_of(&config, &team).await.as_deref(), Some("eu"), "the same again tries again");
    }
}
